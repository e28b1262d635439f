public import Documents
public import GatewayModel

/// One app of a status: desired against observed, sync and health apart. A key is null where there is nothing to say.
public struct AppStatusDocument: WireValue {
    /// The app.
    public var app: AppName
    /// The version that is wanted.
    public var desired: Version?
    /// Where the wish comes from: `manifest.yaml:12`, `cloud`, `operator`.
    public var source: String
    /// The version that is installed.
    public var installed: Version?
    /// Of the installed artifact.
    public var digest: Digest?
    /// What was installed.
    public var kind: Word<ReleaseKind>?
    /// Desired against observed.
    public var sync: SyncWord
    /// In which ways it drifted.
    public var drift: [DriftDocument]
    /// Whether it does what it should.
    public var health: Word<AppStatus.Health>
    /// Why its health check fails.
    public var healthReason: String?
    /// A word of supervisord; `-` for an app of which nothing is installed.
    public var state: String
    /// Of its process.
    public var pid: Int32?
    /// Of its process, as supervisorctl writes it.
    public var uptime: String?
    /// Of the process before this one, or of the last: the code, or 128 and the signal.
    public var exitStatus: Int32?
    /// Restarts without anybody's command since the supervisor knows it.
    public var restarts: Int?
    /// Why it is not in sync, or what a pass would do.
    public var reason: String?
    /// What a pass would do.
    public var nextAction: Word<AppPlan.Action>?
    /// The last thing that went wrong.
    public var lastError: String?
    /// Those of an app that has several; empty for one that has one.
    public var processes: [ProcessDocument]
    /// Which layer holds it: `operator`, `cloud`, `manifest.yaml:12`. The key is left out when nobody does.
    public var heldBy: String?
    /// Which layer wants it stopped. The key is left out when it shall run.
    public var stoppedBy: String?
    /// What its next change waits for, in words. The key is left out when it waits for nothing.
    public var waits: String?
    /// Of its process, in seconds. The key is left out where there is none.
    public var uptimeSeconds: Int64?

    /// The row of a table.
    public var json: JSONValue { .object(members) }

    var members: [(String, JSONValue)] {
        var members: [(String, JSONValue)] = [
            ("app", app.json), ("desired", desired.json), ("source", source.json), ("installed", installed.json),
            ("digest", digest.json), ("kind", kind.json), ("sync", sync.json), ("drift", drift.json),
            ("health", health.json), ("health_reason", healthReason.json), ("state", state.json), ("pid", pid.json),
            ("uptime", uptime.json), ("exit_status", exitStatus.json), ("restarts", restarts.json),
            ("reason", reason.json), ("next_action", nextAction.json), ("last_error", lastError.json),
            ("processes", processes.json),
        ]
        members.add("held_by", heldBy)
        members.add("stopped_by", stoppedBy)
        members.add("waits", waits)
        members.add("uptime_seconds", uptimeSeconds)
        return members
    }

    /// Reads one app.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        app = try members.read("app")
        desired = try members.readIfAny("desired")
        source = try members.read("source")
        installed = try members.readIfAny("installed")
        digest = try members.readIfAny("digest")
        kind = try members.readIfAny("kind")
        sync = try members.read("sync")
        drift = try members.read("drift")
        health = try members.read("health")
        healthReason = try members.readIfAny("health_reason")
        state = try members.read("state")
        pid = try members.readIfAny("pid")
        uptime = try members.readIfAny("uptime")
        exitStatus = try members.readIfAny("exit_status")
        restarts = try members.readIfAny("restarts")
        reason = try members.readIfAny("reason")
        nextAction = try members.readIfAny("next_action")
        lastError = try members.readIfAny("last_error")
        processes = try members.read("processes")
        heldBy = try members.readIfAny("held_by")
        stoppedBy = try members.readIfAny("stopped_by")
        waits = try members.readIfAny("waits")
        uptimeSeconds = try members.readIfAny("uptime_seconds")
    }
}

/// One of several processes of an app. A key is null where there is nothing to say.
public struct ProcessDocument: WireValue {
    /// supervisord's name of the process.
    public var process: String
    /// A word of supervisord.
    public var state: String
    /// Its number.
    public var pid: Int32?
    /// As supervisorctl writes it.
    public var uptime: String?
    /// Of the process before this one, or of the last.
    public var exitStatus: Int32?
    /// Restarts without anybody's command since the supervisor knows it.
    public var restarts: Int
    /// The last thing that went wrong.
    public var lastError: String?
    /// In seconds. The key is left out where there is no process.
    public var uptimeSeconds: Int64?

    /// One element of `processes`.
    public var json: JSONValue {
        var members = [
            ("process", process.json), ("state", state.json), ("pid", pid.json), ("uptime", uptime.json),
            ("exit_status", exitStatus.json), ("restarts", restarts.json), ("last_error", lastError.json),
        ]
        members.add("uptime_seconds", uptimeSeconds)
        return .object(members)
    }

    /// Reads one element of `processes`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        process = try members.read("process")
        state = try members.read("state")
        pid = try members.readIfAny("pid")
        uptime = try members.readIfAny("uptime")
        exitStatus = try members.readIfAny("exit_status")
        restarts = try members.read("restarts")
        lastError = try members.readIfAny("last_error")
        uptimeSeconds = try members.readIfAny("uptime_seconds")
    }
}

/// One app with the last lines of its log.
public struct AppDetail: WireValue {
    /// What its row says.
    public var app: AppStatusDocument
    /// The last lines of its log, oldest first.
    public var log: [String]

    /// An app and its log.
    public init(_ app: AppStatusDocument, log: [String]) {
        self.app = app
        self.log = log
    }

    /// The document.
    public var json: JSONValue { .object([WireSchema.member] + app.members + [("log", log.json)]) }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        try members.requireSchema()
        app = try AppStatusDocument(json: json)
        log = try members.read("log")
    }
}
