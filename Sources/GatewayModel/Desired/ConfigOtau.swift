public import Documents

/// ExoSense's `config_otau`: `{version, name, description?, type, payload}`.
///
/// The schema says little of `payload`; gwe takes it so:
/// - `FILE`: the name of one package in the content area;
/// - `URL_LIST`: a list of http(s) URLs, or one text with a URL a line, one package each;
/// - `JSON`: what `engine_fetch` takes, an install object or a whole manifest, as an object or as a text that holds one.
///
/// App and version are those of the package's file name, as everywhere; a single file whose name says neither gets
/// `name` and `version`. Those two also are the identity of the update in `otau_in`, whatever it installs.
public struct ConfigOtau: Sendable, Hashable {
    /// What `payload` holds: a file's name, what `engine_fetch` takes, or URLs.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case file = "FILE", json = "JSON", urlList = "URL_LIST"
    }

    /// The update's own name, 1 to 128 bytes; not always that of an app.
    public var name: String
    /// `otau_in` repeats it.
    public var version: String
    /// For people; gwe does nothing with it.
    public var description: String?
    /// The key `type`.
    public var kind: Kind
    /// What the payload asks for, in the terms of `engine_fetch`.
    public var command: EngineFetchCommand

    /// An update with all its members; `decode` reads one.
    public init(name: String, version: String, description: String? = nil, kind: Kind, command: EngineFetchCommand) {
        self.name = name
        self.version = version
        self.description = description
        self.kind = kind
        self.command = command
    }

    /// nil for an empty resource.
    public static func decode(
        _ text: String, source: String = "config_otau", yaml: @escaping DocumentReader
    ) throws(DocumentErrors) -> ConfigOtau? {
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else { return nil }
        let node: Node
        do throws(DocumentError) {
            node = try JSON.parse(text, source: source)
        } catch {
            throw DocumentErrors(error)
        }
        if node.string == "" { return nil }
        if case .null = node.value { return nil }
        let problems = Problems(source: source)
        let otau = try ConfigOtauReader(text: text, source: source, yaml: yaml).read(Field(node, problems: problems))
        try problems.throwIfAny()
        return otau
    }
}

private struct ConfigOtauReader {
    let text: String
    let source: String
    let yaml: DocumentReader

    func read(_ root: Field) throws(DocumentErrors) -> ConfigOtau? {
        guard let fields = Fields(root, keys: ["version", "name", "description", "type", "payload"]) else { return nil }
        for key in ["version", "name", "type", "payload"] where fields.field(key) == nil {
            fields.report("the key \(key) is missing")
        }
        let name = fields.field("name").flatMap(label)
        let version = fields.field("version").flatMap(label)
        let description = fields.field("description")?.string()
        let kind = fields.field("type")?.choice(of: ConfigOtau.Kind.allCases.map(\.rawValue))
            .flatMap(ConfigOtau.Kind.init)
        guard let name, let version, let kind, let payload = fields.field("payload") else { return nil }
        let command: EngineFetchCommand
        switch kind {
        case .file: command = file(payload, name: name, version: version)
        case .urlList: command = urls(payload, name: name, version: version)
        case .json: command = try json(payload)
        }
        return ConfigOtau(name: name, version: version, description: description, kind: kind, command: command)
    }

    private func label(_ field: Field) -> String? {
        guard let text = field.string("a text") else { return nil }
        guard (1...128).contains(text.utf8.count) else {
            field.expected("a text of 1 to 128 bytes")
            return nil
        }
        return text
    }

    private func file(_ field: Field, name: String, version: String) -> EngineFetchCommand {
        guard let text = field.string("the name of a file in the content area") else { return .empty }
        guard !text.isEmpty, !text.contains("/"), text != ".", text != ".." else {
            field.expected("the name of a file in the content area")
            return .empty
        }
        let entry = entry(text, location: .content(text), field: field, fallback: (name, version))
        return .install(entries: entry.map { [$0] } ?? [], remove: [])
    }

    private func urls(_ field: Field, name: String, version: String) -> EngineFetchCommand {
        let fields: [Field]
        if let text = field.node.string {
            fields = text.split(whereSeparator: \.isWhitespace).map {
                Field(Node(.string(String($0)), at: field.node.mark), path: field.path, problems: field.problems)
            }
        } else {
            fields = field.list("a list of URLs") ?? []
        }
        if fields.isEmpty { field.report("expected at least one URL") }
        var entries: [InstallEntry] = []
        for field in fields {
            guard let url = field.httpURL() else { continue }
            let path = url.prefix { $0 != "?" && $0 != "#" }
            let fileName = String(path.split(separator: "/").last ?? "")
            let fallback = fields.count == 1 ? (name, version) : nil
            guard let entry = entry(fileName, location: .url(url), field: field, fallback: fallback) else { continue }
            if entries.contains(where: { $0.app == entry.app }) { field.report("\(entry.app) is named twice") }
            entries.append(entry)
        }
        return .install(entries: entries, remove: [])
    }

    private func entry(
        _ fileName: String, location: ArtifactLocation, field: Field, fallback: (name: String, version: String)?
    ) -> InstallEntry? {
        if let fallback, (try? PackageName.parse(fileName)) == nil, let app = AppName(fallback.name),
            let version = Version(fallback.version)
        {
            return InstallEntry(tarball: fileName, app: app, version: version, location: location)
        }
        return field.package(fileName).map {
            InstallEntry(tarball: fileName, app: $0.name, version: $0.version, location: location)
        }
    }

    private func json(_ field: Field) throws(DocumentErrors) -> EngineFetchCommand {
        if let inner = field.node.string {
            return try EngineFetch.decode(inner, source: "\(source).payload", yaml: yaml)
        }
        return try EngineFetch.decode(field.node, text: text, source: source)
    }
}
