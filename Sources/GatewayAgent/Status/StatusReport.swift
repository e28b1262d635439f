public import Documents
public import GatewayModel
internal import GatewaySystem

/// `gwe status`: what is wanted against what is there, for people and for programs. Made by the daemon, or without one
/// from journal and disk alone. Writes nothing.
public struct StatusReport: Sendable {
    public var json: JSONValue
    public var exit: ExitStatus

    /// What only a daemon knows.
    public struct DaemonFacts: Sendable {
        public var services: [AppName: ServiceSnapshot]
        public var progressing: Set<AppName> = []
        public var nextPoll: Duration?

        public init(services: [AppName: ServiceSnapshot]) { self.services = services }
    }

    /// How many lines of an app's log are shown.
    static let logLineCount = 10

    public static func make(
        _ context: GatewayContext, only: AppName? = nil, isDeep: Bool = false, daemon: DaemonFacts? = nil
    ) -> StatusReport {
        do throws(JournalError) {
            let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
            try context.learnTime(from: journal)
            return try make(context, journal: journal, only: only, isDeep: isDeep, daemon: daemon)
        } catch {
            let words = JSONValue.string(error.description)
            let member: (String, JSONValue) = error.isNotPermitted ? ("error", words) : ("problems", [words])
            return StatusReport(json: .object([("schema", "gwe/v1"), member]), exit: error.exit)
        }
    }

    static func make(
        _ context: GatewayContext, journal: Journal?, only: AppName?, isDeep: Bool, daemon: DaemonFacts?
    ) throws(JournalError) -> StatusReport {
        // Without a daemon, supervisord can still be asked.
        let external = daemon == nil ? SupervisordServices(ifChosenIn: context) : nil
        let daemon = daemon ?? external.map { DaemonFacts(services: $0.snapshots()) }
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        let observation = try Observation(
            context: context, journal: journal, services: daemon?.services, isDeep: isDeep)
        let snapshot = try observation.snapshot(inputs, journal: journal)
        var problems = try [journal?.notice()].compactMap(\.self) + inputs.problems.map(\.message)
        for problem in try journal?.problems() ?? [] where !problems.contains(problem.message) {
            problems.append(problem.message)
        }
        let unknown = daemon?.services.values.first { $0.state == ServiceState.unknown.rawValue }?.lastError
        if context.configuration.services == .supervisord, let unknown { problems.append(unknown) }
        let status = snapshot.status(progressing: daemon?.progressing ?? [], problems: problems)
        if let only { return detail(of: only, status, context) }
        let rows = status.apps.map { $0.json }
        var members: [(String, JSONValue)] = [
            ("schema", "gwe/v1"),
            (
                "summary",
                [
                    "apps": .int(Int64(status.apps.count)), "synced": .int(Int64(status.synced)),
                    "drifted": .int(Int64(status.drifted)), "failed": .int(Int64(status.failed)),
                ]
            ),
            ("supervised", .bool(daemon != nil)),
        ]
        if let next = daemon?.nextPoll { members.append(("next_poll", .string(text(of: next)))) }
        let doubt = context.trust.doubt
        members.append(("clock_trusted", .bool(doubt == nil)))
        if let doubt { members.append(("clock", .string(doubt))) }
        if context.configuration.product != nil {
            members.append(("cloud", cloud(context, journal, nextPoll: daemon?.nextPoll)))
        }
        if let free = snapshot.observed.freeByteCount { members.append(("disk_free_bytes", .int(free))) }
        members += [
            ("generation", inputs.cloud.generation.map(JSONValue.string) ?? .null),
            ("problems", .array(status.problems.map(JSONValue.string))),
            ("notes", .array(snapshot.desired.notes.map(JSONValue.string))), ("apps", .array(rows)),
        ]
        return StatusReport(json: .object(members), exit: status.exit)
    }

    /// What is wrong with the cloud, in words, as the journal has it; so a status without a daemon says it too.
    private static func cloud(_ context: GatewayContext, _ journal: Journal?, nextPoll: Duration?) -> JSONValue {
        let (schedule, isOfThisBoot) = CloudTiming.stored(context, journal)
        guard let trouble = schedule.trouble else { return ["trouble": .null] }
        var next = nextPoll
        // Without a daemon nobody keeps a time; only that it is not asked before is sure.
        if next == nil, isOfThisBoot { next = schedule.boundWait(at: context.sinceBoot()) }
        return [
            "trouble": .string(trouble.words(clockDoubt: context.trust.doubt)), "kind": .string(trouble.kind.rawValue),
            "reason": .string(trouble.reason), "since": .string("\(trouble.since)"),
            "attempts": .int(Int64(schedule.failures)), "next_try": next.map { .string(text(of: $0)) } ?? .null,
        ]
    }

    private static func detail(of name: AppName, _ status: GatewayStatus, _ context: GatewayContext) -> StatusReport {
        guard let app = status.apps.first(where: { $0.name == name }) else {
            return StatusReport(json: ["schema": "gwe/v1", "error": .string("no such app: \(name)")], exit: .noSuchApp)
        }
        var one = status
        one.apps = [app]
        one.problems = []
        let log = LogTail.lines(of: name, context, count: logLineCount)
        guard case .object(let members) = app.json else { return StatusReport(json: app.json, exit: one.exit) }
        return StatusReport(
            json: .object([("schema", "gwe/v1")] + members + [("log", .array(log.map(JSONValue.string)))]),
            exit: one.exit)
    }

    /// `in 3h 59m`.
    private static func text(of duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        if seconds >= 3_600 { return "in \(seconds / 3_600)h \(seconds / 60 % 60)m" }
        return seconds >= 60 ? "in \(seconds / 60)m \(seconds % 60)s" : "in \(seconds)s"
    }
}

extension AppStatus {
    public var json: JSONValue {
        [
            "app": .string(name.text),
            "desired": desired.map { .string($0.text) } ?? .null,
            "source": .string(origin.description),
            "installed": installed.map { .string($0.version.text) } ?? .null,
            "digest": installed.flatMap { $0.digest == .unknown ? nil : .string($0.digest.hex) } ?? .null,
            "kind": installed.map { .string($0.kind.rawValue) } ?? .null,
            "sync": .string(syncText),
            "drift": .array(drift.map(\.json)),
            "health": .string(health.rawValue),
            "health_reason": service?.health?.reason.map(JSONValue.string) ?? .null,
            "state": .string(state),
            "pid": service?.processID.map { .int(Int64($0)) } ?? .null,
            "uptime": service?.uptime.map { .string(EngineReport.uptimeText($0)) } ?? .null,
            "exit_status": service?.exitStatus.map { .int(Int64($0)) } ?? .null,
            "restarts": service.map { .int(Int64($0.restarts)) } ?? .null,
            "reason": reason.map(JSONValue.string) ?? .null,
            "next_action": nextAction.map { .string($0.rawValue) } ?? .null,
            "last_error": lastError.map(JSONValue.string) ?? .null,
            "processes": .array((service?.processes ?? []).map(\.processJSON)),
        ]
    }
}

extension ServiceSnapshot {
    /// One of several processes of an app.
    fileprivate var processJSON: JSONValue {
        [
            "process": .string(name), "state": .string(state),
            "pid": processID.map { .int(Int64($0)) } ?? .null,
            "uptime": uptime.map { .string(EngineReport.uptimeText($0)) } ?? .null,
            "exit_status": exitStatus.map { .int(Int64($0)) } ?? .null,
            "restarts": .int(Int64(restarts)), "last_error": lastError.map(JSONValue.string) ?? .null,
        ]
    }
}
