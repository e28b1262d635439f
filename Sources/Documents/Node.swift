/// A place in a source text: line and column, both counted from 1; columns count Unicode scalars.
public struct Mark: Sendable, Hashable, Comparable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (a: Mark, b: Mark) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// A value of a YAML or JSON document that remembers where it stands.
public struct Node: Sendable {
    public var value: Value
    public var mark: Mark
    /// What an unquoted scalar looks like in the source: `010` and `0xA` are both the integer 10. nil for the rest.
    public var text: String?

    public init(_ value: Value, at mark: Mark, text: String? = nil) {
        self.value = value
        self.mark = mark
        self.text = text
    }

    /// The JSON data model, which is also YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema).
    public enum Value: Sendable {
        case null
        case bool(Bool)
        case int(Int64)
        /// The text is kept: `1.10` is a number, but a version must not lose its zero.
        case double(Double, text: String)
        case string(String)
        case sequence([Node])
        /// Keys in the order of the text. The readers refuse duplicate keys.
        case mapping([Entry])
    }

    public struct Entry: Sendable {
        public var key: String
        public var keyMark: Mark
        public var node: Node

        public init(key: String, keyMark: Mark, node: Node) {
            self.key = key
            self.keyMark = keyMark
            self.node = node
        }
    }

    /// The value of a key of a mapping; nil when this is no mapping or has no such key.
    public subscript(key: String) -> Node? {
        guard case .mapping(let entries) = value else { return nil }
        return entries.first { $0.key == key }?.node
    }

    public var string: String? { if case .string(let text) = value { text } else { nil } }
    public var int: Int64? { if case .int(let number) = value { number } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = value { flag } else { nil } }
    public var elements: [Node]? { if case .sequence(let nodes) = value { nodes } else { nil } }
    public var entries: [Entry]? { if case .mapping(let entries) = value { entries } else { nil } }

    /// What the value is, in words for an error message: "a string", "a mapping".
    public var kind: String {
        switch value {
        case .null: "null"
        case .bool: "a boolean"
        case .int: "an integer"
        case .double: "a number"
        case .string: "a string"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// The same value without its places.
    public var json: JSONValue {
        switch value {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .double(let number, _): .double(number)
        case .string(let text): .string(text)
        case .sequence(let nodes): .array(nodes.map(\.json))
        case .mapping(let entries): .object(entries.map { ($0.key, $0.node.json) })
        }
    }
}
