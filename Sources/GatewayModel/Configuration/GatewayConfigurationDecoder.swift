public import Documents

extension GatewayConfiguration.Layer {
    /// Reads the document of gateway.yaml. An empty document has no keys. All that is wrong is thrown together.
    /// - Parameter source: the path of the file, for errors and origins.
    public init(decoding node: Node, source: String) throws(DocumentErrors) {
        let problems = Problems(source: source)
        self.init()
        read(node, source, unknown: problems, bad: problems)
        try problems.throwIfAny()
    }

    /// What a document says as far as it can be understood.
    public struct Reading: Sendable {
        /// The keys that are known and whose values are good.
        public var layer: GatewayConfiguration.Layer
        /// The names of keys that are not known, in the order of the text.
        public var unknownKeys: [String] = []
        /// What is to be said of those; nil where there are none.
        public var unknown: DocumentErrors?
        /// What else is wrong; nil where nothing is.
        public var bad: DocumentErrors?
    }

    /// Reads the document of gateway.yaml and never fails: what is wrong stands beside what is good.
    /// - Parameter source: the path of the file, for errors and origins.
    public static func reading(_ node: Node, source: String) -> Reading {
        var layer = GatewayConfiguration.Layer()
        let (unknown, bad) = (Problems(source: source), Problems(source: source))
        layer.read(node, source, unknown: unknown, bad: bad)
        var reading = Reading(layer: layer)
        reading.unknownKeys = (node.entries ?? []).map(\.key).filter { !knownKeys.contains($0) }
        do throws(DocumentErrors) { try unknown.throwIfAny() } catch { reading.unknown = error }
        do throws(DocumentErrors) { try bad.throwIfAny() } catch { reading.bad = error }
        return reading
    }

    private static let knownKeys = ["schema"] + GatewayConfiguration.Key.allCases.map(\.rawValue)

    private mutating func read(_ node: Node, _ source: String, unknown: Problems, bad: Problems) {
        if case .null = node.value { return }
        let keys = GatewayConfiguration.Key.allCases
        let entries = node.entries ?? []
        for entry in entries where !Self.knownKeys.contains(entry.key) {
            let words =
                "unknown key \(DocumentText.quoted(entry.key)); \(Fields.hint(for: entry.key, among: Self.knownKeys))"
            unknown.report(words, at: entry.keyMark, path: .root)
        }
        if let fields = Fields(Field(node, problems: bad), keys: Self.knownKeys + entries.map(\.key)) {
            if let field = fields.field("schema"), field.node.string != GatewayConfiguration.schema {
                field.expected(GatewayConfiguration.schema)
            }
            for key in keys {
                guard let field = fields.field(key.rawValue) else { continue }
                let origin = Origin.manifest(file: source, line: field.node.mark.line)
                if case .null = field.node.value {
                    settings[key] = Sourced(nil, from: origin)
                } else if let text = Self.text(of: field, key) {
                    settings[key] = Sourced(text, from: origin)
                }
            }
            if settings[.identity]?.value != nil, settings[.interface]?.value != nil {
                fields.field(GatewayConfiguration.Key.interface.rawValue)?.report(
                    "identity is set as well, and a gateway has one identity: remove identity or interface")
            }
        }
    }

    private static func text(of field: Field, _ key: GatewayConfiguration.Key) -> String? {
        let text: String
        switch field.node.value {
        case .bool(let flag) where key.isScalar: text = flag ? "true" : "false"
        case .int(let number) where key.isScalar: text = String(number)
        default:
            guard let string = field.string() else { return nil }
            text = string
        }
        if let problem = key.problem(with: text) {
            field.report(problem)
            return nil
        }
        return text
    }
}

extension GatewayConfiguration.Key {
    /// The words for a key that does not exist.
    public static func unknown(_ name: String) -> String {
        "unknown key \(DocumentText.quoted(name)); \(Fields.hint(for: name, among: allCases.map(\.rawValue)))"
    }
}
