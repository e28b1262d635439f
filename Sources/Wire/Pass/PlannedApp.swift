public import Documents
public import GatewayModel

/// What a pass would do to one app.
public struct PlannedApp: WireValue {
    /// Why a release is left alone for a while.
    public struct Quarantine: WireValue {
        /// Attempts that failed.
        public var failures: Int
        /// Seconds until the next one; 0 when it is due.
        public var retrySeconds: Int64
    }

    /// The app.
    public var app: AppName
    /// What is to be done, or why nothing is: `held`, `blocked`.
    public var action: Word<AppPlan.Action>
    /// The mark of the action in front of a line for people.
    public var symbol: String
    /// Why; a sentence without a full stop.
    public var reason: String
    /// Where the wish comes from: `manifest.yaml:12`, `cloud`, `operator`.
    public var source: String
    /// What is installed; nil, null, for nothing.
    public var from: Version?
    /// What will be installed; nil, null, for nothing.
    public var to: Version?
    /// In order; empty when held or blocked.
    public var steps: [Word<Step>]
    /// Bytes that have still to be fetched; nil, null, where that is not known before the download.
    public var downloadByteCount: Int64?
    /// Bytes of disk that the steps may need, an estimate; nil, null, where that is not known.
    public var diskByteCount: Int64?
    /// Whether the running app is stopped on the way.
    public var interrupts: Bool
    /// What the steps that interrupt wait for; the key is left out where they do not wait.
    public var deferred: String?
    /// Whether not even the download may begin; the key is left out where it may.
    public var isDownloadDeferred: Bool
    /// Set where it failed before; the key is left out otherwise.
    public var quarantine: Quarantine?

    /// What a plan has of one app.
    public init(_ plan: AppPlan) {
        app = plan.app
        action = Word(plan.action)
        symbol = plan.action.symbol
        reason = plan.reason
        source = plan.origin.description
        from = plan.installed?.version
        to = plan.action == .remove ? nil : plan.wish?.version
        steps = plan.steps.map(Word.init)
        downloadByteCount = plan.downloadByteCount
        diskByteCount = plan.diskByteCount
        interrupts = plan.interrupts
        deferred = plan.deferral
        isDownloadDeferred = plan.defersDownload
        quarantine = plan.quarantine.map {
            Quarantine(failures: $0.attempts, retrySeconds: max(0, $0.remaining.components.seconds))
        }
    }

    /// One element of the plan's `apps`.
    public var json: JSONValue {
        var members = [
            ("app", app.json), ("action", action.json), ("symbol", symbol.json), ("reason", reason.json),
            ("source", source.json), ("from", from.json), ("to", to.json), ("steps", steps.json),
            ("download_bytes", downloadByteCount.json), ("disk_bytes", diskByteCount.json),
            ("interrupts", interrupts.json),
        ]
        members.add("deferred", deferred)
        members.add("download_deferred", isDownloadDeferred ? true : nil)
        members.add("quarantine", quarantine)
        return .object(members)
    }

    /// Reads one element of the plan's `apps`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        app = try members.read("app")
        action = try members.read("action")
        symbol = try members.read("symbol")
        reason = try members.read("reason")
        source = try members.read("source")
        from = try members.readIfAny("from")
        to = try members.readIfAny("to")
        steps = try members.read("steps")
        downloadByteCount = try members.readIfAny("download_bytes")
        diskByteCount = try members.readIfAny("disk_bytes")
        interrupts = try members.read("interrupts")
        deferred = try members.readIfAny("deferred")
        isDownloadDeferred = try members.readIfAny("download_deferred") ?? false
        quarantine = try members.readIfAny("quarantine")
    }
}

extension PlannedApp.Quarantine {
    /// Failures and seconds.
    public var json: JSONValue { ["failures": failures.json, "retry_in_s": retrySeconds.json] }

    /// Reads failures and seconds.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        failures = try members.read("failures")
        retrySeconds = try members.read("retry_in_s")
    }
}
