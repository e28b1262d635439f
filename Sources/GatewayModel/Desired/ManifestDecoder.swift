public import Documents

/// Reads a manifest (docs/manifest.md, `Schemas/manifest.schema.json`) from a document that is well-formed.
public enum ManifestDecoder {
    /// Which layer a manifest is for: that is where its values say they come from.
    public enum Kind: Sendable {
        /// `manifest.yaml`: values come from the file, by its last path component, and their lines.
        case local
        /// A manifest that came through `engine_fetch` or `config_otau`.
        case cloud
    }

    /// The only value that the key `schema` of a manifest may have.
    public static let schema = "gwe/v1"

    /// All that is wrong is thrown together, up to 20 errors. A layer is only ever whole: with one error there is none.
    /// An empty document is an error, so that a file cut short by a full disk wishes nothing (D2).
    public static func decode(_ node: Node, source: String, kind: Kind) throws(DocumentErrors) -> Layer {
        let file = String(source.split(separator: "/").last ?? Substring(source))
        return try decode(node, source: source, allowsRun: false, isStored: false) { line in
            kind == .local ? .manifest(file: file, line: line) : .cloud
        }
    }

    /// The same for a text: JSON when the source's name ends in `.json`, else YAML.
    public static func decode(
        _ bytes: [UInt8], source: String, kind: Kind, yaml: DocumentReader
    ) throws(DocumentErrors) -> Layer {
        try decode(try parse(bytes, source: source, yaml: yaml), source: source, kind: kind)
    }

    /// The text of a local manifest that was good once, perhaps for a newer gwe: keys that nobody knows are passed over.
    public static func decodeStored(
        _ bytes: [UInt8], source: String, yaml: DocumentReader
    ) throws(DocumentErrors) -> Layer {
        let file = String(source.split(separator: "/").last ?? Substring(source))
        let node = try parse(bytes, source: source, yaml: yaml)
        return try decode(node, source: source, allowsRun: false, isStored: true) { .manifest(file: file, line: $0) }
    }

    private static func parse(
        _ bytes: [UInt8], source: String, yaml: DocumentReader
    ) throws(DocumentErrors) -> Node {
        do throws(DocumentError) {
            return source.hasSuffix(".json") ? try JSON.parse(bytes, source: source) : try yaml(bytes, source)
        } catch {
            throw DocumentErrors(error)
        }
    }

    static func decode(
        _ node: Node, source: String, allowsRun: Bool, isStored: Bool, origin: @escaping (_ line: Int) -> Origin
    ) throws(DocumentErrors) -> Layer {
        let problems = Problems(source: source, isStored: isStored)
        let layer = read(Field(node, problems: problems), allowsRun: allowsRun, origin: origin)
        try problems.throwIfAny()
        return layer
    }

    static let keys = ["schema", "update_interval", "apps", "policy"]

    private static func read(_ root: Field, allowsRun: Bool, origin: @escaping (_ line: Int) -> Origin) -> Layer {
        var layer = Layer(namesApps: false)
        if case .null = root.node.value {
            root.report("the manifest is empty: expected schema: \(schema) (to remove every app, write apps: {})")
            return layer
        }
        guard isOurs(root), let fields = Fields(root, keys: keys) else { return layer }
        if let field = fields.field("update_interval"), let interval = field.duration(.wholeSeconds) {
            layer.updateInterval = Sourced(interval, from: origin(field.keyMark.line))
        }
        if let field = fields.field("apps") {
            layer.namesApps = true
            let reader = AppReader(origin: origin, allowsRun: allowsRun)
            for entry in field.mapping("a mapping of apps (apps: {} removes every app)") ?? [] {
                let app = Field(
                    entry.node, keyMark: entry.keyMark, path: field.path.child(entry.key), problems: root.problems)
                guard let name = AppName(entry.key) else {
                    let remark = DocumentText.remark(on: entry.key, beyondASCII: true)
                    root.problems.report("no app's name: \(AppName.form)\(remark)", at: entry.keyMark, path: app.path)
                    continue
                }
                layer.apps[name] = reader.read(app, name: name)
            }
        }
        layer.policy = fields.field("policy").flatMap(PolicyLayer.decode)
        return layer
    }

    /// Another schema has other keys: nothing more is worth saying then.
    private static func isOurs(_ root: Field) -> Bool {
        guard root.node.entries != nil else {
            root.expected("a mapping that begins with schema: \(schema)")
            return false
        }
        guard let node = root.node["schema"] else {
            let near = root.node.entries?.first { Suggestion.nearest(to: $0.key, among: ["schema"]) != nil }
            let hint = near.map { "; did you mean \"schema\" in place of \(DocumentText.quoted($0.key))?" } ?? ""
            root.report("the key schema is missing: expected schema: \(schema)\(hint)")
            return false
        }
        guard node.string == schema else {
            let path = root.path.child("schema")
            Field(node, path: path, problems: root.problems).report(
                "unknown schema \(node.found): this gwe reads \(DocumentText.quoted(schema))")
            return false
        }
        return true
    }
}
