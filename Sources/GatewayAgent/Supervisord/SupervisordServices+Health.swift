public import GatewayModel
internal import GatewaySystem

/// supervisord knows nothing of health: what `HealthWatch` finds is told to it as a plain restart.
extension SupervisordServices {
    public func settleHealth(_ app: AppName) -> ServiceStatus? { settle(app) }

    /// It says nothing by itself: it is asked.
    public func onTransition(_ handler: @escaping @Sendable (AppName) -> Void) -> Bool { false }

    /// supervisord has no `requires`.
    public func report(_ health: ServiceHealth, of app: AppName, pid: Int32) {}
    public func hold(_ apps: Set<AppName>) {}

    /// On a thread of its own because it waits. There are no delays but the check's own times. An app that was stopped or
    /// restarted meanwhile is left as it is.
    public func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?) {
        let thread = try? BackgroundThread("gwe-unhealthy") { [self] in
            if status(of: app)?.pid == pid { _ = restart(app) }
        }
        thread?.detach()
    }
}
