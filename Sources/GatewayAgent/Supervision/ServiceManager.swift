public import GatewayModel
internal import GatewaySystem

/// Whoever keeps services running: gwe's own supervisor, or an existing supervisord. The seam between the reconciler, which
/// knows what should run, and the supervision, which makes it so.
///
/// Every call may come from any thread. Calls that change something return when the change has settled (STARTING and
/// STOPPING are over) or their time is over; what came of it is in the status. None of them throws for an app that fails:
/// that is a state, and its reason is in `problem`.
///
/// There are no defaults on purpose: what wraps another manager must hand every call on.
public protocol ServiceManager: Sendable {
    /// Takes over definitions: a new one is started if it is to start by itself, a changed one is restarted unless somebody
    /// stopped it, an equal one is left alone. Of an app with several processes all definitions are given, and processes that
    /// it no longer has are stopped. Apps that are not named are left alone. Does not wait.
    func apply(_ definitions: [ServiceDefinition])

    /// As `apply`, and starts in the same step those of the apps that are down, also what a person stopped, what has ended
    /// and what is FATAL; what the new definition has started already is not started a second time. Does not wait.
    /// - Parameter now: whether an app in BACKOFF is started at once and its delays are forgotten; otherwise it keeps them.
    func launch(_ definitions: [ServiceDefinition], now: Bool)

    /// Stops all processes of an app and forgets it; its log files stay.
    func remove(_ app: AppName)

    /// Waits until STARTING and STOPPING are over, and changes nothing. nil when the app is not known.
    func settle(_ app: AppName) -> ServiceStatus?

    /// nil when the app is not known.
    func start(_ app: AppName) -> ServiceStatus?
    func stop(_ app: AppName) -> ServiceStatus?
    func restart(_ app: AppName) -> ServiceStatus?

    /// One of every known app, sorted by name; see `ServiceStatus.processes`.
    func statuses() -> [ServiceStatus]

    /// How much apps may log from now on, which changes nothing else; no limits before this is called. What is not
    /// `installed` loses its old logs first.
    func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>)

    /// Stops all apps, those first that others do not need, and starts nothing any more. Of supervisord's apps none is
    /// stopped: they are supervisord's.
    func shutdown()

    /// Why nothing can be supervised at all now, in words; nil while it can, as gwe's own supervisor always does.
    func outage() -> String?

    // MARK: health

    /// Waits as `settle` does, and then until the health check of the app has found it healthy or not, which takes at most
    /// about its `within`; a manager that knows nothing of health only settles. Not to be called on an event loop's own
    /// thread. nil when the app is not known.
    func settleHealth(_ app: AppName) -> ServiceStatus?

    /// Asks to be told of every change of an app's state, on any thread and without a lock held. Returns whether this
    /// manager does that; one that does not is asked.
    func onTransition(_ handler: @escaping @Sendable (AppName) -> Void) -> Bool

    /// Takes notice of what the health check says of a process: services that require the app wait for `.healthy`. Does not
    /// wait.
    func report(_ health: ServiceHealth, of app: AppName, pid: Int32)

    /// Restarts an app whose health check failed, with the delays of a crash, unless another process runs meanwhile. Does
    /// not wait.
    /// - Parameter healthyFor: how long it had been healthy; nil when it never was since its start.
    func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?)

    /// The apps that are held: their health is not checked, so that nothing restarts them for it.
    func hold(_ apps: Set<AppName>)
}

extension ServiceManager {
    public func status(of app: AppName) -> ServiceStatus? { statuses().first { $0.app == app } }
}
