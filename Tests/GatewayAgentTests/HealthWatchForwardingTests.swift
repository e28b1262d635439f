import GatewayModel
import GatewaySystem
import Synchronization
import Testing

@testable import GatewayAgent

/// What is said and asked reaches whoever supervises, through all that stands in between.
@Suite struct HealthWatchForwardingTests {
    /// Notes each call, and answers with a status and an outage of its own.
    private final class Recorder: ServiceManager {
        private let noted = Mutex<[String]>([])
        var calls: [String] { noted.withLock { $0 } }
        private func note(_ call: String) { noted.withLock { $0.append(call) } }
        private func answer(_ call: String, _ app: AppName) -> ServiceStatus? {
            note(call)
            return ServiceStatus(app: app, state: .fatal, problem: call)
        }

        func apply(_ definitions: [ServiceDefinition]) { note("apply") }
        func launch(_ definitions: [ServiceDefinition], now: Bool) { note("launch \(now)") }
        func remove(_ app: AppName) { note("remove") }
        func settle(_ app: AppName) -> ServiceStatus? { answer("settle", app) }
        func start(_ app: AppName) -> ServiceStatus? { answer("start", app) }
        func stop(_ app: AppName) -> ServiceStatus? { answer("stop", app) }
        func restart(_ app: AppName) -> ServiceStatus? { answer("restart", app) }
        func statuses() -> [ServiceStatus] { AppName("web").flatMap { answer("statuses", $0) }.map { [$0] } ?? [] }
        func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>) { note("policy \(policy.linesPerSecond ?? 0)") }
        func shutdown() { note("shutdown") }
        func outage() -> String? {
            note("outage")
            return "supervisord is gone"
        }
        func settleHealth(_ app: AppName) -> ServiceStatus? { answer("settleHealth", app) }
        func onTransition(_ handler: @escaping @Sendable (AppName) -> Void) -> Bool { false }
        func report(_ health: ServiceHealth, of app: AppName, pid: Int32) { note("report") }
        func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?) { note("failedHealth") }
        func hold(_ apps: Set<AppName>) { note("hold \(apps.map(\.text))") }
    }

    @Test("an outage of supervisord, and every call, goes through the health watch")
    func forwards() throws {
        let below = Recorder()
        let watch = HealthWatch(below, loop: try EventLoop())
        let services = watch
        let app = try #require(AppName("web"))
        #expect(services.outage() == "supervisord is gone")
        services.apply([])
        services.launch([], now: false)
        #expect(services.settle(app)?.problem == "settle")
        #expect(services.start(app)?.problem == "start")
        #expect(services.stop(app)?.problem == "stop")
        #expect(services.restart(app)?.problem == "restart")
        #expect(services.settleHealth(app)?.state == .fatal)
        #expect(services.statuses().map(\.problem) == ["statuses"])
        services.setLogPolicy(LogPolicy(linesPerSecond: 7), installed: [])
        services.hold([app])
        services.report(.healthy, of: app, pid: 1)
        services.failedHealth(app, pid: 1, reason: "", healthyFor: nil)
        services.remove(app)
        services.shutdown()
        #expect(
            below.calls == [
                "outage", "apply", "launch false", "settle", "start", "stop", "restart", "settle", "statuses",
                "policy 7",
                "hold [\"web\"]", "report", "failedHealth", "remove", "shutdown",
            ])
    }
}
