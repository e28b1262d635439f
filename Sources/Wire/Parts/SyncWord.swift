public import Documents
public import GatewayModel

/// How an app stands to what is wanted of it, as one word: `synced`, `held`, `drifted(modified,symlink)`.
public struct SyncWord: WireValue, Hashable {
    /// The word, with the kinds of drift.
    public let text: String

    /// The word of an app.
    public init(_ app: AppStatus) { text = app.syncText }

    /// Any word.
    public init(text: String) { self.text = text }

    /// What it means without the kinds of drift; nil for a word that only a newer gwe knows.
    public var sync: AppStatus.Sync? { AppStatus.Sync(rawValue: String(text.prefix { $0 != "(" })) }

    /// The word as a string.
    public var json: JSONValue { .string(text) }

    /// Reads a string.
    public init(json: JSONValue) throws(WireError) { text = try String(json: json) }
}
