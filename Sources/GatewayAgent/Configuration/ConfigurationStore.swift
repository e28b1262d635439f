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

    /// The configuration of a running gateway, whatever somebody has written into its files.
    public struct InForce: Sendable {
        /// What counts.
        public var configuration: GatewayConfiguration
        /// Keys that nobody knows, a line each; the other keys count.
        public var warnings: [String] = []
        /// What else is wrong, and what counts in its place; nil where nothing is.
        public var refusal: String?

        /// All of it, a line each.
        public var problems: [String] { warnings + (refusal.map { [$0] } ?? []) }
    }

    /// The configuration in force. Where the files cannot be understood, the last good one is: a gateway does not stand still
    /// because of a slip in an editor.
    /// - Parameter isTolerant: where there is no last good one, takes what can be understood, for commands that talk to
    ///   nobody. Otherwise that is an error.
    /// - Throws: DocumentErrors, and SystemError for a file that this user may not read.
    public func inForce(isTolerant: Bool = false) throws -> InForce {
        var (layers, warnings): ([GatewayConfiguration.Layer], [String]) = ([], [])
        var failure: (any Error)?
        for path in [folders.gatewayFile, folders.gatewayOverlayFile] {
            do {
                guard let bytes = try bytes(of: path) else { continue }
                let reading = try reading(bytes, source: path)
                // As a power cut leaves a file that somebody was writing; who means nothing writes `schema: gwe/v1`.
                if bytes.isEmpty, path == folders.gatewayFile, lastGood != nil {
                    failure = DocumentErrors(
                        DocumentError(source: path, mark: nil, path: "", message: "the file is empty"))
                }
                layers.append(reading.layer)
                warnings += reading.unknown?.errors.map(\.description) ?? []
                if let bad = reading.bad { failure = failure ?? bad }
            } catch let error as SystemError where error.code == EACCES || error.code == EPERM {
                throw error
            } catch {
                failure = failure ?? error
            }
        }
        let readable = GatewayConfiguration(layers: layers)
        do throws(DocumentErrors) { try requirePairs(readable) } catch { failure = failure ?? error }
        guard let failure else { return InForce(configuration: readable, warnings: warnings) }
        if let last = lastGood {
            return InForce(
                configuration: last, warnings: warnings,
                refusal: "\(failure); the last good configuration stays in force")
        }
        guard isTolerant else { throw failure }
        return InForce(configuration: readable, warnings: warnings, refusal: "\(failure)")
    }

    /// Keeps a configuration in which nothing is wrong, for the time when something is. Writes only what is new; where
    /// that cannot be written, the one before stays. May hold the password of a proxy: 0600.
    public func keep(_ configuration: GatewayConfiguration) {
        var editor = GatewayConfigurationEditor()
        for key in GatewayConfiguration.Key.allCases {
            if let setting = configuration.settings[key] { editor.set(key, to: setting.value) }
        }
        let path = folders.lastGatewayFile
        PrivateFile.close(path)
        let isKnown = FileTree.exists(path)
        if configuration.settings.isEmpty, !isKnown { return }
        guard (try? bytes(of: path)) != Array(editor.text.utf8) else { return }
        try? AtomicFile.write(editor.text, to: path, mode: 0o600)
    }

    private var lastGood: GatewayConfiguration? {
        guard let layer = try? layer(folders.lastGatewayFile), !layer.settings.isEmpty else { return nil }
        return GatewayConfiguration(layers: [layer])
    }

    /// What a file says as far as it is understood; nil where there is none.
    /// - Throws: DocumentErrors for what is no YAML, SystemError.
    func reading(_ path: String) throws -> GatewayConfiguration.Layer.Reading? {
        guard let bytes = try bytes(of: path) else { return nil }
        return try reading(bytes, source: path)
    }

    func reading(_ bytes: [UInt8], source: String) throws(DocumentErrors) -> GatewayConfiguration.Layer.Reading {
        let node: Node
        do throws(DocumentError) { node = try YAML.parse(bytes, source: source) } catch { throw DocumentErrors(error) }
        return GatewayConfiguration.Layer.reading(node, source: source)
    }

    func combine(
        _ file: GatewayConfiguration.Layer, _ overlay: GatewayConfiguration.Layer
    ) throws(DocumentErrors) -> GatewayConfiguration {
        let configuration = GatewayConfiguration(layers: [file, overlay])
        try requirePairs(configuration)
        return configuration
    }

    private func requirePairs(_ configuration: GatewayConfiguration) throws(DocumentErrors) {
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
        do throws(SystemError) {
            return try readAgain { () throws(SystemError) in try AtomicFile.read(path, limit: Self.byteLimit) }
        } catch {
            // ENOTDIR: a file stands where its folder should be, which whoever needs the folder tells better.
            if error.code == ENOENT || error.code == ENOTDIR { return nil }
            throw error
        }
    }

    /// A gateway does not stand still because of one read that failed.
    private func readAgain(_ read: () throws(SystemError) -> [UInt8]) throws(SystemError) -> [UInt8] {
        do throws(SystemError) { return try read() } catch {
            guard [EIO, EMFILE, ENFILE, ENOMEM].contains(error.code) else { throw error }
            return try read()
        }
    }
}
