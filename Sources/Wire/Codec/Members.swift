internal import Documents

/// The members of an object on their way into a value.
struct Members {
    private let members: [(String, JSONValue)]

    init(of json: JSONValue) throws(WireError) {
        guard let members = json.members else { throw WireError(expected: "an object", found: json) }
        self.members = members
    }

    /// The value of a key; nil when it is missing.
    subscript(key: String) -> JSONValue? { members.first { $0.0 == key }?.1 }

    /// A value that must be there.
    func read<Value: WireValue>(_ key: String, as type: Value.Type = Value.self) throws(WireError) -> Value {
        guard let json = self[key] else { throw WireError("is missing", at: key) }
        return try value(key, json)
    }

    /// A value that may be missing or null.
    func readIfAny<Value: WireValue>(_ key: String, as type: Value.Type = Value.self) throws(WireError) -> Value? {
        guard let json = self[key], json != .null else { return nil }
        return try value(key, json)
    }

    /// Refuses documents of another version.
    func requireSchema() throws(WireError) {
        let name: String = try read("schema")
        guard name == WireSchema.name else {
            throw WireError("expected \(WireSchema.name), found \(DocumentText.quoted(name))", at: "schema")
        }
    }

    private func value<Value: WireValue>(_ key: String, _ json: JSONValue) throws(WireError) -> Value {
        do throws(WireError) { return try Value(json: json) } catch { throw error.under(key) }
    }
}

extension Optional where Wrapped: WireValue {
    /// The value, or null.
    var json: JSONValue { map(\.json) ?? .null }
}

extension [(String, JSONValue)] {
    /// Adds a member that is left out where there is no value.
    mutating func add(_ key: String, _ value: (some WireValue)?) {
        if let value { append((key, value.json)) }
    }
}
