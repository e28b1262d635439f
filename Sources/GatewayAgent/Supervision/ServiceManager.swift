public import GatewayModel
internal import GatewaySystem

/// Whoever keeps services running: gwe's own supervisor, or an existing supervisord. The seam between the reconciler, which
/// knows what should run, and the supervision, which makes it so. Health checks are a part of it: see `HealthWatch`.
///
/// Every call may come from any thread. Calls that change something return when the change has settled (STARTING and
/// STOPPING are over) or their time is over; what came of it is in the status. None of them throws for an app that fails:
/// that is a state, and its reason is in `problem`.
///
/// There are no defaults on purpose: what wraps another manager must hand every call on.
public protocol ServiceManager: Sendable {
    /// Takes over definitions and starts those apps that are down, also what a person stopped, what has ended and what is
    /// FATAL. A changed definition restarts its app; an equal one leaves it alone. Of an app with several processes all
    /// definitions are given, and processes that it no longer has are stopped. Apps that are not named are left alone. Does
    /// not wait.
    /// - Parameter now: whether an app in BACKOFF is started at once and its delays are forgotten; otherwise it keeps them.
    func launch(_ definitions: [ServiceDefinition], now: Bool)

    /// Stops all processes of an app and forgets it; its log files stay.
    func remove(_ app: AppName)

    /// Waits until STARTING and STOPPING are over, and changes nothing.
    /// - Parameter untilHealthy: whether to wait then until the health check of the app has found it healthy or not, which
    ///   takes at most about its `within`.
    /// - Returns: nil when the app is not known.
    func settle(_ app: AppName, untilHealthy: Bool) -> ServiceStatus?

    /// Stops all processes of an app, which stays down until it is launched. nil when the app is not known.
    func stop(_ app: AppName) -> ServiceStatus?

    /// One of every known app, sorted by name; see `ServiceStatus.processes`. Waits for nothing that a service does.
    func statuses() -> [ServiceStatus]

    /// Names the apps that are held: their health is not checked, so that nothing restarts them for it.
    func hold(_ apps: Set<AppName>)

    /// How much apps may log from now on, which changes nothing else; no limits before this is called. What is not
    /// `installed` loses its old logs first.
    func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>)

    /// Why nothing can be supervised at all now, in words; nil while it can, as gwe's own supervisor always does.
    func outage() -> String?

    /// Ends every wait for health, stops all apps, those first that others do not need, and starts nothing any more. Of
    /// supervisord's apps none is stopped: they are supervisord's.
    func shutdown()
}

extension ServiceManager {
    /// nil when the app is not known.
    public func status(of app: AppName) -> ServiceStatus? { statuses().first { $0.app == app } }

    /// Waits until STARTING and STOPPING are over. nil when the app is not known.
    public func settle(_ app: AppName) -> ServiceStatus? { settle(app, untilHealthy: false) }
}
