public import Documents
public import GatewayModel

/// One way in which an app differs from what was installed.
public struct DriftDocument: WireValue {
    /// `missing`, `modified`, `symlink`, `config`, `health`, `stopped`, `version`.
    public var kind: String
    /// In words: what differs.
    public var message: String

    /// A difference that was seen.
    public init(_ drift: Drift) {
        kind = drift.word
        message = drift.description
    }

    /// Kind and words.
    public var json: JSONValue { ["kind": kind.json, "message": message.json] }

    /// Reads one difference.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        kind = try members.read("kind")
        message = try members.read("message")
    }
}
