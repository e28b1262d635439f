public import Documents

extension GatewayConfiguration.Layer {
    /// Reads the document of gateway.yaml. An empty document has no keys.
    /// - Parameter source: the name of the file, for errors and origins.
    public init(decoding node: Node, source: String) throws(DocumentError) {
        func fail(_ mark: Mark, _ path: String, _ message: String) -> DocumentError {
            DocumentError(source: source, mark: mark, path: path, message: message)
        }
        self.init()
        if case .null = node.value { return }
        guard let entries = node.entries else {
            throw fail(node.mark, "", "expected a mapping of keys such as product and identity, found \(node.kind)")
        }
        for entry in entries {
            if entry.key == "schema" {
                guard entry.node.string == GatewayConfiguration.schema else {
                    throw fail(entry.node.mark, "schema", "expected \(GatewayConfiguration.schema)")
                }
                continue
            }
            guard let key = GatewayConfiguration.Key(rawValue: entry.key) else {
                throw fail(entry.keyMark, "", GatewayConfiguration.Key.unknown(entry.key))
            }
            let origin = Origin.manifest(file: source, line: entry.node.mark.line)
            let text: String
            switch entry.node.value {
            case .null:
                settings[key] = Sourced(nil, from: origin)
                continue
            case .string(let string): text = string
            case .bool(let flag) where key.isScalar: text = flag ? "true" : "false"
            case .int(let number) where key.isScalar: text = String(number)
            case .bool, .int, .double:
                throw fail(
                    entry.node.mark, key.rawValue, "expected a string, found \(entry.node.kind): put quotes around it")
            case .sequence, .mapping:
                throw fail(entry.node.mark, key.rawValue, "expected a string, found \(entry.node.kind)")
            }
            if let problem = key.problem(with: text) { throw fail(entry.node.mark, key.rawValue, problem) }
            settings[key] = Sourced(text, from: origin)
        }
        if settings[.identity]?.value != nil, let interface = settings[.interface], interface.value != nil {
            throw fail(
                node["interface"]?.mark ?? node.mark, "interface",
                "identity is set as well, and a gateway has one identity: remove identity or interface")
        }
    }
}

extension GatewayConfiguration.Key {
    /// The words for a key that does not exist.
    public static func unknown(_ name: String) -> String {
        let near = allCases.map { ($0, distance(name, $0.rawValue)) }.min { $0.1 < $1.1 }
        if let near, near.1 <= max(2, near.0.rawValue.count / 3) {
            return "unknown key '\(name)'; did you mean '\(near.0)'?"
        }
        return "unknown key '\(name)'; the keys are \(allCases.map(\.rawValue).joined(separator: ", "))"
    }

    /// How many letters must be changed, added, dropped or swapped with their neighbour (optimal string alignment).
    private static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.lowercased().utf8.prefix(64)), b = Array(b.utf8)
        var rows = [Array(0...b.count)]
        for i in 1...max(1, a.count) where i <= a.count {
            var row = [i]
            for j in 1...b.count {
                let substitution = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
                var best = min(substitution, rows[i - 1][j] + 1, row[j - 1] + 1)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { best = min(best, rows[i - 2][j - 2] + 1) }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
