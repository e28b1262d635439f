internal import Documents

/// JSON that is not what a type needs. Reads "apps[0].sync: expected a string, found null".
public struct WireError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The way to the place: `apps[0].sync`; empty at the root.
    public private(set) var path: String
    /// What is wrong there; lower case, no full stop.
    public let message: String

    init(_ message: String, at path: String = "") {
        self.path = path
        self.message = message
    }

    init(expected what: String, found json: JSONValue) { self.init("expected \(what), found \(json.kind)") }

    /// The same error, seen from the object that has the place under this key.
    func under(_ key: String) -> WireError {
        var error = self
        error.path = path.isEmpty ? key : path.hasPrefix("[") ? key + path : "\(key).\(path)"
        return error
    }

    /// The same error, seen from the list.
    func under(_ index: Int) -> WireError { under("[\(index)]") }

    /// The path, if there is one, and the message.
    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

extension JSONValue {
    /// What it is, in words for a message.
    fileprivate var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int, .double: "a number"
        case .string(let text): DocumentText.quoted(text)
        case .array: "a list"
        case .object: "an object"
        }
    }
}
