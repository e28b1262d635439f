public import GatewayModel
public import GatewaySystem

/// gwe's own supervisor: starts, watches, restarts and stops services, and keeps their logs, all in one event loop.
///
/// Threads: the loop's thread owns a `Service` for each process, their logs and the health of apps, without a lock. `loop` must
/// be running on some thread for anything to happen by itself; the daemon's main thread does that. All methods may be called
/// from any thread: what they do is done on the loop's thread (`EventLoop.perform`), and a call that waits does so on the
/// caller's thread (`EventLoop.wait`). `statuses` reads what was published last (`ServiceBoard`) and waits for nothing.
/// Children are reaped here one by one and by number, never "any child", so that `ChildProcess.run` may be used beside it.
///
/// What outlives it: when the agent is killed, its services run on and write on, each into a named pipe that it holds open
/// itself. The next supervisor on the same state folder finds them by the records in `run`, adopts them and moves what they
/// wrote meanwhile; it never starts a second copy of one that runs. `shutdown` stops them; deinit does not.
///
/// In `<state folder>/run`: `<app>.process`, who runs (see `ProcessRecord`); `<app>.out` and `<app>.err`, the pipes. Where an
/// app has several processes: `<app>:<process>.process` and so on. While the state folder cannot be written they are in
/// memory, see `RunFolders`.
///
/// A process is ended with all that descends from it, see `ProcessTree`: each has a control group of its own where those can
/// be written, else its descendants are looked for.
public final class Supervisor: ServiceManager {
    /// A change of state, for the agent's own log.
    public struct Transition: Sendable, Hashable {
        /// The state before.
        public var from: ServiceState
        /// How the process is now.
        public var status: ServiceStatus
    }

    /// What belongs to the loop's thread.
    struct Own: Sendable {
        var services: [ServiceKey: Service] = [:]
        /// What the observer was not told yet.
        var transitions: [Transition] = []
        /// Whose views are to be published at the end of this turn.
        var changed: Set<ServiceKey> = []
        /// How many pieces of work are under way, one within the other.
        var depth = 0
        var isTelling = false
        var isShuttingDown = false
    }

    let loop: EventLoop
    let folders: RunFolders
    /// nil where none can be made.
    let groups: ControlGroups?
    /// Tells the trees of this gateway from others'.
    let treeKey: String
    private let trees: Trees
    let scratch: PipeScratch
    let logs: LogLedger
    /// Of every service; the definition's own variables come on top.
    let environment: [String: String]
    private let health: HealthWatch?
    private let observer: @Sendable (Transition) -> Void
    private let board = ServiceBoard()
    let own: LoopOwned<Own>

    /// How descendants of services are known.
    public struct Trees: Sendable, Hashable {
        /// Whether control groups are used where they can be.
        public var usesControlGroups = true
        /// Whether, where they are not, this process becomes a subreaper, so that orphans come to it.
        public var collectsOrphans = true
        /// See `RunFolders`; nil is the usual place.
        public var memory: String?

        /// Control groups where they can be used, a subreaper elsewhere, and memory at the usual place.
        public init() {}
    }

    /// Adopts what runs from an agent before. A service that runs and is in no definition that `launch` gets is in `statuses`
    /// all the same: `remove` it.
    /// - Parameters:
    ///   - trees: for tests.
    ///   - health: checks the services; of the same loop. nil checks none.
    ///   - observer: gets every change of state, on the loop's thread, in the order in which they happened.
    /// - Throws: when there are no descriptors.
    public init(
        loop: EventLoop, stateFolder: String, environment: [String: String] = ProcessFacts.environment,
        trees: Trees = Trees(), health: HealthWatch? = nil,
        observer: @escaping @Sendable (Transition) -> Void = { _ in }
    ) throws(SystemError) {
        self.loop = loop
        self.health = health
        self.observer = observer
        self.trees = trees
        folders = RunFolders(stateFolder: stateFolder, memory: trees.memory)
        treeKey = ControlGroups.key(stateFolder)
        groups = trees.usesControlGroups ? ControlGroups(stateFolder: stateFolder) : nil
        scratch = try PipeScratch()
        logs = LogLedger(loop: loop, stateFolder: stateFolder)
        self.environment = ChildEnvironment.of(environment)
        own = LoopOwned(Own(), loop: loop)
        health?.check(self)
        if groups == nil { collectOrphans() }
        let records = folders.records()
        perform { supervisor in
            for name in records { supervisor.adopt(name) }
            supervisor.endLeftGroups()
        }
    }

    /// For trees without a control group.
    func collectOrphans() {
        if trees.collectsOrphans { OwnChildren.becomeReaper() }
    }

    // MARK: services, on the loop's thread

    /// The processes of an app, by name.
    func services(of app: AppName) -> [Service] {
        own.value.services.values.filter { $0.key.app == app }.sorted { $0.key < $1.key }
    }

    /// Starts what waited for others, if they are up now or gone.
    func startWaiting() {
        guard !own.value.isShuttingDown else { return }
        let waiting = own.value.services.values.filter(\.waitsForOthers)
        // One that came up at once may have started others already.
        for service in waiting.sorted(by: Supervisor.startsBefore) where service.waitsForOthers { service.begin() }
    }

    static func startsBefore(_ a: Service, _ b: Service) -> Bool {
        (a.definition.priority, a.key) < (b.definition.priority, b.key)
    }

    /// Runs a piece of work on the loop's thread, then publishes and tells what it has changed.
    @discardableResult
    func perform<Result: Sendable>(_ work: @escaping @Sendable (Supervisor) -> Result) -> Result {
        loop.perform { [self] in turn { work(self) } }
    }

    /// The same, for who is on the loop's thread already.
    func turn<Result>(_ work: () -> Result) -> Result {
        own.value.depth += 1
        let result = work()
        own.value.depth -= 1
        if own.value.depth == 0 { tell() }
        return result
    }

    /// Publishes what has changed, and tells the observer and the health watch all that is to be told, in the order in which
    /// it happened, also what they bring about themselves.
    private func tell() {
        publish()
        guard !own.value.isTelling else { return }
        own.value.isTelling = true
        defer { own.value.isTelling = false }
        while case let transitions = own.value.transitions, !transitions.isEmpty {
            own.value.transitions = []
            for transition in transitions { observer(transition) }
            for app in Set(transitions.map(\.status.app)) { health?.look(app) }
        }
    }

    private func publish() {
        let changed = own.value.changed
        guard !changed.isEmpty else { return }
        own.value.changed = []
        board.publish(changed.map { ($0, own.value.services[$0]?.view) })
    }
}

// MARK: - ServiceManager

extension Supervisor {
    /// Takes over definitions as `launch` does, but starts only what is new and to start by itself, and restarts what has
    /// changed unless somebody stopped it. Does not wait.
    public func apply(_ definitions: [ServiceDefinition]) { take(definitions) { _ in } }

    /// Takes over definitions and starts what is down. Does not wait. Starts nothing any more after `shutdown`.
    /// - Parameter now: whether an app in BACKOFF is started at once; otherwise it keeps its delay.
    public func launch(_ definitions: [ServiceDefinition], now: Bool) {
        take(definitions) { service in
            guard service.state != .running, service.state != .starting, service.state != .backoff || now else {
                return
            }
            service.isWanted = true
            service.begin()
        }
    }

    /// Takes definitions over; `others` gets those that this did not start or restart.
    private func take(_ definitions: [ServiceDefinition], others: @escaping @Sendable (Service) -> Void) {
        let ordered = definitions.sorted { ($0.priority, $0.key) < ($1.priority, $1.key) }
        let named = Set(ordered.map(\.key))
        health?.take(definitions)
        perform { supervisor in
            guard !supervisor.own.value.isShuttingDown else { return }
            // All first: one may require another that comes later.
            var services: [(Service, isChanged: Bool)] = []
            for definition in ordered {
                let known = supervisor.own.value.services[definition.key]
                let service = known ?? Service(definition, supervisor)
                if known == nil { supervisor.own.value.services[definition.key] = service }
                let isChanged = known?.definition != definition
                if isChanged { service.take(definition) }
                services.append((service, isChanged))
            }
            for app in Set(ordered.map(\.app)) {
                for service in supervisor.services(of: app) where !named.contains(service.key) { service.leave() }
            }
            for (service, isChanged) in services {
                service.isLeaving = false
                let hasBegun = isChanged && service.bringUp()
                if !hasBegun { others(service) }
            }
            supervisor.startWaiting()
        }
        for app in Set(ordered.map(\.app)) { health?.look(app) }
    }

    /// Stops all processes of an app, waits for that as long as it may take, and forgets the app; its log files stay.
    public func remove(_ app: AppName) {
        health?.forget(app)
        let wait = perform { supervisor in
            supervisor.logs.removed(app)
            let services = supervisor.services(of: app)
            let wait = services.map(\.patience).max()
            for service in services { service.leave() }
            return wait
        }
        if let wait { loop.wait(atMost: wait) { [self] in !services(of: app).contains(where: \.isLeaving) } }
    }

    /// Waits until STARTING and STOPPING are over, and for the first verdict on its health if asked to.
    /// - Returns: nil when the app is not known.
    public func settle(_ app: AppName, untilHealthy: Bool) -> ServiceStatus? {
        guard untilHealthy, let health else { return settled(app) { _ in } }
        return health.settle(app) { settled(app) { _ in } }
    }

    /// Starts all processes of an app that are down. nil when the app is not known.
    public func start(_ app: AppName) -> ServiceStatus? {
        settled(app) { service in
            guard !service.supervisor.own.value.isShuttingDown else { return }
            service.isWanted = true
            service.begin()
        }
    }

    /// Stops all processes of an app and waits for that; it stays down until it is launched or started.
    /// - Returns: nil when the app is not known.
    public func stop(_ app: AppName) -> ServiceStatus? {
        settled(app) { service in
            service.isWanted = false
            service.waitsForOthers = false
            service.handle(.stop)
        }
    }

    /// Stops all processes of an app that run, and starts all. nil when the app is not known.
    public func restart(_ app: AppName) -> ServiceStatus? {
        settled(app) { service in
            guard !service.supervisor.own.value.isShuttingDown else { return }
            service.isWanted = true
            if service.state.hasProcess { service.handle(.restart) } else { service.begin() }
        }
    }

    /// Gives an order to each process of an app, and waits until what it brings about has settled.
    private func settled(_ app: AppName, _ order: @escaping @Sendable (Service) -> Void) -> ServiceStatus? {
        let wait = perform { supervisor -> Duration? in
            let services = supervisor.services(of: app)
            let wait = services.map(\.patience).max()
            let staying = services.filter { !$0.isLeaving }
            for service in staying { order(service) }
            return staying.isEmpty ? nil : wait
        }
        guard let wait else { return nil }
        loop.wait(atMost: wait) { [self] in
            services(of: app).allSatisfy { $0.state.isSettled && !($0.isLeaving && $0.pid != nil) }
        }
        return status(of: app)
    }

    /// One of every known app, sorted by name, as published last, with its health. Waits for nothing.
    public func statuses() -> [ServiceStatus] { board.statuses().map(judged) }

    /// The same of one app; nil when it is not known.
    public func status(of app: AppName) -> ServiceStatus? { board.status(of: app).map(judged) }

    private func judged(_ status: ServiceStatus) -> ServiceStatus { health?.judged(status) ?? status }

    /// Names the apps whose health is not checked, in place of those named before.
    public func hold(_ apps: Set<AppName>) { health?.hold(apps) }

    /// How much apps may log from now on; before this is called there is no limit.
    /// - Parameter installed: who loses its old logs last; what is not installed loses them first.
    public func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>) {
        perform { $0.logs.set(policy, installed: installed) }
    }

    /// Always nil: gwe's own supervisor can always be reached.
    public func outage() -> String? { nil }

    /// Stops all services, those first that others do not need, and waits for each wave. Nothing is started any more,
    /// and all waits for health end.
    public func shutdown() {
        health?.end()
        let waves = perform { supervisor -> [[ServiceKey]] in
            supervisor.own.value.isShuttingDown = true
            let services = Array(supervisor.own.value.services.values)
            for service in services {
                service.waitsForOthers = false
                // Whoever ends by itself from now on stays down.
                service.machine.rules.restart = .never
                service.machine.rules.startRetries = nil
                if !service.state.hasProcess { service.handle(.stop) }
            }
            return ServiceOrder.stopping(services.map(\.definition))
        }
        for wave in waves {
            let wait = perform { supervisor -> Duration in
                let services = wave.compactMap { supervisor.own.value.services[$0] }
                for service in services { service.handle(.stop) }
                return services.map(\.patience).max() ?? .zero
            }
            loop.wait(atMost: wait) { [self] in wave.allSatisfy { own.value.services[$0]?.pid == nil } }
        }
        perform { supervisor in
            for service in supervisor.own.value.services.values where service.pid == nil { service.closePipes() }
            supervisor.groups?.remove()
        }
    }
}
