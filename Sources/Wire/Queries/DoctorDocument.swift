public import Documents

/// What `gwe doctor --json` prints.
public struct DoctorDocument: WireValue {
    /// What one check found.
    public struct Check: WireValue {
        /// Its name, by which scripts choose and skip it.
        public var id: String
        /// `ok`, `warning`, `failed`, `skipped`.
        public var result: String
        /// What was found, in one line.
        public var message: String
        /// What mends it; the key is left out where there is nothing to mend.
        public var hint: String?
        /// How long it took.
        public var milliseconds: Int64

        /// A check that was run.
        public init(id: String, result: String, message: String, hint: String?, milliseconds: Int64) {
            self.id = id
            self.result = result
            self.message = message
            self.hint = hint
            self.milliseconds = milliseconds
        }
    }

    /// In the order in which they ran.
    public var checks: [Check]

    /// The checks of one run.
    public init(checks: [Check]) { self.checks = checks }

    private static let results = ["ok", "warning", "failed", "skipped"]

    /// The document; `summary` counts the checks by result.
    public var json: JSONValue {
        let summary = DoctorDocument.results.map { name in (name, checks.count { $0.result == name }.json) }
        return .object([WireSchema.member, ("checks", checks.json), ("summary", .object(summary))])
    }

    /// Reads the document. The counts are made anew from the checks.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        try members.requireSchema()
        checks = try members.read("checks")
    }
}

extension DoctorDocument.Check {
    /// One element of `checks`.
    public var json: JSONValue {
        var members = [("id", id.json), ("result", result.json), ("message", message.json)]
        members.add("hint", hint)
        members.append(("milliseconds", milliseconds.json))
        return .object(members)
    }

    /// Reads one element of `checks`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        id = try members.read("id")
        result = try members.read("result")
        message = try members.read("message")
        hint = try members.readIfAny("hint")
        milliseconds = try members.read("milliseconds")
    }
}

/// One element of what `gwe doctor --list --json` prints.
public struct DoctorCheckName: WireValue {
    /// The check's name.
    public var id: String
    /// What it looks at.
    public var subject: String

    /// A check that there is.
    public init(id: String, subject: String) {
        self.id = id
        self.subject = subject
    }

    /// Name and subject.
    public var json: JSONValue { ["id": id.json, "subject": subject.json] }

    /// Reads name and subject.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        id = try members.read("id")
        subject = try members.read("subject")
    }
}
