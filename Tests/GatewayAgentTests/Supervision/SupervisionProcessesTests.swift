import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// Apps with several processes (supervisord's `numprocs`).
@Suite struct SupervisionProcessesTests {
    private func definitions(
        _ bench: SupervisionBench, _ script: String, numbers: Range<Int>,
        _ change: (inout ServiceDefinition) -> Void = { _ in }
    ) throws -> [ServiceDefinition] {
        try numbers.map { number in
            try bench.definition("web", script) {
                $0.processName = "web_\(number)"
                $0.processNumber = number
                $0.output.path = "\(bench.folder)/log/web:web_\(number).log"
                change(&$0)
            }
        }
    }

    @Test("each process runs by itself, with its name and its log; the verbs act on all of them")
    func verbs() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let script = "echo $SUPERVISOR_GROUP_NAME $SUPERVISOR_PROCESS_NAME; exec sleep 1000"
        bench.supervisor.apply(try definitions(bench, script, numbers: 0..<3))
        let app = try bench.app("web")
        let status = try #require(bench.supervisor.settle(app))
        #expect(status.state == .running && status.processes.map(\.process) == ["web_0", "web_1", "web_2"])
        #expect(bench.supervisor.statuses().count == 1)
        #expect(eventually { bench.log("web:web_1") == "web web_1\n" })
        #expect(ProcessRecord("\(bench.folder)/run/web:web_1.process")?.pid == status.processes[1].pid)

        let pids = status.processes.compactMap(\.pid)
        #expect(Set(pids).count == 3)
        let again = try #require(bench.supervisor.restart(app))
        #expect(again.state == .running && Set(again.processes.compactMap(\.pid)).isDisjoint(with: pids))
        let stopped = try #require(bench.supervisor.stop(app))
        #expect(stopped.state == .stopped && stopped.pid == nil && !stopped.wanted)
        #expect(bench.supervisor.start(app)?.state == .running)
        bench.supervisor.remove(app)
        #expect(bench.supervisor.statuses().isEmpty)
    }

    @Test("the status of an app is that of its worst process, with the restarts of all")
    func worst() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let script = "[ $SUPERVISOR_PROCESS_NAME = web_1 ] && exit 3; exec sleep 1000"
        let app = try bench.app("web")
        bench.supervisor.apply(
            try definitions(bench, script, numbers: 0..<2) {
                $0.startSeconds = 1
                $0.startRetries = 0
            })
        #expect(eventually { bench.status("web")?.state == .fatal })
        let status = try #require(bench.supervisor.settle(app))
        #expect(status.processes.map(\.state) == [.running, .fatal])
        #expect(status.problem?.hasPrefix("web_1: exit code 3 too soon") == true, "\(status.problem ?? "-")")
        let survivor = try #require(status.pid)
        #expect(survivor == status.processes[0].pid)
        kill(survivor, SIGKILL)
        #expect(eventually { bench.status("web")?.restarts == 1 })
    }

    @Test("processes that a new definition no longer has are stopped before the new ones start; others run on")
    func fewer() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let three = try definitions(bench, "exec sleep 1000", numbers: 0..<3)
        bench.supervisor.apply(three)
        let app = try bench.app("web")
        let before = try #require(bench.supervisor.settle(app)).processes.compactMap(\.pid)
        bench.supervisor.apply(Array(three.prefix(2)))
        let after = try #require(bench.supervisor.settle(app)).processes.compactMap(\.pid)
        #expect(after == Array(before.prefix(2)) && !supervisionAlive(before[2]))

        // From several to one: another key, and never more than there were.
        bench.supervisor.apply([try bench.definition("web", "echo up; exec sleep 1000")])
        let one = try #require(bench.supervisor.settle(app))
        #expect(one.state == .running && one.processes.isEmpty && one.process == nil)
        #expect(!after.contains(where: supervisionAlive))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: bench.folder + "/run").sorted() == [
                "web.out", "web.process",
            ])
    }

    @Test("a new supervisor adopts each process of an app")
    func adoption() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let first = try SupervisionBench(folder: folder)
        let two = try definitions(first, "exec sleep 1000", numbers: 0..<2)
        first.supervisor.apply(two)
        let before = try #require(first.supervisor.settle(first.app("web")))
        first.abandon()
        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        let status = try #require(bench.status("web"))
        #expect(status.processes.map(\.pid) == before.processes.map(\.pid) && status.adopted)
        bench.supervisor.apply(two)
        #expect(bench.status("web")?.processes.map(\.pid) == before.processes.map(\.pid))
    }
}
