public import Documents

/// A value that others read as JSON: written and read back by one definition.
///
/// Writing keeps the order of the keys, so that the same value is always the same bytes. Reading is strict in the keys that
/// the type needs, and takes no notice of keys that it does not know: a newer gwe may say more. What `json` gives is always
/// read back as an equal value.
public protocol WireValue: Sendable, Equatable {
    /// The value as JSON.
    var json: JSONValue { get }

    /// Reads a value.
    /// - Throws: `WireError` with the place and what was expected there.
    init(json: JSONValue) throws(WireError)
}

extension WireValue {
    /// The text of the value: on one line, or indented by two spaces.
    public func jsonText(indented: Bool = false) -> String { json.text(indented: indented) }

    /// Reads a text of JSON.
    /// - Throws: `WireError` for a text that is no JSON too.
    public init(jsonText: String) throws(WireError) {
        let node: Node
        do throws(DocumentError) { node = try JSON.parse(jsonText, source: "text") } catch {
            throw WireError(error.description)
        }
        try self.init(json: node.json)
    }
}

/// The version of every document that has a `schema` key.
public enum WireSchema {
    /// `gwe/v1`. Keys are added under this name, and none is taken away or given another meaning.
    public static let name = "gwe/v1"

    static let member = ("schema", JSONValue.string(name))
}
