public import Documents

/// One pass of `gwe history --json`; with its steps, what `gwe history ID --json` prints.
public struct PassRecord: WireValue {
    /// One step of a pass.
    public struct StepRecord: WireValue {
        /// The app that it was a step of.
        public var app: String
        /// The step: `download`, `start`.
        public var step: String
        /// When it began (RFC 3339, UTC); `boot+0:12:03` where the clock was not believed.
        public var started: String
        /// When it ended; nil, null, while it runs.
        public var finished: String?
        /// `done`, `already-satisfied`, `failed`, `skipped`, `started`, `interrupted`.
        public var outcome: String
        /// What is to be said of it; empty for nothing.
        public var message: String

        /// A step that was begun.
        public init(
            app: String, step: String, started: String, finished: String?, outcome: String, message: String
        ) {
            self.app = app
            self.step = step
            self.started = started
            self.finished = finished
            self.outcome = outcome
            self.message = message
        }
    }

    /// Its number.
    public var id: Int64
    /// Why it ran.
    public var reason: String
    /// When it began (RFC 3339, UTC); `boot+0:12:03` where the clock was not believed.
    public var started: String
    /// When it ended; nil, null, while it runs.
    public var finished: String?
    /// `converged`, `blocked`, `deferred`, `failed`, `interrupted`; nil, null, while it runs.
    public var outcome: String?
    /// The pass in words.
    public var summary: String
    /// Its apps by name; nil, and left out, in what a gwe without them has written.
    public var apps: [String]?
    /// How long it took, in seconds; nil, and left out, while it has no end.
    public var durationSeconds: Double?
    /// In order; nil in a list of passes, where the key is left out.
    public var steps: [StepRecord]?

    /// A pass that changed something.
    public init(
        id: Int64, reason: String, started: String, finished: String?, outcome: String?, summary: String,
        steps: [StepRecord]? = nil
    ) {
        self.id = id
        self.reason = reason
        self.started = started
        self.finished = finished
        self.outcome = outcome
        self.summary = summary
        self.steps = steps
    }

    /// One pass.
    public var json: JSONValue {
        var members = [
            ("id", id.json), ("reason", reason.json), ("started", started.json), ("finished", finished.json),
            ("outcome", outcome.json), ("summary", summary.json),
        ]
        members.add("apps", apps)
        members.add("duration_seconds", durationSeconds)
        members.add("steps", steps)
        return .object(members)
    }

    /// Reads one pass.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        id = try members.read("id")
        reason = try members.read("reason")
        started = try members.read("started")
        finished = try members.readIfAny("finished")
        outcome = try members.readIfAny("outcome")
        summary = try members.read("summary")
        apps = try members.readIfAny("apps")
        durationSeconds = try members.readIfAny("duration_seconds")
        steps = try members.readIfAny("steps")
    }
}

extension PassRecord.StepRecord {
    /// One element of `steps`.
    public var json: JSONValue {
        [
            "app": app.json, "step": step.json, "started": started.json, "finished": finished.json,
            "outcome": outcome.json, "message": message.json,
        ]
    }

    /// Reads one element of `steps`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        app = try members.read("app")
        step = try members.read("step")
        started = try members.read("started")
        finished = try members.readIfAny("finished")
        outcome = try members.read("outcome")
        message = try members.read("message")
    }
}
