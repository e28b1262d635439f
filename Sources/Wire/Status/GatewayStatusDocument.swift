public import Documents
public import GatewayModel

/// All apps of a gateway, desired against observed, and how the gateway itself is.
public struct GatewayStatusDocument: WireValue {
    /// How many apps there are, and how they are.
    public struct Summary: WireValue {
        /// All apps.
        public var apps: Int
        /// Those that match the desired state.
        public var synced: Int
        /// Those that differ from it.
        public var drifted: Int
        /// Those that are blocked, quarantined or down.
        public var failed: Int
        /// What those are that are neither in sync nor drifted, and how those are that do not run well, by name: `held`,
        /// `blocked`, `quarantined`, `progressing`; `degraded`, `down`, `stopped`. Names that count nothing are left
        /// out, here and in the document.
        public var others: [(name: String, count: Int)]

        /// Every name of ``others``, in the order in which they are written.
        public static let otherNames = [
            "held", "blocked", "quarantined", "progressing", "degraded", "down", "stopped",
        ]

        /// Counts of apps.
        public init(
            apps: Int, synced: Int, drifted: Int, failed: Int, others: [(name: String, count: Int)] = []
        ) {
            self.apps = apps
            self.synced = synced
            self.drifted = drifted
            self.failed = failed
            self.others = others.filter { $0.count > 0 }
        }

        /// By all counts.
        public static func == (a: Summary, b: Summary) -> Bool {
            (a.apps, a.synced, a.drifted, a.failed) == (b.apps, b.synced, b.drifted, b.failed)
                && a.others.elementsEqual(b.others, by: ==)
        }
    }

    /// How a pass ended that may have changed nothing; `gwe history` has those that did.
    public struct LastPass: WireValue {
        /// When it ended (RFC 3339, UTC); `boot+0:12:03` where the clock was not believed.
        public var ended: String
        /// What `gwe reconcile` would have ended with.
        public var exit: ExitStatus

        /// A pass that is over.
        public init(ended: String, exit: ExitStatus) {
            self.ended = ended
            self.exit = exit
        }

        /// The value of `last_pass`.
        public var json: JSONValue { ["ended": ended.json, "exit": exit.json] }

        /// Reads the value of `last_pass`.
        public init(json: JSONValue) throws(WireError) {
            let members = try Members(of: json)
            ended = try members.read("ended")
            exit = try members.read("exit")
        }
    }

    /// Counts of apps.
    public var summary: Summary
    /// Whether anything supervises the apps.
    public var isSupervised: Bool
    /// When the daemon polls next, in words: `in 3h 59m`. The key is left out without a daemon.
    public var nextPoll: String?
    /// The same as a moment (RFC 3339, UTC). The key is left out without a daemon, and while the clock is not believed.
    public var nextPollAt: String?
    /// The last pass of the daemon. The key is left out without a daemon, and until its first pass is over.
    public var lastPass: LastPass?
    /// When the cloud last answered the daemon (RFC 3339, UTC; `boot+0:12:03` where the clock was not believed). The key is
    /// left out without a daemon, and until then.
    public var lastContact: String?
    /// Whether the clock of this machine is believed.
    public var isClockTrusted: Bool
    /// What is wrong with the clock: `behind (1970-01-01)`. The key is left out while it is believed.
    public var clock: String?
    /// How the gateway gets on with its cloud; the key is left out where no product is set.
    public var cloud: CloudStatusDocument?
    /// Bytes that are free for gwe; the key is left out where that is not known.
    public var freeByteCount: Int64?
    /// The digest of the whole manifest in force that the cloud sent; nil, null, where there is none.
    public var generation: String?
    /// Rejected input and other troubles that are in force, one sentence each.
    public var problems: [String]
    /// What of the desired state was ignored, and why.
    public var notes: [String]
    /// In the order of their names.
    public var apps: [AppStatusDocument]

    /// A status without what may be missing.
    public init(
        summary: Summary, isSupervised: Bool, isClockTrusted: Bool, generation: String?, problems: [String],
        notes: [String], apps: [AppStatusDocument]
    ) {
        self.summary = summary
        self.isSupervised = isSupervised
        self.isClockTrusted = isClockTrusted
        self.generation = generation
        self.problems = problems
        self.notes = notes
        self.apps = apps
    }

    /// The document.
    public var json: JSONValue {
        var members = [WireSchema.member, ("summary", summary.json), ("supervised", isSupervised.json)]
        members.add("next_poll", nextPoll)
        members.add("next_poll_at", nextPollAt)
        members.add("last_pass", lastPass)
        members.add("last_contact", lastContact)
        members.append(("clock_trusted", isClockTrusted.json))
        members.add("clock", clock)
        members.add("cloud", cloud)
        members.add("disk_free_bytes", freeByteCount)
        members += [
            ("generation", generation.json), ("problems", problems.json), ("notes", notes.json), ("apps", apps.json),
        ]
        return .object(members)
    }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        try members.requireSchema()
        summary = try members.read("summary")
        isSupervised = try members.read("supervised")
        nextPoll = try members.readIfAny("next_poll")
        nextPollAt = try members.readIfAny("next_poll_at")
        lastPass = try members.readIfAny("last_pass")
        lastContact = try members.readIfAny("last_contact")
        isClockTrusted = try members.read("clock_trusted")
        clock = try members.readIfAny("clock")
        cloud = try members.readIfAny("cloud")
        freeByteCount = try members.readIfAny("disk_free_bytes")
        generation = try members.readIfAny("generation")
        problems = try members.read("problems")
        notes = try members.read("notes")
        apps = try members.read("apps")
    }
}

extension GatewayStatusDocument.Summary {
    /// The counts.
    public var json: JSONValue {
        .object(
            [("apps", apps.json), ("synced", synced.json), ("drifted", drifted.json), ("failed", failed.json)]
                + others.map { ($0.name, $0.count.json) })
    }

    /// Reads the counts.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        apps = try members.read("apps")
        synced = try members.read("synced")
        drifted = try members.read("drifted")
        failed = try members.read("failed")
        others = []
        for name in Self.otherNames {
            if let count = try members.readIfAny(name, as: Int.self), count > 0 { others.append((name, count)) }
        }
    }
}
