internal import GatewayModel
internal import GatewaySystem

/// supervisord knows nothing of health: what `HealthWatch` finds is told to it as a plain restart.
extension SupervisordServices: HealthCheckedServices {
    /// It says nothing by itself: it is asked.
    var tellsTransitions: Bool { false }

    /// supervisord has no `requires`.
    func found(_ health: ServiceHealth, of app: AppName, pid: Int32) {}

    /// On a thread of its own because it waits. There are no delays but the check's own times. An app that was stopped or
    /// restarted meanwhile is left as it is.
    func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?) {
        let thread = try? BackgroundThread("gwe-unhealthy") { [self] in
            if status(of: app)?.pid == pid { restart(app) }
        }
        thread?.detach()
    }
}
