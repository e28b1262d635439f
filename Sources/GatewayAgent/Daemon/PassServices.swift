internal import GatewayModel

/// The services as passes see them: each call is a checkpoint of the pass. When the daemon stops, it stops the apps while a
/// pass may be in its middle; what that pass would see of them is no failure of theirs.
struct PassServices: ServiceManager {
    let services: any ServiceManager
    let passes: PassQueue

    private func checked<Result>(_ call: (any ServiceManager) -> Result) -> Result {
        passes.checkpoint()
        let result = call(services)
        passes.checkpoint()
        return result
    }

    func apply(_ definitions: [ServiceDefinition]) { checked { $0.apply(definitions) } }
    func launch(_ definitions: [ServiceDefinition], now: Bool) { checked { $0.launch(definitions, now: now) } }
    func remove(_ app: AppName) { checked { $0.remove(app) } }
    func settle(_ app: AppName) -> ServiceStatus? { checked { $0.settle(app) } }
    func start(_ app: AppName) -> ServiceStatus? { checked { $0.start(app) } }
    func stop(_ app: AppName) -> ServiceStatus? { checked { $0.stop(app) } }
    func restart(_ app: AppName) -> ServiceStatus? { checked { $0.restart(app) } }
    func statuses() -> [ServiceStatus] { checked { $0.statuses() } }
    func shutdown() { checked { $0.shutdown() } }
    func outage() -> String? { checked { $0.outage() } }
    func settleHealth(_ app: AppName) -> ServiceStatus? { checked { $0.settleHealth(app) } }
    func hold(_ apps: Set<AppName>) { checked { $0.hold(apps) } }
    func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>) {
        checked { $0.setLogPolicy(policy, installed: installed) }
    }

    func onTransition(_ handler: @escaping @Sendable (AppName) -> Void) -> Bool { services.onTransition(handler) }
    func report(_ health: ServiceHealth, of app: AppName, pid: Int32) { services.report(health, of: app, pid: pid) }
    func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?) {
        services.failedHealth(app, pid: pid, reason: reason, healthyFor: healthyFor)
    }
}
