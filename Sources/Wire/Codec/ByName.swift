public import Documents

/// An object whose keys are names of things and not of fields, in the order in which it is written.
public struct ByName<Value: WireValue>: WireValue {
    /// A name and what stands under it.
    public struct Entry: Sendable, Equatable {
        /// The key.
        public var name: String
        /// The value.
        public var value: Value
    }

    /// In the order of the text.
    public var entries: [Entry]

    /// Values in the order that is given.
    public init(_ entries: [(String, Value)] = []) { self.entries = entries.map { Entry(name: $0.0, value: $0.1) } }

    /// Whether there is no value.
    public var isEmpty: Bool { entries.isEmpty }

    /// The value under a name; nil when there is none.
    public subscript(name: String) -> Value? { entries.first { $0.name == name }?.value }

    /// The values as members of one object.
    public var json: JSONValue { .object(entries.map { ($0.name, $0.value.json) }) }

    /// Reads an object.
    public init(json: JSONValue) throws(WireError) {
        guard let members = json.members else { throw WireError(expected: "an object", found: json) }
        entries = []
        for (name, json) in members {
            do throws(WireError) { entries.append(Entry(name: name, value: try Value(json: json))) } catch {
                throw error.under(name)
            }
        }
    }
}
