/// A place in a source text: line and column, both counted from 1; columns count Unicode scalars.
public struct Mark: Sendable, Hashable, Comparable {
    /// Counted from 1.
    public var line: Int
    /// Counted from 1, in Unicode scalars.
    public var column: Int

    /// A place by hand; `DocumentText.mark(of:in:)` finds that of a byte.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// In the order of the text.
    public static func < (a: Mark, b: Mark) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// A value of a YAML or JSON document that remembers where it stands.
public struct Node: Sendable {
    /// What stands there.
    public var value: Value
    /// Where it begins.
    public var mark: Mark
    /// What an unquoted scalar looks like in the source: `010` and `0xA` are both the integer 10. nil for the rest.
    public var text: String?

    /// A value that a reader found, or one made by hand for a part of a scalar.
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

    /// A key of a mapping and its value, each with its place.
    public struct Entry: Sendable {
        /// As the document means it: quotes and escapes are resolved.
        public var key: String
        /// Where the key begins.
        public var keyMark: Mark
        /// The value.
        public var node: Node

        /// An entry with all its members.
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

    /// The text of a string; nil for every other kind.
    public var string: String? { if case .string(let text) = value { text } else { nil } }
    /// The number of an integer; nil for every other kind. `wholeNumber` also takes `3.0`.
    public var int: Int64? { if case .int(let number) = value { number } else { nil } }
    /// The flag of a boolean; nil for every other kind.
    public var bool: Bool? { if case .bool(let flag) = value { flag } else { nil } }
    /// The values of a list; nil for every other kind.
    public var elements: [Node]? { if case .sequence(let nodes) = value { nodes } else { nil } }
    /// The entries of a mapping in the order of the text; nil for every other kind.
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
