public import Documents
internal import GatewayModel

/// What `gwe activate --json` prints.
public struct ActivationDocument: WireValue {
    /// Whether the gateway has a token now.
    public var isActivated: Bool
    /// The same in words.
    public var message: String

    /// How an activation ended.
    public init(isActivated: Bool, message: String) {
        self.isActivated = isActivated
        self.message = message
    }

    /// The document.
    public var json: JSONValue { ["activated": isActivated.json, "message": message.json] }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        isActivated = try members.read("activated")
        message = try members.read("message")
    }
}

/// What `gwe exit-codes --json` prints: each exit status and its meaning.
public struct ExitCodesDocument: WireValue {
    /// By the number as a text.
    public var meanings: ByName<String>

    /// Those of this version, in the order of their numbers.
    public init() {
        let all = ExitStatus.allCases.sorted { $0.rawValue < $1.rawValue }
        meanings = ByName(all.map { (String($0.rawValue), $0.meaning) })
    }

    /// The document.
    public var json: JSONValue { meanings.json }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) { meanings = try ByName(json: json) }
}
