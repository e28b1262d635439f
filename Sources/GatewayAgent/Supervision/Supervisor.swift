public import GatewayModel
public import GatewaySystem
internal import Synchronization

/// gwe's own supervisor: starts, watches, restarts and stops services, and keeps their logs, all in one event loop.
///
/// Threads: `loop` must be running on some thread for anything to happen by itself; the daemon's main thread does that. All
/// methods may be called from any thread. A call that waits does so on the caller's thread; on the loop's own thread, or
/// when no thread runs the loop, the waiting call runs the loop itself meanwhile. One mutex guards the services; the loop's
/// handlers take it for short. Children are reaped here one by one and by number, never "any child", so that
/// `ChildProcess.run` may be used beside it.
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
        public var from: ServiceState
        public var status: ServiceStatus
    }

    struct Core: ~Copyable {
        var services: [ServiceKey: ServiceSlot] = [:]
        var waiters: [UInt64: Latch] = [:]
        var nextWaiter: UInt64 = 0
        /// What the observer was not told yet.
        var transitions: [Transition] = []
        /// Whether a thread tells the observer.
        var telling = false
        var shuttingDown = false

        /// The processes of an app.
        func keys(of app: AppName) -> [ServiceKey] { services.keys.filter { $0.app == app }.sorted() }
        func services(of app: AppName) -> [ServiceSlot] { services.values.filter { $0.definition.app == app } }
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
    private let observer: @Sendable (Transition) -> Void
    private let core = Mutex(Core())
    /// Somebody above who wants to hear of changes; see `onTransition`.
    let listener = Mutex<(@Sendable (AppName) -> Void)?>(nil)

    /// How descendants of services are known.
    public struct Trees: Sendable, Hashable {
        /// Whether control groups are used where they can be.
        public var usesControlGroups = true
        /// Whether, where they are not, this process becomes a subreaper, so that orphans come to it.
        public var collectsOrphans = true
        /// See `RunFolders`; nil is the usual place.
        public var memory: String?

        public init() {}
    }

    /// Adopts what runs from an agent before. A service that runs and is in no definition that `apply` gets is in `statuses`
    /// all the same: `remove` it.
    /// - Parameters:
    ///   - trees: for tests.
    ///   - observer: gets every change of state, on the thread that brought it about and without a lock held.
    /// - Throws: when there are no descriptors.
    public init(
        loop: EventLoop, stateFolder: String, environment: [String: String] = ProcessFacts.environment,
        trees: Trees = Trees(), observer: @escaping @Sendable (Transition) -> Void = { _ in }
    ) throws(SystemError) {
        self.loop = loop
        self.observer = observer
        self.trees = trees
        folders = RunFolders(stateFolder: stateFolder, memory: trees.memory)
        treeKey = ControlGroups.key(stateFolder)
        groups = trees.usesControlGroups ? ControlGroups(stateFolder: stateFolder) : nil
        scratch = try PipeScratch()
        logs = LogLedger(loop: loop, stateFolder: stateFolder)
        // Those speak to the agent, not to its services.
        self.environment = environment.filter { !ServiceNotification.variables.contains($0.key) }
        if groups == nil { collectOrphans() }
        let records = folders.records()
        locked { core in
            for name in records { adopt(name, &core) }
            endLeftGroups(core)
        }
    }

    /// For trees without a control group.
    func collectOrphans() {
        if trees.collectsOrphans { OwnChildren.becomeReaper() }
    }

    // MARK: ServiceManager

    public func apply(_ definitions: [ServiceDefinition]) { take(definitions) { _, _ in } }

    public func launch(_ definitions: [ServiceDefinition], now: Bool) {
        take(definitions) { key, core in
            guard let state = core.services[key]?.machine.state, state != .running, state != .starting else { return }
            guard state != .backoff || now else { return }
            core.services[key]?.wanted = true
            begin(key, &core)
        }
    }

    /// Takes definitions over; `others` gets the keys of those that this did not start or restart.
    private func take(_ definitions: [ServiceDefinition], others: (ServiceKey, inout Core) -> Void) {
        let ordered = definitions.sorted { ($0.priority, $0.key) < ($1.priority, $1.key) }
        let named = Set(ordered.map(\.key))
        let apps = Set(ordered.map(\.app))
        locked { core in
            guard !core.shuttingDown else { return }
            // All first: one may require another that comes later.
            var changed: Set<ServiceKey> = []
            for definition in ordered where core.services[definition.key]?.definition != definition {
                changed.insert(definition.key)
                put(definition, &core)
            }
            for key in core.services.keys where apps.contains(key.app) && !named.contains(key) { leave(key, &core) }
            for key in ordered.map(\.key) {
                core.services[key]?.removing = false
                let hasBegun = changed.contains(key) && bringUp(key, &core)
                if !hasBegun { others(key, &core) }
            }
            startWaiting(&core)
        }
    }

    public func remove(_ app: AppName) {
        logs.removed(app)
        let wait = locked { core -> Duration? in
            let wait = core.services(of: app).map(Supervisor.patience).max()
            for key in core.keys(of: app) { leave(key, &core) }
            return wait
        }
        if let wait { waitUntil(timeout: wait) { !$0.services(of: app).contains(where: \.removing) } }
    }

    /// Begins to stop a process that is to be forgotten.
    private func leave(_ key: ServiceKey, _ core: inout Core) {
        core.services[key]?.removing = true
        core.services[key]?.wanted = false
        core.services[key]?.waitsForOthers = false
        handle(.stop, key, &core)
        forgetIfDone(key, &core)
    }

    public func settle(_ app: AppName) -> ServiceStatus? { settled(app) { _, _ in } }

    public func start(_ app: AppName) -> ServiceStatus? {
        settled(app) { key, core in
            guard !core.shuttingDown else { return }
            core.services[key]?.wanted = true
            begin(key, &core)
        }
    }

    public func stop(_ app: AppName) -> ServiceStatus? {
        settled(app) { key, core in
            core.services[key]?.wanted = false
            core.services[key]?.waitsForOthers = false
            handle(.stop, key, &core)
        }
    }

    public func restart(_ app: AppName) -> ServiceStatus? {
        settled(app) { key, core in
            guard !core.shuttingDown else { return }
            core.services[key]?.wanted = true
            if core.services[key]?.machine.state.hasProcess == true {
                handle(.restart, key, &core)
            } else {
                begin(key, &core)
            }
        }
    }

    public func statuses() -> [ServiceStatus] {
        let now = MonotonicTime.now
        let all = locked { core in core.services.values.map { $0.status(now: now) } }
        let apps = Dictionary(grouping: all, by: \.app)
        return apps.values.compactMap(ServiceStatus.init(of:)).sorted { $0.app < $1.app }
    }

    public func status(of app: AppName) -> ServiceStatus? {
        ServiceStatus(of: locked { core in core.services(of: app).map { $0.status(now: .now) } })
    }

    public func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>) { logs.set(policy, installed: installed) }

    public func shutdown() {
        let waves = locked { core -> [[ServiceKey]] in
            core.shuttingDown = true
            for key in core.services.keys {
                core.services[key]?.waitsForOthers = false
                // Whoever ends by itself from now on stays down.
                core.services[key]?.machine.rules.restart = .never
                core.services[key]?.machine.rules.startRetries = nil
                if core.services[key]?.machine.state.hasProcess == false { handle(.stop, key, &core) }
            }
            return ServiceOrder.stopping(core.services.values.map(\.definition))
        }
        for wave in waves {
            let wait = locked { core -> Duration in
                for key in wave { handle(.stop, key, &core) }
                return wave.compactMap { core.services[$0].map(Supervisor.patience) }.max() ?? .zero
            }
            waitUntil(timeout: wait) { core in wave.allSatisfy { core.services[$0]?.pid == nil } }
        }
        locked { core in
            for (key, slot) in core.services where slot.pid == nil { closePipes(key, &core) }
            groups?.remove()
        }
    }

    // MARK: locking and waiting

    /// Runs a piece with the mutex held, then tells the observer and the waiters what changed.
    @discardableResult
    func locked<Result: Sendable>(_ body: (inout Core) -> Result) -> Result {
        let (result, tells) = core.withLock { core in
            let known = core.transitions.count
            let result = body(&core)
            if core.transitions.count > known {
                for latch in core.waiters.values { latch.open() }
            }
            let tells = !core.transitions.isEmpty && !core.telling
            if tells { core.telling = true }
            return (result, tells)
        }
        if tells { tell() }
        return result
    }

    /// Tells the observer all that is to be told, in the order in which it happened: only one thread does so at a time, also
    /// what others bring about meanwhile.
    private func tell() {
        while true {
            let transitions = core.withLock { core in
                let transitions = core.transitions
                core.transitions = []
                if transitions.isEmpty { core.telling = false }
                return transitions
            }
            if transitions.isEmpty { return }
            for transition in transitions { observer(transition) }
            if let listener = listener.withLock({ $0 }) {
                for app in Set(transitions.map(\.status.app)) { listener(app) }
            }
        }
    }

    /// How long a stop or a start may take at most before nobody waits any more; it goes on all the same.
    private static func patience(_ slot: ServiceSlot) -> Duration {
        .seconds(slot.startedWith.stopWaitSeconds + slot.definition.startSeconds + 15)
    }

    private func settled(_ app: AppName, _ command: (ServiceKey, inout Core) -> Void) -> ServiceStatus? {
        let wait = locked { core -> Duration? in
            let wait = core.services(of: app).map(Supervisor.patience).max()
            let keys = core.keys(of: app).filter { core.services[$0]?.removing == false }
            for key in keys { command(key, &core) }
            return keys.isEmpty ? nil : wait
        }
        guard let wait else { return nil }
        waitUntil(timeout: wait) { core in
            core.services(of: app).allSatisfy { $0.machine.state.isSettled && !($0.removing && $0.pid != nil) }
        }
        return status(of: app)
    }

    private func waitUntil(timeout: Duration, _ condition: (borrowing Core) -> Bool) {
        let end = MonotonicTime.now + timeout
        if loop.isCurrent || !loop.isRunning {
            let timer = loop.schedule(after: timeout) {}
            defer { loop.cancel(timer) }
            return loop.run { core.withLock { condition($0) } || MonotonicTime.now >= end }
        }
        while MonotonicTime.now < end {
            guard let latch = try? Latch() else { return }
            let number = core.withLock { core -> UInt64? in
                if condition(core) { return nil }
                core.nextWaiter += 1
                core.waiters[core.nextWaiter] = latch
                return core.nextWaiter
            }
            guard let number else { return }
            _ = latch.wait(timeout: MonotonicTime.now.duration(to: end))
            core.withLock { _ = $0.waiters.removeValue(forKey: number) }
        }
    }
}
