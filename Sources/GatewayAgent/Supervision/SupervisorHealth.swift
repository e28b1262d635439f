public import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// What somebody above, who knows of health, has to say: see `ServiceManager` and `HealthWatch`.
extension Supervisor {
    public func outage() -> String? { nil }
    public func settleHealth(_ app: AppName) -> ServiceStatus? { settle(app) }
    public func hold(_ apps: Set<AppName>) {}

    public func onTransition(_ handler: @escaping @Sendable (AppName) -> Void) -> Bool {
        listener.withLock { $0 = handler }
        return true
    }

    /// All processes of an app are as healthy as the app.
    public func report(_ health: ServiceHealth, of app: AppName, pid: Int32) {
        locked { core in
            let keys = core.keys(of: app)
            guard keys.contains(where: { core.services[$0]?.pid == pid }) else { return }
            for key in keys { core.services[key]?.isHealthy = health == .healthy }
            if health == .healthy { startWaiting(&core) }
        }
    }

    public func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?) {
        locked { core in
            let keys = core.keys(of: app)
            guard !core.shuttingDown, keys.contains(where: { core.services[$0]?.pid == pid }) else { return }
            for key in keys {
                wentWrong(reason, key, &core)
                handle(.unhealthy(healthyFor: healthyFor), key, &core)
            }
        }
    }
}
