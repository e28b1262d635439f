public import Documents
public import GatewayModel

/// The resource `engine_report` as Gateway Engine sent it, so that its dashboards read it: `apps` is a list of objects with
/// one key each, the app's name. What gwe adds are further keys.
public struct EngineReport: WireValue {
    /// One app of the report.
    public struct App: Sendable, Equatable {
        /// The app.
        public var name: AppName
        /// As supervisord has it: 0 while it runs and for none yet, else the code, or -1 for a signal.
        public var exitStatus: Int32
        /// A word of supervisord, `UNKNOWN`, or `-` for an app of which nothing is installed.
        public var state: String
        /// As supervisorctl writes it, see `EngineReport.uptimeText`.
        public var uptime: String
        /// What is installed; nil, an empty text, for nothing.
        public var version: Version?
        /// What is wanted; nil, an empty text, for nothing.
        public var desired: Version?
        /// Desired against observed.
        public var sync: SyncWord
        /// Whether it does what it should.
        public var health: Word<AppStatus.Health>
        /// Of the installed artifact; nil, an empty text, where it is not known.
        public var digest: Digest?
    }

    /// In the order of their names.
    public var apps: [App]
    /// The digest of the whole manifest in force that the cloud sent; nil where there is none.
    public var generation: String?
    /// How many apps differ from what was installed.
    public var drift: Int
    /// Name and version of the agent: `GatewayEngine-v0.1.0`.
    public var agent: String

    /// The report of a status.
    public init(_ status: GatewayStatus, generation: String?, agent: String) {
        apps = status.apps.map(App.init)
        self.generation = generation
        drift = status.drifted
        self.agent = agent
    }

    /// The value of the resource.
    public var json: JSONValue {
        [
            "apps": apps.map(NamedApp.init(app:)).json, "generation": generation.json,
            "drift": drift.json, "agent": agent.json,
        ]
    }

    /// Reads a report that a gwe has sent.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        apps = try members.read("apps", as: [NamedApp].self).map(\.app)
        generation = try members.readIfAny("generation")
        drift = try members.read("drift")
        agent = try members.read("agent")
    }

    /// The same report without what changes by itself: whether a new one is worth its bytes.
    public var withoutUptimes: EngineReport {
        var report = self
        for index in report.apps.indices { report.apps[index].uptime = "" }
        return report
    }

    /// A time as supervisorctl writes it: `1:02:03`, `2 days, 1:02:03`.
    public static func uptimeText(_ uptime: Duration) -> String {
        let total = uptime.components.seconds
        let two = { (number: Int64) in number < 10 ? "0\(number)" : "\(number)" }
        let clock = "\(total / 3600 % 24):\(two(total / 60 % 60)):\(two(total % 60))"
        let days = total / 86_400
        return days == 0 ? clock : "\(days) day\(days == 1 ? "" : "s"), \(clock)"
    }
}

extension EngineReport.App {
    /// One app of a status.
    public init(_ app: AppStatus) {
        name = app.name
        exitStatus = app.service?.supervisordExitStatus ?? 0
        state = app.state
        uptime = app.service?.uptime.map(EngineReport.uptimeText) ?? "0:00:00"
        version = app.installed?.version
        desired = app.desired
        sync = SyncWord(app)
        health = Word(app.health)
        digest = app.installed.flatMap { $0.digest == .unknown ? nil : $0.digest }
    }

    /// What stands under the app's name.
    fileprivate var json: JSONValue {
        [
            "exitstatus": exitStatus.json, "status": state.json, "uptime": uptime.json,
            "version": .string(version?.text ?? ""), "desired": .string(desired?.text ?? ""), "sync": sync.json,
            "health": health.json, "digest": .string(digest?.hex ?? ""),
        ]
    }

    fileprivate init(name: AppName, _ members: Members) throws(WireError) {
        self.name = name
        exitStatus = try members.read("exitstatus")
        state = try members.read("status")
        uptime = try members.read("uptime")
        version = try members.readUnlessEmpty("version")
        desired = try members.readUnlessEmpty("desired")
        sync = try members.read("sync")
        health = try members.read("health")
        digest = try members.readUnlessEmpty("digest")
    }
}

/// An object with one key, the app's name.
private struct NamedApp: WireValue {
    var app: EngineReport.App
    var json: JSONValue { .object([(app.name.text, app.json)]) }

    init(app: EngineReport.App) { self.app = app }

    init(json: JSONValue) throws(WireError) {
        guard let member = json.members?.first, json.members?.count == 1 else {
            throw WireError(expected: "an object with one app", found: json)
        }
        do throws(WireError) {
            app = try EngineReport.App(name: AppName(json: .string(member.0)), Members(of: member.1))
        } catch {
            throw error.under(member.0)
        }
    }
}

extension Members {
    /// A value for which an empty text stands where there is none.
    fileprivate func readUnlessEmpty<Value: WireValue>(_ key: String) throws(WireError) -> Value? {
        try read(key, as: String.self).isEmpty ? nil : read(key)
    }
}
