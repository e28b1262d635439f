public import Documents
public import GatewayModel

/// How a gateway gets on with its cloud: the key `cloud` of a status.
public struct CloudStatusDocument: WireValue {
    /// What is wrong.
    public struct Trouble: Sendable, Equatable {
        /// What a technician is told.
        public var words: String
        /// What kind of trouble it is, for programs.
        public var kind: Word<CloudTrouble.Kind>
        /// The error itself, with what was tried.
        public var reason: String
        /// When it began (RFC 3339, UTC); `boot+0:12:03` where the clock was not believed.
        public var since: String
        /// Conversations that failed in a row.
        public var attempts: Int
        /// When the cloud is asked next, in words: `in 12m 4s`; nil, null, where that is not known.
        public var nextTry: String?

        /// A trouble that is in force.
        public init(
            words: String, kind: Word<CloudTrouble.Kind>, reason: String, since: String, attempts: Int, nextTry: String?
        ) {
            self.words = words
            self.kind = kind
            self.reason = reason
            self.since = since
            self.attempts = attempts
            self.nextTry = nextTry
        }
    }

    /// What is wrong; nil, null, while nothing is.
    public var trouble: Trouble?

    /// How it stands.
    public init(_ trouble: Trouble?) { self.trouble = trouble }

    /// The value of `cloud`. Without a trouble it has the key `trouble` alone.
    public var json: JSONValue {
        guard let trouble else { return ["trouble": .null] }
        return [
            "trouble": trouble.words.json, "kind": trouble.kind.json, "reason": trouble.reason.json,
            "since": trouble.since.json, "attempts": trouble.attempts.json, "next_try": trouble.nextTry.json,
        ]
    }

    /// Reads the value of `cloud`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        guard let words: String = try members.readIfAny("trouble") else {
            trouble = nil
            return
        }
        trouble = Trouble(
            words: words, kind: try members.read("kind"), reason: try members.read("reason"),
            since: try members.read("since"), attempts: try members.read("attempts"),
            nextTry: try members.readIfAny("next_try"))
    }
}
