public import GatewayModel
public import GatewaySystem
internal import Synchronization

/// The services that a `HealthWatch` checks, and what it does with them.
protocol HealthCheckedServices: AnyObject, Sendable {
    /// Whether it calls `HealthWatch.look` at each change of a state; one that does not is looked at.
    var tellsTransitions: Bool { get }

    /// nil when the app is not known. Called on any thread; on the loop's only where `tellsTransitions` says so.
    func status(of app: AppName) -> ServiceStatus?

    /// Takes notice of what the health check says of a process: services that require the app wait for `.healthy`. Called on
    /// the loop's thread; does not wait.
    func found(_ health: ServiceHealth, of app: AppName, pid: Int32)

    /// Restarts an app whose health check failed, with the delays of a crash, unless another process runs meanwhile. Called on
    /// the loop's thread; does not wait.
    /// - Parameter healthyFor: how long it had been healthy; nil when it never was since its start.
    func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?)
}

/// Watches the health of services for whoever keeps them running, and has those restarted that are unhealthy. When is
/// `HealthMonitor`'s to say, how is `HealthProbes`', and what a restart means is the manager's own.
///
/// Threads: the loop's thread owns all of it; timers fire there, and it tells the manager and the observer there, in the order
/// in which it happened. Each check that is under way has a thread of its own, which ends with it, so that none delays the
/// loop, a pass or another check; there is at most one of an app at a time. While nothing is checked there is no thread and no
/// timer; an app without a check costs a look into a dictionary at each of its changes of state. What other threads may know
/// (`judged`) is behind a lock that is held for a copy.
///
/// The first look at a process comes with the change of its state, where the manager tells those (`look`); else before each
/// check, and once in `every` while the service does not run.
public final class HealthWatch: Sendable {
    struct Entry: Sendable {
        var definition: ServiceDefinition
        var monitor: HealthMonitor
        /// The process that is checked.
        var pid: Int32?
        var timer: EventLoop.Timer?
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
        /// Nothing is checked any more, and nobody is to wait for health.
        var hasEnded = false

        mutating func nextNumber() -> UInt64 {
            lastNumber += 1
            return lastNumber
        }
    }

    /// What is published of an app that is checked.
    private struct Reading: Sendable, Hashable {
        var health: ServiceHealth?
        var pid: Int32?
        var isHeld: Bool
    }

    private struct Manager: Sendable { weak var value: (any HealthCheckedServices)? }

    let loop: EventLoop
    let probes: HealthProbes
    let observer: @Sendable (AppName, ServiceHealth) -> Void
    let own: LoopOwned<State>
    private let readings = Lock<[AppName: Reading]>([:])
    private let manager = Lock(Manager())

    /// - Parameters:
    ///   - caFile: PEM file of trusted roots for checks over https, in place of the system's.
    ///   - observer: gets every change of an app's health, in the loop.
    public convenience init(
        loop: EventLoop, environment: [String: String] = ProcessFacts.environment, caFile: String? = nil,
        observer: @escaping @Sendable (AppName, ServiceHealth) -> Void = { _, _ in }
    ) {
        self.init(
            loop: loop, probes: HealthProbes(environment: ChildEnvironment.of(environment), caFile: caFile),
            observer: observer)
    }

    init(
        loop: EventLoop, probes: HealthProbes,
        observer: @escaping @Sendable (AppName, ServiceHealth) -> Void = { _, _ in }
    ) {
        self.loop = loop
        self.probes = probes
        self.observer = observer
        own = LoopOwned(State(), loop: loop)
    }

    // MARK: what the manager says, on any thread

    /// Checks this manager's services from now on; keeps no hold of it. Called once, before anything else.
    func check(_ services: any HealthCheckedServices) { manager.withLock { $0.value = services } }

    var services: (any HealthCheckedServices)? { manager.withLock(\.value) }
    var tellsTransitions: Bool { services?.tellsTransitions ?? false }

    /// Checks apps by these definitions from now on. Another check for a process that runs on begins at once; another release
    /// begins anew when its process comes. The manager takes them over next, and calls `look` then.
    func take(_ definitions: [ServiceDefinition]) {
        loop.perform { [self] in
            for definition in definitions { take(definition) }
        }
    }

    private func take(_ definition: ServiceDefinition) {
        let app = definition.app
        guard let check = definition.health, !own.value.hasEnded else { return drop(app) }
        if let entry = own.value.entries[app], entry.definition.release == definition.release {
            own.value.entries[app]?.definition = definition
            handle(.changed(check), app)
        } else {
            drop(app)
            own.value.entries[app] = Entry(definition: definition, monitor: HealthMonitor(check))
            publish(app)
        }
    }

    private func drop(_ app: AppName) {
        handle(.stopped, app)
        cancelTimer(app)
        own.value.entries[app] = nil
        publish(app)
    }

    func forget(_ app: AppName) { loop.perform { [self] in drop(app) } }

    /// Apps whose health is not checked.
    func hold(_ apps: Set<AppName>) {
        let changed = loop.perform { [self] in
            let changed = own.value.held.symmetricDifference(apps).filter { own.value.entries[$0] != nil }
            own.value.held = apps
            for app in changed { publish(app) }
            return changed
        }
        for app in changed { look(app) }
    }

    /// Checks nothing any more, and ends every wait: a pass that waits must not hold up the end of the agent.
    func end() {
        loop.perform { [self] in
            own.value.hasEnded = true
            for app in own.value.entries.keys { drop(app) }
        }
    }

    // MARK: what it says

    /// A manager's status, with what is known of the app's health.
    func judged(_ status: ServiceStatus) -> ServiceStatus {
        guard let reading = readings.withLock({ $0[status.app] }) else { return status }
        var status = status
        // A process that was not looked at yet is not as healthy as the one before.
        let isNew = reading.pid != status.pid && status.state.hasProcess && !reading.isHeld
        status.health = isNew && reading.health == .healthy ? .starting : reading.health
        return status
    }

    func publish(_ app: AppName) {
        let reading = own.value.entries[app].map {
            Reading(health: $0.monitor.health, pid: $0.pid, isHeld: own.value.held.contains(app))
        }
        readings.withLock { $0[app] = reading }
    }

    /// Waits until the health check of an app has found it healthy or not, or it has no process any more.
    /// - Parameter settle: waits until STARTING and STOPPING are over; nil when the app is not known.
    func settle(_ app: AppName, _ settle: () -> ServiceStatus?) -> ServiceStatus? {
        guard var status = settle() else { return nil }
        look(app)
        guard let (before, limit) = loop.perform({ [self] in expectation(app) }) else { return status }
        let end = MonotonicTime.now + limit
        while status.state.hasProcess, case let left = MonotonicTime.now.duration(to: end), left > .zero {
            let isOver: Bool? = loop.wait(atMost: left) { [self] in verdict(app, after: before) }
            guard let now = settle() else { return nil }
            status = now
            // Between two processes, or held: whoever has no process soon is not waited for.
            if isOver != false { break }
            look(app)
            if loop.perform({ [self] in own.value.entries[app]?.monitor.phase == .idle }) { break }
        }
        return status
    }

    /// How many verdicts there were until now, and how long the next one may take; nil when none is to come.
    private func expectation(_ app: AppName) -> (verdictCount: Int, limit: Duration)? {
        guard let monitor = own.value.entries[app]?.monitor, !own.value.hasEnded else { return nil }
        // The last check may begin when the time is over. One that is not new tells with its first check, or later.
        let time = monitor.isInGrace ? monitor.check.within : .zero
        return (monitor.verdictCount, time + probes.longest(monitor.check.probe) + .seconds(5))
    }

    /// Whether a wait is over for good; false when nothing is checked now, nil while it goes on.
    private func verdict(_ app: AppName, after count: Int) -> Bool? {
        guard let monitor = own.value.entries[app]?.monitor, !own.value.hasEnded else { return true }
        if monitor.verdictCount != count { return true }
        switch monitor.phase {
        case .healthy, .unhealthy: return true
        case .starting: return nil
        case .idle: return false
        }
    }
}
