internal import Documents
internal import GatewayModel
internal import GatewaySystem

extension AppYAML {
    /// Reads `app.yaml` of an unpacked release; nil when it has none.
    static func load(releaseFolder folder: String) throws -> AppYAML? {
        let path = folder + "/" + fileName
        guard FileTree.exists(path) else { return nil }
        let node = try YAML.parse(try AtomicFile.read(path, limit: 1 << 20), source: fileName)
        return try decode(node)
    }
}
