public import Documents

/// A word of a list that may grow: its text, and what this version knows by it. A word of a newer gwe is kept as it is.
public struct Word<Known: RawRepresentable & Sendable & Hashable>: WireValue, Hashable where Known.RawValue == String {
    /// The word as it is written.
    public let text: String

    /// What it means; nil for a word that only a newer gwe knows.
    public var known: Known? { Known(rawValue: text) }

    /// A word of this version.
    public init(_ known: Known) { text = known.rawValue }

    /// Any word.
    public init(text: String) { self.text = text }

    /// The word as a string.
    public var json: JSONValue { .string(text) }

    /// Reads a string.
    public init(json: JSONValue) throws(WireError) { text = try String(json: json) }
}
