public import GatewayModel
public import GatewaySystem
internal import Synchronization

/// A service manager that watches the health of what another one runs, and has it restart what is unhealthy. When is
/// `HealthMonitor`'s to say, how is `HealthProbes`', and what a restart means is the manager's own: see
/// `ServiceManager.failedHealth`.
///
/// Threads: timers fire in the event loop; each check that is under way has a thread of its own, which ends with it, so that
/// none delays the loop, a pass or another check; there is at most one of an app at a time. While nothing is checked there
/// is no thread and no timer; an app without a check costs a look into a dictionary at each of its changes of state. All
/// that is told to the manager and to the observer is told in the loop, in the order in which it happened, and without a
/// lock held.
///
/// The first look at a process comes with the change of its state, where the manager tells those (`note`); else before each
/// check, and once in `every` while the service does not run.
public final class HealthWatch: ServiceManager {
    struct Entry: Sendable {
        var definition: ServiceDefinition
        var monitor: HealthMonitor
        /// The process that is checked.
        var pid: Int32?
        var timer: EventLoop.Timer?
        /// A timer that fires while it is being replaced carries an old number.
        var timerNumber = 0
        /// The check whose result counts; nil when none does.
        var awaited: UInt64?
        /// The check that has a thread.
        var running: UInt64?
        /// Looks at the manager are numbered: an older one must not overwrite a newer.
        var lastLook: UInt64 = 0
    }

    struct State: Sendable {
        var entries: [AppName: Entry] = [:]
        var held: Set<AppName> = []
        var lastNumber: UInt64 = 0
        var isShuttingDown = false
        /// Nobody is to wait for health any more.
        var isEnding = false

        mutating func nextNumber() -> UInt64 {
            lastNumber += 1
            return lastNumber
        }
    }

    let loop: EventLoop
    let services: any ServiceManager
    let probes: HealthProbes
    let observer: @Sendable (AppName, ServiceHealth) -> Void
    /// Whether the manager says when a state changes.
    let tellsTransitions: Bool
    let state = Monitor(State())

    private final class WeakWatch: Sendable {
        struct Box { weak var value: HealthWatch? }
        let watch = Mutex(Box())
    }

    /// - Parameters:
    ///   - observer: gets every change of an app's health, in the loop.
    ///   - caFile: PEM file of trusted roots for checks over https, in place of the system's.
    public convenience init(
        _ services: any ServiceManager, loop: EventLoop, environment: [String: String] = ProcessFacts.environment,
        caFile: String? = nil, observer: @escaping @Sendable (AppName, ServiceHealth) -> Void = { _, _ in }
    ) {
        // Those speak to the agent, not to a check.
        let own = environment.filter { !ServiceNotification.variables.contains($0.key) }
        self.init(services, loop: loop, probes: HealthProbes(environment: own, caFile: caFile), observer: observer)
    }

    init(
        _ services: any ServiceManager, loop: EventLoop, probes: HealthProbes,
        observer: @escaping @Sendable (AppName, ServiceHealth) -> Void = { _, _ in }
    ) {
        self.services = services
        self.loop = loop
        self.probes = probes
        self.observer = observer
        let box = WeakWatch()
        tellsTransitions = services.onTransition { app in box.watch.withLock { $0.value }?.look(app) }
        box.watch.withLock { $0.value = self }
    }

    // MARK: ServiceManager

    public func apply(_ definitions: [ServiceDefinition]) { take(definitions) { services.apply(definitions) } }

    public func launch(_ definitions: [ServiceDefinition], now: Bool) {
        take(definitions) { services.launch(definitions, now: now) }
    }

    private func take(_ definitions: [ServiceDefinition], _ below: () -> Void) {
        state.update { state in
            for definition in definitions { take(definition, &state) }
        }
        below()
        for definition in definitions { look(definition.app) }
    }

    /// Another check for a process that runs on begins at once; another release begins anew when its process comes.
    private func take(_ definition: ServiceDefinition, _ state: inout State) {
        let app = definition.app
        guard let check = definition.health, !state.isShuttingDown else { return drop(app, &state) }
        if state.entries[app] == nil || state.entries[app]?.definition.release != definition.release {
            drop(app, &state)
            state.entries[app] = Entry(definition: definition, monitor: HealthMonitor(check))
        } else {
            state.entries[app]?.definition = definition
            handle(.changed(check), app, &state)
        }
    }

    private func drop(_ app: AppName, _ state: inout State) {
        guard state.entries[app] != nil else { return }
        handle(.stopped, app, &state)
        state.entries[app] = nil
    }

    public func outage() -> String? { services.outage() }

    public func remove(_ app: AppName) {
        state.update { drop(app, &$0) }
        services.remove(app)
    }

    public func settle(_ app: AppName) -> ServiceStatus? { services.settle(app).map(withHealth) }
    public func start(_ app: AppName) -> ServiceStatus? { looked(app, services.start(app)) }
    public func stop(_ app: AppName) -> ServiceStatus? { looked(app, services.stop(app)) }
    public func restart(_ app: AppName) -> ServiceStatus? { looked(app, services.restart(app)) }

    private func looked(_ app: AppName, _ status: ServiceStatus?) -> ServiceStatus? {
        look(app)
        return status.map(withHealth)
    }

    public func statuses() -> [ServiceStatus] { services.statuses().map(withHealth) }

    private func withHealth(_ status: ServiceStatus) -> ServiceStatus {
        var status = status
        status.health = state.look { state in
            guard let entry = state.entries[status.app] else { return nil }
            // A process that was not looked at yet is not as healthy as the one before.
            let isNew = entry.pid != status.pid && status.state.hasProcess && !state.held.contains(status.app)
            return isNew && entry.monitor.health == .healthy ? .starting : entry.monitor.health
        }
        return status
    }

    /// Ends every wait for health: a pass that waits must not hold up the end of the agent.
    public func endWaits() { state.update { $0.isEnding = true } }

    public func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>) {
        services.setLogPolicy(policy, installed: installed)
    }

    public func shutdown() {
        state.update { state in
            state.isShuttingDown = true
            state.isEnding = true
            for app in state.entries.keys { drop(app, &state) }
        }
        services.shutdown()
    }

    public func hold(_ apps: Set<AppName>) {
        let changed = state.update { state in
            defer { state.held = apps }
            return state.held.symmetricDifference(apps).filter { state.entries[$0] != nil }
        }
        for app in changed { look(app) }
        services.hold(apps)
    }

    /// This watch is the one who is told.
    public func onTransition(_ handler: @escaping @Sendable (AppName) -> Void) -> Bool { false }

    public func report(_ health: ServiceHealth, of app: AppName, pid: Int32) {
        services.report(health, of: app, pid: pid)
    }

    public func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?) {
        services.failedHealth(app, pid: pid, reason: reason, healthyFor: healthyFor)
    }

    public func settleHealth(_ app: AppName) -> ServiceStatus? {
        guard var status = settle(app) else { return nil }
        look(app)
        let (before, limit) = state.look { state -> (Int?, Duration?) in
            let monitor = state.entries[app]?.monitor
            guard let monitor, !state.isEnding else { return (nil, nil) }
            // The last check may begin when the time is over. One that is not new tells with its first check, or later.
            let time = monitor.isInGrace ? monitor.check.within : .zero
            return (monitor.verdictCount, time + probes.longest(monitor.check.probe) + .seconds(5))
        }
        guard let before, let limit else { return status }
        let end = MonotonicTime.now + limit
        while status.state.hasProcess, case let left = MonotonicTime.now.duration(to: end), left > .zero {
            let isOver: Bool? = state.wait(atMost: left) { state in
                guard let monitor = state.entries[app]?.monitor, !state.isEnding else { return true }
                if monitor.verdictCount != before { return true }
                switch monitor.phase {
                case .healthy, .unhealthy: return true
                case .starting: return nil
                case .idle: return false
                }
            }
            guard let now = settle(app) else { return nil }
            status = now
            // Between two processes, or held: whoever has no process soon is not waited for.
            if isOver != false { break }
            look(app)
            if state.look({ $0.entries[app]?.monitor.phase == .idle }) { break }
        }
        return status
    }
}
