public import GatewayModel
internal import GatewaySystem
public import Wire

/// `gwe status`: what is wanted against what is there, for people and for programs. Made by the daemon, or without one
/// from journal and disk alone. Writes nothing.
public struct StatusReport: Sendable {
    /// What is shown.
    public var document: StatusDocument
    /// What `gwe status` ends with.
    public var exit: ExitStatus

    /// What only a daemon knows.
    public struct DaemonFacts: Sendable {
        /// What is supervised, by app.
        public var services: [AppName: ServiceStatus]
        /// The apps that the pass under way works on.
        public var progressing: Set<AppName> = []
        /// Until the next poll; nil where none is to come.
        public var nextPoll: Duration?
        /// The limits of the machine that the daemon has come to, in words.
        public var limits: [String] = []
        /// What is wrong with the daemon itself.
        public var problems: [String] = []
        /// What of this machine kept the last pass from its work; nil when nothing did.
        public var trouble: String?
        /// Until that is tried again; nil where nobody will.
        public var nextRetry: Duration?

        /// When the last pass ended, and how; nil until then.
        var lastPass: (ended: WallTime, exit: ExitStatus)?
        /// When the cloud last answered; nil until then.
        var lastContact: WallTime?

        /// These services; no pass is under way and no poll to come.
        public init(services: [AppName: ServiceStatus]) { self.services = services }
    }

    /// How many lines of an app's log are shown.
    static let logLineCount = 10

    /// Looks at journal, disk and services. Never fails: what cannot be read is said in the document, and in `exit`.
    /// - Parameters:
    ///   - only: this app, with the last lines of its log; nil: the whole gateway.
    ///   - isDeep: hashes every installed file instead of comparing size, time, mode and inode.
    ///   - daemon: nil without a daemon; then only an existing supervisord can tell of services.
    public static func make(
        _ context: GatewayContext, only: AppName? = nil, isDeep: Bool = false, daemon: DaemonFacts? = nil
    ) -> StatusReport {
        do throws(JournalError) {
            let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
            try context.learnTime(from: journal)
            return try make(context, journal: journal, only: only, isDeep: isDeep, daemon: daemon)
        } catch {
            let words = error.description
            return StatusReport(
                document: error.isNotPermitted ? .refused(words) : .unreadable([words]), exit: error.exit)
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
        var problems = daemon?.problems ?? []
        // As the files are now: who has just broken one is to see it here.
        let files = try? ConfigurationStore(folders: context.folders).inForce(isTolerant: true)
        problems += files?.refusal.map { [$0] } ?? []
        problems += try [journal?.notice()].compactMap(\.self) + inputs.problems.map(\.message)
        for problem in try journal?.problems() ?? [] where !problems.contains(problem.message) {
            if problem.source != Journal.machineSource { problems.append(problem.message) }
        }
        problems += observation.troubles
        // The daemon knows it too where the journal takes nothing.
        let noted = try journal?.problems().first { $0.source == Journal.machineSource }?.message
        if let trouble = daemon?.trouble ?? noted {
            problems.append("\(trouble); it is tried again \(daemon?.nextRetry.map(text) ?? "with the next pass")")
        }
        problems += daemon?.limits ?? []
        let unknown = daemon?.services.values.first { $0.state == .unknown }?.trouble
        if context.configuration.services == .supervisord, let unknown { problems.append(unknown) }
        let left = daemon == nil ? LeftProcesses.find(context.folders.stateFolder) : [:]
        var status = snapshot.status(progressing: daemon?.progressing ?? [], problems: problems, left: left)
        let failures = try journal?.lastFailures() ?? [:]
        for index in status.apps.indices where status.apps[index].isDue && status.apps[index].lastError == nil {
            guard let failure = failures[status.apps[index].name] else { continue }
            status.apps[index].lastError =
                "\(failure); it is tried again \(daemon?.nextRetry.map(text) ?? "with the next pass")"
        }
        if let only { return detail(of: only, status, context) }
        let doubt = context.trust.doubt
        var document = GatewayStatusDocument(
            summary: .init(
                apps: status.apps.count, synced: status.synced, drifted: status.drifted, failed: status.failed,
                others: status.others),
            isSupervised: daemon != nil, isClockTrusted: doubt == nil, generation: inputs.cloud.generation,
            // Unknown keys are no failure of the gateway.
            problems: status.problems + (files?.warnings ?? []), notes: snapshot.desired.notes,
            apps: status.apps.map(AppStatusDocument.init))
        document.nextPoll = daemon?.nextPoll.map(text)
        if doubt == nil, let pause = daemon?.nextPoll {
            document.nextPollAt = context.clock().advanced(by: pause).description
        }
        document.lastPass = daemon?.lastPass.map {
            GatewayStatusDocument.LastPass(ended: $0.ended.description, exit: $0.exit)
        }
        document.lastContact = daemon?.lastContact?.description
        document.clock = doubt
        if context.configuration.product != nil {
            document.cloud = CloudStatusDocument(trouble(context, journal, nextPoll: daemon?.nextPoll))
        }
        document.freeByteCount = snapshot.observed.freeByteCount
        return StatusReport(document: .gateway(document), exit: status.exit)
    }

    /// What is wrong with the cloud, in words, as the journal has it; so a status without a daemon says it too.
    private static func trouble(
        _ context: GatewayContext, _ journal: Journal?, nextPoll: Duration?
    ) -> CloudStatusDocument.Trouble? {
        let (schedule, isOfThisBoot) = CloudTiming.stored(context, journal)
        guard let trouble = schedule.trouble else { return nil }
        var next = nextPoll
        // Without a daemon nobody keeps a time; only that it is not asked before is sure.
        if next == nil, isOfThisBoot { next = schedule.boundWait(at: context.sinceBoot()) }
        return CloudStatusDocument.Trouble(
            words: trouble.words(clockDoubt: context.trust.doubt), kind: Word(trouble.kind), reason: trouble.reason,
            since: "\(trouble.since)", attempts: schedule.failures, nextTry: next.map(text))
    }

    private static func detail(of name: AppName, _ status: GatewayStatus, _ context: GatewayContext) -> StatusReport {
        guard let app = status.apps.first(where: { $0.name == name }) else {
            return StatusReport(document: .refused("no such app: \(name)"), exit: .noSuchApp)
        }
        var one = status
        one.apps = [app]
        one.problems = []
        let log = LogTail.lines(of: name, context, count: logLineCount)
        return StatusReport(document: .app(AppDetail(AppStatusDocument(app), log: log)), exit: one.exit)
    }

    /// `in 3h 59m`.
    private static func text(of duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        if seconds >= 3_600 { return "in \(seconds / 3_600)h \(seconds / 60 % 60)m" }
        return seconds >= 60 ? "in \(seconds / 60)m \(seconds % 60)s" : "in \(seconds)s"
    }
}
