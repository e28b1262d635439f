import Documents
import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Synchronization
import Testing

/// A supervisor on a temporary state folder, its loop on a thread of its own, and apps that are shell scripts.
final class SupervisionBench: Sendable {
    let folder: String
    let loop: EventLoop
    let supervisor: Supervisor
    private let states = Mutex<[String: [ServiceState]]>([:])
    private let ownsFolder: Bool

    init(folder given: String? = nil, trees: Supervisor.Trees = .init()) throws {
        folder = try given ?? SupervisionBench.makeFolder()
        ownsFolder = given == nil
        loop = try EventLoop()
        let seen = Observer()
        supervisor = try Supervisor(loop: loop, stateFolder: folder, trees: trees) { seen.bench?.note($0) }
        seen.bench = self
        let loop = loop
        Thread.detachNewThread { loop.run() }
        while !loop.isRunning { usleep(1_000) }
    }

    private final class Observer: @unchecked Sendable { weak var bench: SupervisionBench? }

    static func makeFolder() throws -> String {
        var template = Array("/tmp/gwe-supervision-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError.last("make temporary folder") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func note(_ transition: Supervisor.Transition) {
        states.withLock { $0[transition.status.key.description, default: []].append(transition.status.state) }
    }

    /// The states that an app, or a process `app:process` of it, went through.
    func history(_ app: String) -> [ServiceState] { states.withLock { $0[app] ?? [] } }

    /// Stops everything and removes the folder.
    func end() {
        supervisor.shutdown()
        loop.stop()
        if ownsFolder { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// Leaves the services running, as an agent that is killed does.
    func abandon() {
        loop.stop()
        while loop.isRunning { usleep(1_000) }
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

/// Waits until something holds; false after a minute.
func supervisionHolds(seconds: Int = 60, _ condition: () -> Bool) -> Bool {
    for _ in 0..<seconds * 200 {
        if condition() { return true }
        usleep(5_000)
    }
    return false
}

/// Whether a process exists and is no zombie.
func supervisionAlive(_ pid: Int32) -> Bool { ProcessFacts(pid) != nil }
