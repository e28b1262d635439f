import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// An agent that comes after another in the same process, as after an exec in place: what runs are its own children.
@Suite struct SupervisionChildTests {
    /// Leaves an app running without a supervisor; its script ends with code 3 when there is a file `go`.
    private func leave(_ folder: String) throws -> (Int32, ServiceDefinition) {
        let bench = try SupervisionBench(folder: folder)
        let definition = try bench.definition("web", "while [ ! -e go ]; do sleep 0.02; done; rm go; exit 3")
        bench.supervisor.apply([definition])
        let pid = try #require(bench.status("web")?.pid)
        bench.abandon()
        return (pid, definition)
    }

    @Test("an adopted child's exit status is known, it is reaped and started once")
    func exitStatus() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let (pid, definition) = try leave(folder)
        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        bench.supervisor.apply([definition])
        let adopted = try #require(bench.status("web"))
        #expect(adopted.pid == pid && adopted.adopted)
        try bench.write("", to: "go")
        #expect(eventually { bench.status("web")?.restarts == 1 && bench.status("web")?.state == .running })
        #expect(bench.status("web")?.lastExit == .code(3))
        #expect(ProcessFacts(pid, withZombies: true) == nil, "it is reaped")
    }

    @Test("a child that ended while no supervisor was there is reaped, its exit status is known and it is restarted")
    func endedMeanwhile() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let (pid, definition) = try leave(folder)
        try "".write(toFile: folder + "/go", atomically: true, encoding: .utf8)
        #expect(eventually { ProcessFacts(pid, withZombies: true)?.isZombie == true })
        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        bench.supervisor.apply([definition])
        #expect(eventually { bench.status("web")?.restarts == 1 && bench.status("web")?.state == .running })
        #expect(bench.status("web")?.lastExit == .code(3))
        #expect(ProcessFacts(pid, withZombies: true) == nil)
    }
}
