public import Documents

/// One element of `{"install": […]}`.
public struct InstallEntry: Sendable, Hashable {
    /// The name under which `fetch_status` speaks of it.
    public var tarball: String
    /// Read from the name of the package.
    public var app: AppName
    /// Read from the name of the package.
    public var version: Version
    /// Where the artifact is: the content area, or with `config_otau` perhaps a URL.
    public var location: ArtifactLocation
    /// Of the artifact; nil takes any content of that name.
    public var sha256: Digest?
    /// Bytes.
    public var size: Int64?

    /// An entry of a command.
    /// - Parameter location: nil is the content whose name is `tarball`.
    public init(
        tarball: String, app: AppName, version: Version, location: ArtifactLocation? = nil, sha256: Digest? = nil,
        size: Int64? = nil
    ) {
        self.tarball = tarball
        self.app = app
        self.version = version
        self.location = location ?? .content(tarball)
        self.sha256 = sha256
        self.size = size
    }

    /// The wish of the command with this number (D5).
    public func release(commandNumber: Int64) -> ReleaseWish {
        ReleaseWish(version: version, location: location, sha256: sha256, size: size, commandNumber: commandNumber)
    }
}

/// What the cloud writes to `engine_fetch`.
public enum EngineFetchCommand: Sendable, Hashable {
    /// Nothing there: empty, white space, or the empty string as JSON or shell people write it.
    case empty
    /// Each entry updates the cloud layer, then `remove` drops entries of it.
    case install(entries: [InstallEntry], remove: [AppName])
    /// Replaces the cloud layer; the text is what its digest is taken of.
    case manifest(Layer, digestSource: String)
}

/// The reader of `engine_fetch` (`Schemas/engine_fetch.schema.json`).
public enum EngineFetch {
    /// Text that begins with `{` or `[` is JSON, any other is YAML.
    public static func decode(
        _ text: String, source: String = "engine_fetch", yaml: DocumentReader
    ) throws(DocumentErrors) -> EngineFetchCommand {
        let trimmed = text.unicodeScalars.drop { $0.properties.isWhitespace || $0 == "\u{FEFF}" }
        guard let first = trimmed.first else { return .empty }
        if let sign = DocumentText.htmlSign(at: Array(String(trimmed.prefix(12)).utf8)[...]) {
            throw DocumentErrors(
                DocumentError(
                    source: source, mark: Mark(line: 1, column: 1),
                    message: "expected JSON or YAML, found \(sign): this looks like HTML, "
                        + "so copy the text itself, not the page's source"))
        }
        let node: Node
        do throws(DocumentError) {
            let bytes = Array(text.utf8)
            let isJSON = first == "{" || first == "["
            node = isJSON ? try JSON.parse(bytes, source: source) : try yaml(bytes, source)
        } catch {
            throw DocumentErrors(error)
        }
        if node.string == "" { return .empty }
        if case .null = node.value { return .empty }
        return try decode(node, text: text, source: source)
    }

    static let installKeys = ["install", "remove"]

    /// The same for a document that is already read; `text` is what a manifest's digest is taken of.
    static func decode(_ node: Node, text: String, source: String) throws(DocumentErrors) -> EngineFetchCommand {
        if isManifest(node) {
            return .manifest(try ManifestDecoder.decode(node, source: source, kind: .cloud), digestSource: text)
        }
        let problems = Problems(source: source)
        let command = install(Field(node, problems: problems))
        try problems.throwIfAny()
        return command
    }

    /// Neither form has a key of the other. A slip such as `shema` counts, so that the message fits what was meant.
    private static func isManifest(_ node: Node) -> Bool {
        let keys = node.entries?.map(\.key) ?? []
        if keys.contains("schema") || keys.contains("apps") { return true }
        guard !keys.contains(where: installKeys.contains) else { return false }
        return keys.contains { key in
            guard let near = Suggestion.nearest(to: key, among: installKeys + ManifestDecoder.keys) else {
                return false
            }
            return ManifestDecoder.keys.contains(near)
        }
    }

    private static func install(_ root: Field) -> EngineFetchCommand {
        guard root.node.entries != nil else {
            root.expected("{\"install\": [{\"name\": \"<app>.v<version>.tar.gz\"}]} or a manifest with schema: gwe/v1")
            return .empty
        }
        guard let fields = Fields(root, keys: installKeys) else { return .empty }
        if root.node.entries?.isEmpty == true {
            fields.report("expected the key install or remove, or a manifest with schema: gwe/v1")
        }
        var entries: [InstallEntry] = []
        for element in fields.field("install")?.list("a list of {\"name\": …}") ?? [] {
            guard let entry = entry(element) else { continue }
            if entries.contains(where: { $0.app == entry.app }) {
                element.report("\(entry.app) is named twice in one command")
            }
            entries.append(entry)
        }
        var remove: [AppName] = []
        for element in fields.field("remove")?.list("a list of apps") ?? [] {
            guard let app = element.appName() else { continue }
            if remove.contains(app) || entries.contains(where: { $0.app == app }) {
                element.report("\(app) is named twice in one command")
            }
            remove.append(app)
        }
        return .install(entries: entries, remove: remove)
    }

    private static func entry(_ element: Field) -> InstallEntry? {
        guard let fields = Fields(element, keys: ["name", "sha256", "size"]) else { return nil }
        let sha256 = fields.field("sha256")?.digest()
        let size = fields.field("size")?.integer(in: 1...Field.largestInteger)
        guard let name = fields.field("name") else {
            fields.report("the key name is missing: expected \"name\": \"<app>.v<version>.tar.gz\"")
            return nil
        }
        guard let text = name.string("the name of a package"), let package = name.package(text) else { return nil }
        return InstallEntry(tarball: text, app: package.name, version: package.version, sha256: sha256, size: size)
    }
}

extension Field {
    func package(_ text: String) -> PackageName? {
        do {
            return try PackageName.parse(text)
        } catch {
            report(
                "\(DocumentText.quoted(text)) is no package's name: \(error.reason); expected <app>.v<version>.tar.gz")
            return nil
        }
    }
}
