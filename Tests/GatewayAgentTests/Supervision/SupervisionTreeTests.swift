import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// Whole process trees, with control groups and without.
@Suite struct SupervisionTreeTests {
    enum Way: String, CaseIterable, Sendable {
        case controlGroups = "control groups"
        case search = "search"

        /// The test program must not become the parent of other suites' orphans.
        var trees: Supervisor.Trees {
            var trees = Supervisor.Trees()
            trees.usesControlGroups = self == .controlGroups
            trees.collectsOrphans = false
            return trees
        }
    }

    private func bench(_ way: Way, _ folder: String? = nil) throws -> SupervisionBench {
        try SupervisionBench(folder: folder, trees: way.trees)
    }

    /// The pids that the scripts wrote into a file, one a line.
    private func pids(_ bench: SupervisionBench, _ count: Int, file: String = "pids") throws -> [Int32] {
        let read = {
            ((try? String(contentsOfFile: "\(bench.folder)/\(file)", encoding: .utf8)) ?? "").split(separator: "\n")
                .compactMap { Int32($0) }
        }
        #expect(eventually { read().count == count }, "\(read())")
        return read()
    }

    /// A child, one in another session, one that left its parent too, and one without an environment.
    private static let family = """
        echo $$ >>pids
        sleep 1000 & echo $! >>pids
        setsid sh -c 'echo $$ >>pids; exec sleep 1000' &
        (setsid sh -c 'echo $$ >>pids; exec sleep 1000' >/dev/null 2>&1 &)
        (env -i setsid sh -c 'echo $$ >>pids; exec sleep 1000' &)

        """

    @Test("control groups can be used here, and each process has its own")
    func groups() throws {
        let bench = try bench(.controlGroups)
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "exec sleep 1000")])
        let pid = try #require(bench.status("web")?.pid)
        let record = try #require(ProcessRecord(bench.folder + "/run/web.process"))
        let group = try #require(record.controlGroup)
        #expect(group.processes == [pid])
        #expect(group.path.hasSuffix("/gwe-\(ControlGroups.key(bench.folder))/app-web.1"))
        bench.supervisor.shutdown()
        #expect(eventually { !FileManager.default.fileExists(atPath: group.path) })
    }

    @Test(
        "a stop ends every descendant, also in other sessions, without parents and without an environment",
        arguments: Way.allCases)
    func stop(way: Way) throws {
        let bench = try bench(way)
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", Self.family + "exec sleep 1000")])
        let found = try pids(bench, 5)
        let app = try bench.app("web")
        #expect(found.allSatisfy(supervisionAlive))
        let stopped = try #require(bench.supervisor.stop(app))
        #expect(stopped.state == .stopped && stopped.lastExit == .signal(15))
        #expect(!found.contains(where: supervisionAlive))
    }

    @Test(
        "what a crashed app left is gone before it starts again, and holds nothing that the next one needs",
        arguments: Way.allCases)
    func crash(way: Way) throws {
        let bench = try bench(way)
        defer { bench.end() }
        // The descendants hold a lock that the app needs.
        let script = """
            exec 9>lock; flock -n 9 || { echo locked; exit 1; }
            echo $$ >>leaders; \(Self.family)
            exec sleep 1000
            """
        try bench.supervisor.apply([bench.definition("web", script)])
        let found = try pids(bench, 5)
        kill(found[0], SIGSEGV)
        #expect(eventually { bench.status("web")?.restarts == 1 && bench.status("web")?.state == .running })
        #expect(!found.contains(where: supervisionAlive))
        _ = try pids(bench, 10)
        #expect(bench.log("web") == "" && bench.status("web")?.lastExit == .signal(11))
        #expect(!bench.history("web").contains(.backoff))
        let app = try bench.app("web")
        _ = bench.supervisor.stop(app)
        #expect(try !pids(bench, 10).contains(where: supervisionAlive))
    }

    @Test(
        "what is left when the leader of a stop has ended gets the stop signal too, and time to finish",
        arguments: Way.allCases)
    func gentle(way: Way) throws {
        let bench = try bench(way)
        defer { bench.end() }
        let script =
            "setsid sh -c 'trap \"sleep 0.3; echo flushed; exit\" TERM; touch up; while :; do sleep 0.05; done' & wait"
        try bench.supervisor.apply([bench.definition("web", script)])
        #expect(eventually { FileManager.default.fileExists(atPath: bench.folder + "/up") })
        let stopped = try #require(bench.supervisor.stop(bench.app("web")))
        #expect(stopped.state == .stopped && bench.log("web").hasSuffix("flushed\n"), "\(bench.log("web"))")
        #expect(eventually { bench.history("web").suffix(2) == [.stopping, .stopped] })
    }

    @Test("with stopasgroup the group is told once", arguments: Way.allCases)
    func once(way: Way) throws {
        let bench = try bench(way)
        defer { bench.end() }
        let inner =
            "trap \"echo told; n=\\$((n+1)); [ \\$n = 2 ] && exit\" TERM; touch up; while :; do sleep 0.05; done"
        try bench.supervisor.apply([
            bench.definition("web", "sh -c '\(inner)' & wait") {
                $0.stopAsGroup = true
                $0.stopWaitSeconds = 1
            }
        ])
        #expect(eventually { FileManager.default.fileExists(atPath: bench.folder + "/up") })
        #expect(try bench.supervisor.stop(bench.app("web"))?.state == .stopped)
        #expect(bench.log("web").split(separator: "\n").count { $0 == "told" } == 1, "\(bench.log("web"))")
    }

    @Test("descendants that ignore the stop signal are killed after stopwaitsecs", arguments: Way.allCases)
    func stubborn(way: Way) throws {
        let bench = try bench(way)
        defer { bench.end() }
        let inner = "trap \"\" TERM; echo \\$\\$ >>pids; while :; do sleep 0.1; done"
        try bench.supervisor.apply([
            bench.definition("web", "setsid sh -c '\(inner.replacing("\\$", with: "$"))' & wait") {
                $0.stopWaitSeconds = 1
            }
        ])
        let found = try pids(bench, 1)
        let stopped = try #require(bench.supervisor.stop(bench.app("web")))
        #expect(stopped.state == .stopped && stopped.lastExit == .signal(15))
        #expect(eventually { !found.contains(where: supervisionAlive) })
    }

    @Test("a tree that grows faster than one can look is ended all the same", arguments: Way.allCases)
    func growing(way: Way) throws {
        let bench = try bench(way)
        defer { bench.end() }
        let script = """
            echo $$ >pids; chain() { i=0; while [ $i -lt 3000 ]; do i=$((i+1)); (sleep 0.02; :) & done; wait; }
            setsid sh -c 'for i in $(seq 2000); do (exec sleep 1000) & done; wait' & chain & wait
            """
        try bench.supervisor.apply([bench.definition("web", script)])
        let leader = try pids(bench, 1)[0]
        #expect(
            eventually {
                ProcessFacts.all.filter { $0.environment("GWE_TREE")?.hasSuffix("/web") == true }.count > 30
            })
        kill(leader, SIGKILL)
        #expect(eventually { bench.status("web")?.restarts == 1 })
        bench.supervisor.shutdown()
        let mark = "\(ControlGroups.key(bench.folder))/web"
        #expect(eventually { !ProcessFacts.all.contains { $0.environment("GWE_TREE") == mark } })
    }

    @Test("one app's end leaves the other's descendants alone", arguments: Way.allCases)
    func neighbours(way: Way) throws {
        let bench = try bench(way)
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", Self.family + "exec sleep 1000"),
            bench.definition("api", Self.family.replacing("pids", with: "others") + "exec sleep 1000"),
        ])
        let found = try pids(bench, 5)
        let others = try pids(bench, 5, file: "others")
        _ = bench.supervisor.stop(try bench.app("web"))
        #expect(!found.contains(where: supervisionAlive))
        #expect(others.allSatisfy(supervisionAlive))
    }

    @Test(
        "the next agent ends what an app left that died meanwhile, with or without its record", arguments: Way.allCases)
    func leftovers(way: Way) throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let first = try bench(way, folder)
        try first.supervisor.apply([first.definition("web", Self.family + "exec sleep 1000")])
        let found = try pids(first, 5)
        first.abandon()
        kill(found[0], SIGKILL)
        _ = try ChildProcess.wait(found[0])
        // Without a record only the group tells.
        if way == .controlGroups { unlink(folder + "/run/web.process") }
        let second = try bench(way, folder)
        defer { second.end() }
        #expect(eventually { !found.contains(where: supervisionAlive) })
        #expect(second.supervisor.statuses().isEmpty)
    }

    @Test("a process that an agent without control groups started is adopted, and the other way round")
    func changedWay() throws {
        for (before, after) in [(Way.search, Way.controlGroups), (.controlGroups, .search)] {
            let folder = try TemporaryFolder.make()
            defer { TemporaryFolder.remove(folder) }
            let first = try bench(before, folder)
            try first.supervisor.apply([first.definition("web", Self.family + "exec sleep 1000")])
            let found = try pids(first, 5)
            first.abandon()
            let second = try bench(after, folder)
            defer { second.end() }
            let status = try #require(second.status("web"))
            #expect(status.pid == found[0] && status.adopted && status.state == .running)
            #expect(second.supervisor.stop(try second.app("web"))?.state == .stopped)
            #expect(!found.contains(where: supervisionAlive))
        }
    }
}
