public import Documents

extension GatewayConfiguration.Layer {
    /// Reads the document of gateway.yaml. An empty document has no keys. All that is wrong is thrown together.
    /// - Parameter source: the path of the file, for errors and origins.
    public init(decoding node: Node, source: String) throws(DocumentErrors) {
        let problems = Problems(source: source)
        self.init()
        if case .null = node.value { return }
        let keys = GatewayConfiguration.Key.allCases
        if let fields = Fields(Field(node, problems: problems), keys: ["schema"] + keys.map(\.rawValue)) {
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
        try problems.throwIfAny()
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
