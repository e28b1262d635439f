internal import GatewayModel
internal import GatewaySystem
internal import Synchronization
internal import Wire

/// The agent: supervises, polls, reconciles, reports, and answers on its socket.
///
/// Threads: the main one runs the event loop: signals, changes of the manifest, and the supervisor with its children and
/// their logs; one runs passes; each connection of the socket has one. They meet in `PassQueue` and `ServiceManager`.
final class Daemon: Sendable {
    let context: GatewayContext
    let state: LockedState
    let services: any ServiceManager
    let passes = PassQueue()
    let notices: ManagerNotices
    let log: @Sendable (PassEvent) -> Void
    /// The apps that the running pass works on.
    private let progressing = Lock<Set<AppName>>([])
    /// When the next poll is due, by the wall clock as it was when that was decided.
    private let nextPoll = Lock<WallTime?>(nil)
    /// Only the passes' thread uses it; it lives between passes for its open connection.
    private let cloud = Lock<CloudBox>(CloudBox())

    /// Whether the open connection may have a token that was replaced.
    private let isTokenNew = Lock(false)

    /// What listens to the cloud between the passes; nil when nothing does.
    private let cloudWatch = Lock<CloudWatch?>(nil)

    /// Apps that the first pass repairs before they are started.
    let withheld = Lock<Set<AppName>>([])

    /// What of this machine kept the last pass from its work, and when it is tried again.
    private let machine = Lock<Machine>(Machine())

    /// How often in a row servers of packages asked to be left alone.
    private let packages = Lock(PackageRetry())

    /// How the last pass ended, and when the cloud last answered.
    private let last = Lock<Last>(Last())

    private struct Last: Sendable {
        var pass: (ended: WallTime, exit: ExitStatus)?
        var contact: WallTime?
    }

    private struct Machine: Sendable {
        var retry = MachineRetry()
        var trouble: MachineTrouble?
    }

    private struct CloudBox: @unchecked Sendable { var connection: CloudConnection? }

    /// When the cloud is asked next.
    let timing: CloudTiming
    let signs: OutsideSigns?

    init(
        context: GatewayContext, state: LockedState, services: any ServiceManager, notices: ManagerNotices,
        loop: EventLoop? = nil,
        log: @escaping @Sendable (PassEvent) -> Void
    ) {
        self.context = context
        self.state = state
        self.services = services
        self.notices = notices
        self.log = log
        let timing = CloudTiming(context: context, journal: state.journal)
        self.timing = timing
        signs = loop.map { [passes] in OutsideSigns($0, context.trust, timing, passes) }
    }

    /// Starts what the last run had installed, before anything asks the cloud: apps come up without a network.
    func startInstalledApps() {
        do throws(JournalError) {
            let inputs = try DesiredInputs.load(context: context, journal: state.journal)
            let snapshot = try Observation(context: context, journal: state.journal, services: nil)
                .snapshot(inputs, journal: state.journal)
            services.setLogPolicy(LogPolicy(snapshot.desired.policy), installed: snapshot.knownApps)
            let wanted = snapshot.desired.apps.values.filter { $0.state.value == .running }.map(\.name)
            // What an earlier daemon left running and nobody installed or wants to run goes first.
            for status in services.statuses() where !wanted.contains(status.app) { services.remove(status.app) }
            services.hold(snapshot.heldApps)
            let order = StartOrder(of: wanted, requires: { snapshot.desired.apps[$0]?.requires.value ?? [] })
            let definitions = ServiceConfiguration(context: context).definitions(of: startable(order.names, snapshot))
            // Not waited for: the first pass, and a stop, come when they come.
            services.launch(definitions, now: false)
        } catch {
            log(.problem(error.description))
        }
    }

    /// Runs passes on this thread until the queue is ended.
    func runPasses() {
        let patience = timing.started()
        if patience > .zero {
            let why = timing.trouble.map { ": \($0.words(clockDoubt: context.trust.doubt))" } ?? ""
            log(.note("the cloud is asked again in \(patience.inWords)\(why)"))
        }
        signs?.watch(timing.trouble)
        var first = PassOptions(.start)
        let damaged = withheld.withLock { $0 }
        if !damaged.isEmpty {
            // What is repaired first waits neither for the cloud nor for the downloads of others.
            passes.enqueue(.init(options: first, listener: nil))
            first.only = damaged
            first.isOffline = true
        }
        passes.run(first: .init(options: first, listener: nil)) {
            let turn = pass($0)
            if case .interrupted = turn {} else { startWithheld() }
            return turn
        } settled: {
            tellStatus()
        }
    }

    /// Ends the kept connection to the cloud, whose last bytes are counted then; not while a pass uses it.
    func closeConnection() { cloud.withLockIfAvailable { $0.connection = nil } }

    /// Tells the service manager how things stand, if there is one.
    func tellStatus() {
        guard notices.areHeard else { return }
        notices.status(DaemonStatusLine.text(services.statuses(), nextPoll: nextPoll.withLock { $0 }))
    }

    /// Does what an operator says of one app. A pass that runs meanwhile was planned before: a new one follows it.
    func perform(_ verb: AppVerb, on app: AppName) throws(AppCommand.Refusal) -> AppCommand.Answer {
        let command = AppCommand(context: context, journal: state.journal, services: services) { [self] verb, app in
            if verb != .restart, passes.isBusy { wake(.verb(verb, app)) }
        }
        do throws(AppCommand.Refusal) {
            let answer = try command.perform(verb, on: app)
            log(.note("\(answer.message) (gwe \(verb.rawValue) \(app))"))
            return answer
        } catch {
            log(.note("\(error.description) (gwe \(verb.rawValue) \(app))"))
            throw error
        }
    }

    private func pass(_ request: PassQueue.Request) -> PassQueue.Turn {
        let told = Monitor<Set<String>>([])
        let emit: @Sendable (PassEvent) -> Void = { [self] event in
            if case .problem(let text) = event { told.update { _ = $0.insert(text) } }
            if case .plan(let plan) = event { progressing.withLock { $0 = Set(plan.work.map(\.app)) } }
            log(event)
            request.listener?(event)
        }
        defer { progressing.withLock { $0 = [] } }
        let options = request.options
        if options.isRetry, isStillShort {
            passes.retry(after: machine.withLock { $0.retry.failed() })
            return .pollAsBefore
        }
        let mayAsk = timing.mayAsk(options)
        if !mayAsk, !options.isOffline, let listener = request.listener, let patience = timing.patience {
            listener(.problem(patience))
        }
        let (end, byteCount) = reconcile(options, asksCloud: !options.isOffline && mayAsk, emit)
        guard case .finished(let result) = end else { return .interrupted }
        let now = context.clock()
        last.withLock { last in
            last.pass = (ended: now, exit: result.exit)
            if result.hasReachedCloud { last.contact = now }
        }
        // The log heard of it when it was new; who asks now did not.
        for problem in result.inputProblems where !told.look({ $0.contains(problem) }) {
            request.listener?(.problem(problem))
        }
        tellHolds()
        keep(result.trouble, of: options, packageDelay: result.packageDelay)
        // Hours may go by until the next one.
        defer { ProcessMemory.release() }
        // Whoever has heard the result finds in the status what followed from it.
        if !request.options.isOffline, !request.options.isRetry {
            cloudWatch.withLock(\.self)?.passEnded(reachedCloud: result.hasReachedCloud)
            let wanted = timing.ended(result.talk, byteCount: byteCount, interval: interval())
            let pause = state.journal.trouble == nil ? wanted : min(wanted, Daemon.unwritablePause)
            passes.setNextPoll(after: pause)
            signs?.watch(timing.trouble)
            let due = context.trust.isTrusted ? context.clock().advanced(by: pause) : nil
            nextPoll.withLock { $0 = due }
        }
        emit(.result(result.exit, result.summary))
        return .pollAsBefore
    }

    /// How long until it is looked again whether the state folder can be written. That asks nobody.
    private static let unwritablePause: Duration = .seconds(300)

    /// Whether a pass would find as little space as the last one: then it need not be made.
    private var isStillShort: Bool {
        guard let needed = machine.withLock({ $0.trouble?.neededByteCount }),
            let free = Observer(context: context, isDeep: false).freeByteCount
        else { return false }
        return free < needed
    }

    /// Plans the next try where this machine was in the way. A pass of some apps alone says nothing of the others.
    private func keep(_ trouble: MachineTrouble?, of options: PassOptions, packageDelay: Duration?) {
        guard trouble != nil || options.isWhole else {
            guard let packageDelay, passes.timeToNextRetry == nil else { return }
            return passes.retry(after: packages.withLock { $0.delay(asked: packageDelay) }, .packageRetry)
        }
        let pause = machine.withLock { machine -> Duration? in
            machine.trouble = trouble
            // Passes that somebody asks for use up no tries: they begin anew.
            if trouble == nil || (!options.isRetry && options.reason != .timer) { machine.retry.succeeded() }
            return trouble == nil ? nil : machine.retry.failed()
        }
        guard pause != nil || packageDelay == nil else {
            // The poll comes before it where that is due earlier.
            let delay = packages.withLock { $0.delay(asked: packageDelay) }
            passes.retry(after: delay, .packageRetry)
            if let delay { log(.note("a server of packages asks to be left alone; tried again in \(delay.inWords)")) }
            return
        }
        packages.withLock { $0.succeeded() }
        passes.retry(after: pause)
        if let pause, let trouble { log(.note("\(trouble.words); tried again in \(pause.inWords)")) }
    }

    /// Tells this watch from now on how passes end.
    func watch(with watch: CloudWatch?) { cloudWatch.withLock { $0 = watch } }

    /// Tells whoever supervises which apps are held.
    func tellHolds() {
        do throws(JournalError) {
            let inputs = try DesiredInputs.load(context: context, journal: state.journal)
            services.hold(try inputs.heldApps(state.journal))
        } catch {
            log(.problem(error.description))
        }
    }

    /// There is a token that was not there before, or that is worth another try: the cloud is asked at once, whatever the
    /// patience with it.
    func tokenWasSet() {
        isTokenNew.withLock { $0 = true }
        timing.invited()
        var options = PassOptions(.tokenSet)
        options.isByHand = true
        passes.enqueue(.init(options: options, listener: nil))
    }

    /// - Returns: also what the calls to the cloud have cost.
    private func reconcile(
        _ options: PassOptions, asksCloud: Bool, _ emit: @escaping @Sendable (PassEvent) -> Void
    ) -> (PassEnd, byteCount: Int64) {
        do throws(JournalError) { try state.journal.becomeWritable(folders: context.folders) } catch {
            var result = PassResult(error, mayHaveAskedCloud: false)
            result.summary += "\nnothing was done: the apps run from what is known"
            return (.finished(result), 0)
        }
        return cloud.withLock { box in
            var closed: CloudFailure?
            let isTokenNew = isTokenNew.withLock { isNew in
                defer { isNew = false }
                return isNew
            }
            if isTokenNew { box.connection = nil }
            if box.connection == nil, asksCloud {
                box.connection = CloudConnection.open(
                    context, isCancelled: { [passes] in passes.isInterrupted }, mayActivate: true, emit: emit
                ) { closed = $0 }?.knowing(state.journal)
            }
            defer { DaemonProcess.export(context, emit) }
            let connection = asksCloud ? box.connection : nil
            let before = connection?.byteCount ?? 0
            let reconciler = Reconciler(
                context: context, journal: state.journal, services: services, cloud: connection,
                isInterrupted: { [passes] in passes.isInterrupted }, emit: emit)
            let byteCount: () -> Int64 = { (connection?.byteCount ?? 0) - before }
            var result: PassResult
            do throws(JournalError) {
                guard case .finished(let finished) = try reconciler.run(options) else {
                    return (.interrupted, byteCount())
                }
                result = finished
            } catch {
                result = PassResult(error, mayHaveAskedCloud: connection != nil)
            }
            if let closed { (result.talk, result.isCloudUnreachable) = (.failed(closed), true) }
            return (.finished(result), byteCount())
        }
    }

    /// `gwe report`: does not wait for a pass, which may take hours and sends what is due itself.
    func sendReports() -> (exit: ExitStatus, message: String) {
        let answer: (exit: ExitStatus, message: String)? = cloud.withLockIfAvailable { box in
            if box.connection == nil {
                box.connection = CloudConnection.open(
                    context, isCancelled: { [passes] in passes.isInterrupted }, mayActivate: true, emit: log
                )?.knowing(state.journal)
            }
            guard context.configuration.product != nil else { return ReportCall.noProduct }
            guard let link = box.connection else { return (.unavailable, "the cloud cannot be asked") }
            do throws(JournalError) {
                return try ReportCall.send(context, state.journal, services.snapshots(), link)
            } catch {
                return (error.exit, error.description)
            }
        }
        return answer ?? (.tryLater, "a pass is under way; reports go with it")
    }

    private func interval() -> Duration {
        (try? DesiredInputs.load(context: context, journal: state.journal))?.updateInterval(context.configuration)
            ?? UpdateInterval.standard
    }

    /// What an app takes at least: with fewer that are free beside the reserve none can be started.
    private static let descriptorsOfStart = 12

    func status(only: AppName?, isDeep: Bool) -> StatusReport {
        var facts = StatusReport.DaemonFacts(services: services.snapshots())
        facts.progressing = progressing.withLock { $0 }
        facts.nextPoll = passes.timeToNextPoll
        if let use = DescriptorLimit.use, !use.hasRoom(for: Daemon.descriptorsOfStart) { facts.limits = [use.shortage] }
        if let trouble = state.journal.trouble {
            facts.problems = ["\(trouble); the apps run from what is known, and passes change nothing"]
        }
        facts.problems += [cloudWatch.withLock(\.self)?.trouble].compactMap(\.self)
        (facts.lastPass, facts.lastContact) = last.withLock { ($0.pass, $0.contact) }
        facts.trouble = machine.withLock(\.trouble)?.words
        facts.nextRetry = [passes.timeToNextRetry, passes.timeToNextPoll].compactMap(\.self).min()
        return StatusReport.make(context, only: only, isDeep: isDeep, daemon: facts)
    }

    func servicesDocument() -> ServicesDocument {
        ServicesDocument(
            services.snapshots().sorted { $0.key < $1.key }.map { ($0.key.text, ServiceDocument($0.value)) })
    }
}
