public import Documents
public import GatewayModel

/// An answer that is words alone: `{"message": …}`.
public struct MessageAnswer: WireValue {
    /// What was done, or why it was not.
    public var message: String

    /// Words for people.
    public init(_ message: String) { self.message = message }

    /// The document.
    public var json: JSONValue { ["message": message.json] }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) { message = try Members(of: json).read("message") }
}

/// How a command ended: `{"exit": …, "message": …}`. Also what `gwe report --json` prints.
public struct OutcomeAnswer: WireValue {
    /// What the command ends with.
    public var exit: ExitStatus
    /// The same in words.
    public var message: String

    /// An end and its words.
    public init(_ exit: ExitStatus, _ message: String) {
        self.exit = exit
        self.message = message
    }

    /// The document.
    public var json: JSONValue { ["exit": exit.json, "message": message.json] }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        exit = try members.read("exit")
        message = try members.read("message")
    }
}

/// The answer to `GET /v1/status`: the document of `gwe status --json`, and what that command ends with.
public struct StatusAnswer: WireValue {
    /// What `gwe status` ends with.
    public var exit: ExitStatus
    /// What it prints.
    public var status: StatusDocument

    /// A status and its end.
    public init(_ exit: ExitStatus, _ status: StatusDocument) {
        self.exit = exit
        self.status = status
    }

    /// The document.
    public var json: JSONValue { ["exit": exit.json, "status": status.json] }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        exit = try members.read("exit")
        status = try members.read("status")
    }
}

/// What became of a verb.
public struct ActionAnswer: WireValue {
    /// The app and how it is now, or what was noted.
    public var message: String
    /// The state of its service; nil, an empty text, where it has none.
    public var state: Word<ServiceState>?
    /// What else is to be said: who requires an app that was stopped.
    public var notes: [String]

    /// What was done, and how the app is now.
    public init(message: String, state: Word<ServiceState>?, notes: [String]) {
        self.message = message
        self.state = state
        self.notes = notes
    }

    /// The document.
    public var json: JSONValue {
        ["message": message.json, "state": .string(state?.text ?? ""), "notes": notes.json]
    }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        message = try members.read("message")
        let state: String = try members.read("state")
        self.state = state.isEmpty ? nil : Word(text: state)
        notes = try members.read("notes")
    }
}
