import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@testable import GatewayAgent

/// A manager of services as these tests drive it.
protocol HealthBenchServices: ServiceManager {
    func apply(_ definitions: [ServiceDefinition])
    func start(_ app: AppName) -> ServiceStatus?
}

extension Supervisor: HealthBenchServices {}

/// A supervisor with a health watch in it, their loop on a thread of its own, and a server that says what it is told.
final class HealthBench: @unchecked Sendable {
    let folder: String
    let loop: EventLoop
    let services: any HealthBenchServices
    let server: LocalHTTPServer
    /// Nobody takes the server's port when it has stopped.
    private let reserved: ReservedPort
    /// What the server answers; nil keeps it waiting.
    let answer = Monitor<Int?>(200)
    let requests = Monitor<Int>(0)
    private let isEnding = Monitor(false)

    /// - Parameter isSilent: whether the manager tells no changes of states.
    init(isSilent: Bool = false) throws {
        folder = try TemporaryFolder.make()
        loop = try EventLoop()
        var probes = HealthProbes(environment: ProcessFacts.environment)
        probes.networkTimeout = .seconds(2)
        probes.commandTimeout = .seconds(2)
        let health = HealthWatch(loop: loop, probes: probes)
        services =
            isSilent
            ? SilentManager(try Supervisor(loop: loop, stateFolder: folder), health)
            : try Supervisor(loop: loop, stateFolder: folder, health: health)
        let answer = answer
        let requests = requests
        let isEnding = isEnding
        reserved = try ReservedPort()
        server = try LocalHTTPServer(.init(address: .tcp(port: reserved.number))) { _ in
            requests.update { $0 += 1 }
            guard let status = answer.look({ $0 }) else {
                _ = isEnding.wait(atMost: .seconds(60)) { $0 ? true : nil }
                return HTTPServerResponse(status: 500, text: "")
            }
            return HTTPServerResponse(status: status, text: "")
        }
        let loop = loop
        Thread.detachNewThread { loop.run() }
        _ = eventually { loop.isRunning }
    }

    func end() {
        services.shutdown()
        isEnding.update { $0 = true }
        server.stop()
        loop.stop()
        TemporaryFolder.remove(folder)
    }

    var url: String { "http://127.0.0.1:\(server.port)/ok" }

    func app(_ name: String) throws -> AppName { try #require(AppName(name)) }

    /// A service that sleeps and is checked.
    func definition(
        _ name: String, _ probe: HealthCheck.Probe? = nil, within: Duration = .seconds(30),
        every: Duration = .milliseconds(50), failures: Int = 2, script: String = "exec sleep 1000",
        _ change: (inout ServiceDefinition) -> Void = { _ in }
    ) throws -> ServiceDefinition {
        var definition = ServiceDefinition(
            app: try app(name), command: ["/bin/sh", "-c", script],
            context: .init(release: "1", directory: folder, logFolder: folder + "/log"))
        definition.startSeconds = 0
        definition.health = HealthCheck(probe: probe ?? .http(url), within: within, every: every, failures: failures)
        change(&definition)
        return definition
    }

    func status(_ name: String = "web") -> ServiceStatus? { AppName(name).flatMap { services.status(of: $0) } }
    func health(_ name: String = "web") -> ServiceHealth? { status(name)?.health }
    func pid(_ name: String = "web") -> Int32? { status(name)?.pid }
    var requestCount: Int { requests.look { $0 } }
}
