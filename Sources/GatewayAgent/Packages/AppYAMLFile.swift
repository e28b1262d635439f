internal import Documents
internal import GatewayModel
internal import GatewaySystem

extension AppYAML {
    /// Reads `app.yaml` of an unpacked release; nil when it has none.
    static func load(releaseFolder folder: String) throws -> AppYAML? {
        let path = folder + "/" + fileName
        let bytes: [UInt8]
        do {
            bytes = try AtomicFile.read(path, limit: 1 << 20)
        } catch {
            guard FileTree.exists(path) else { return nil }
            throw error
        }
        return try decode(YAML.parse(bytes, source: fileName))
    }
}
