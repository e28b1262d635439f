internal import Documents
internal import Glibc
public import GatewayModel
internal import GatewaySystem

/// The files of `GatewayConfiguration`: gateway.yaml, and its overlay in the state folder.
///
/// Reading takes no lock and writes nothing. The daemon only reads; `gwe config` writes.
public struct ConfigurationStore: Sendable {
    /// Where the two files are.
    public var folders: Folders

    /// A gateway.yaml is a page of text; more than this is a mistake.
    static let byteLimit = 64 * 1_024

    /// The files of a gateway with these folders. Nothing is read yet.
    public init(folders: Folders) { self.folders = folders }

    /// The configuration in force. A missing file has no keys.
    /// - Throws: DocumentErrors for a file that cannot be understood, SystemError for one that cannot be read.
    public func load() throws -> GatewayConfiguration {
        let file = try layer(folders.gatewayFile)
        let overlay = try layer(folders.gatewayOverlayFile)
        return try combine(file, overlay)
    }

    func combine(
        _ file: GatewayConfiguration.Layer, _ overlay: GatewayConfiguration.Layer
    ) throws(DocumentErrors) -> GatewayConfiguration {
        let configuration = GatewayConfiguration(layers: [file, overlay])
        // curl would only say "problem with the local SSL certificate", and only at the first request.
        let pair: [(GatewayConfiguration.Key, GatewayConfiguration.Key)] = [
            (.clientCertificate, .clientKey), (.clientKey, .clientCertificate),
        ]
        for (key, other) in pair {
            guard let setting = configuration.settings[key], configuration.settings[other] == nil else { continue }
            let place = setting.origin.description
            let message = "\(other) must be set as well"
            throw DocumentErrors(DocumentError(source: place, mark: nil, path: key.rawValue, message: message))
        }
        return configuration
    }

    func layer(_ path: String) throws -> GatewayConfiguration.Layer {
        guard let bytes = try bytes(of: path) else { return .init() }
        return try layer(bytes, source: path)
    }

    func layer(_ bytes: [UInt8], source: String) throws(DocumentErrors) -> GatewayConfiguration.Layer {
        let node: Node
        do throws(DocumentError) { node = try YAML.parse(bytes, source: source) } catch { throw DocumentErrors(error) }
        return try GatewayConfiguration.Layer(decoding: node, source: source)
    }

    /// The content of a file; nil when there is none.
    func bytes(of path: String) throws(SystemError) -> [UInt8]? {
        do {
            return try AtomicFile.read(path, limit: Self.byteLimit)
        } catch {
            // ENOTDIR: a file stands where its folder should be, which whoever needs the folder tells better.
            if error.code == ENOENT || error.code == ENOTDIR { return nil }
            throw error
        }
    }
}
