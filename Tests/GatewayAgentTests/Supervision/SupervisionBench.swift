import Documents
import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Synchronization
import TestSupport
import Testing

/// A supervisor on a temporary state folder, its loop on a thread of its own, and apps that are shell scripts.
final class SupervisionBench: Sendable {
    let folder: String
    let loop: EventLoop
    let supervisor: Supervisor
    private let states = Lock<[String: [ServiceState]]>([:])
    private let ownsFolder: Bool

    init(folder given: String? = nil, trees: Supervisor.Trees = .init()) throws {
        folder = try given ?? TemporaryFolder.make()
        ownsFolder = given == nil
        loop = try EventLoop()
        let seen = Observer()
        supervisor = try Supervisor(loop: loop, stateFolder: folder, trees: trees) { seen.bench?.note($0) }
        seen.bench = self
        let loop = loop
        Thread.detachNewThread { loop.run() }
        _ = eventually { loop.isRunning }
    }

    private final class Observer: @unchecked Sendable { weak var bench: SupervisionBench? }

    private func note(_ transition: Supervisor.Transition) {
        states.withLock { $0[transition.status.key.description, default: []].append(transition.status.state) }
    }

    /// The states that an app, or a process `app:process` of it, went through.
    func history(_ app: String) -> [ServiceState] { states.withLock { $0[app] ?? [] } }

    /// Stops everything and removes the folder.
    func end() {
        supervisor.shutdown()
        loop.stop()
        if ownsFolder { TemporaryFolder.remove(folder) }
    }

    /// Leaves the services running, as an agent that is killed does.
    func abandon() {
        loop.stop()
        _ = eventually { !loop.isRunning }
    }

    /// A service that is a shell script.
    func definition(_ name: String, _ script: String, _ change: (inout ServiceDefinition) -> Void = { _ in }) throws
        -> ServiceDefinition
    {
        let app = try #require(AppName(name))
        var definition = ServiceDefinition(
            app: app, command: ["/bin/sh", "-c", script],
            context: .init(release: "1", directory: folder, logFolder: folder + "/log"))
        definition.startSeconds = 0
        change(&definition)
        return definition
    }

    func app(_ name: String) throws -> AppName { try #require(AppName(name)) }

    func status(_ name: String) -> ServiceStatus? { AppName(name).flatMap { supervisor.status(of: $0) } }

    func log(_ name: String) -> String {
        (try? String(contentsOfFile: "\(folder)/log/\(name).log", encoding: .utf8)) ?? ""
    }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }
}

/// Whether a process exists and is no zombie.
func supervisionAlive(_ pid: Int32) -> Bool { ProcessFacts(pid) != nil }
