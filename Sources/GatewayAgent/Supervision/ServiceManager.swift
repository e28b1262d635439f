public import GatewayModel

/// Whoever keeps services running: gwe's own supervisor, or an existing supervisord. The seam between the reconciler, which
/// knows what should run, and the supervision, which makes it so.
///
/// Every call may come from any thread. Calls that change something return when the change has settled (STARTING and
/// STOPPING are over) or their time is over; what came of it is in the status. None of them throws for an app that fails:
/// that is a state, and its reason is in `problem`.
public protocol ServiceManager: Sendable {
    /// Takes over definitions: a new one is started if it is to start by itself, a changed one is restarted unless somebody
    /// stopped it, an equal one is left alone. Of an app with several processes all definitions are given, and processes that
    /// it no longer has are stopped. Apps that are not named are left alone. Does not wait.
    func apply(_ definitions: [ServiceDefinition])

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

    /// Stops all apps, those first that others do not need, and starts nothing any more. Of supervisord's apps none is
    /// stopped: they are supervisord's.
    func shutdown()

    /// Why nothing can be supervised at all now, in words; nil while it can.
    func outage() -> String?
}

extension ServiceManager {
    public func outage() -> String? { nil }

    public func status(of app: AppName) -> ServiceStatus? { statuses().first { $0.app == app } }
}
