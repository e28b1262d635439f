import Documents
import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// Agents that are killed. Such an agent is this test program run again with one test, `SupervisionAgent`.
@Suite struct SupervisionAdoptionTests {
    /// Starts an agent on a folder whose `definitions` file it applies; returns its pid.
    private func agent(_ folder: String) throws -> Int32 {
        var request = SpawnRequest(
            executable: "/proc/self/exe",
            arguments: ["--testing-library", "swift-testing", "--filter", "SupervisionAgent"],
            environment: ProcessFacts.environment)
        request.executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        request.environment["GWE_TEST_AGENT"] = folder
        try? FileManager.default.removeItem(atPath: folder + "/ready")
        let pid = try ChildProcess.spawn(request)
        #expect(eventually { FileManager.default.fileExists(atPath: folder + "/ready") })
        return pid
    }

    private func kill9(_ agent: Int32) throws {
        kill(agent, SIGKILL)
        _ = try ChildProcess.wait(agent)
    }

    private func write(_ definitions: [ServiceDefinition], _ folder: String) throws {
        let text = JSONValue.array(definitions.map(\.canonicalJSON)).text()
        try text.write(toFile: folder + "/definitions", atomically: true, encoding: .utf8)
    }

    private func definition(_ folder: String, _ script: String) throws -> ServiceDefinition {
        let app = try #require(AppName("web"))
        var definition = ServiceDefinition(
            app: app, command: ["/bin/sh", "-c", script],
            context: .init(release: "1", directory: folder, logFolder: folder + "/log"))
        definition.startSeconds = 0
        definition.output.maxByteCount = 0
        return definition
    }

    @Test("an app outlives a killed agent; the next one adopts it, watches it and never starts a second copy")
    func adoption() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let definition = try definition(
            folder, "echo up $$; while [ ! -e go ]; do sleep 0.02; done; rm go; echo on; exec sleep 1000")
        try write([definition], folder)
        let agent = try agent(folder)
        #expect(
            eventually {
                (try? String(contentsOfFile: folder + "/log/web.log", encoding: .utf8))?.isEmpty == false
            })
        try kill9(agent)

        // Written while no agent is there: it waits in the pipe.
        try "".write(toFile: folder + "/go", atomically: true, encoding: .utf8)
        #expect(eventually { !FileManager.default.fileExists(atPath: folder + "/go") })

        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        let adopted = try #require(bench.status("web"))
        #expect(adopted.state == .running && adopted.adopted)
        let pid = try #require(adopted.pid)
        #expect(eventually { bench.log("web") == "up \(pid)\non\n" }, "\(bench.log("web"))")
        bench.supervisor.apply([definition])
        #expect(bench.status("web")?.pid == pid, "an equal definition leaves an adopted app alone")

        kill(pid, SIGKILL)
        #expect(eventually { bench.status("web")?.restarts == 1 && bench.status("web")?.state == .running })
        let again = try #require(bench.status("web"))
        #expect(again.lastExit == .unknown && !again.adopted && again.pid != pid)
    }

    @Test("an adopted app whose definition changed meanwhile is restarted, and one that is not wanted can be removed")
    func changedMeanwhile() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        var definition = try definition(folder, "exec sleep 1000")
        try write([definition], folder)
        try kill9(agent(folder))
        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        let pid = try #require(bench.status("web")?.pid)
        definition.release = "2"
        bench.supervisor.apply([definition])
        #expect(eventually { bench.status("web")?.state == .running && bench.status("web")?.pid != pid })
        #expect(!supervisionAlive(pid))
        bench.supervisor.remove(definition.app)
        #expect(bench.supervisor.statuses().isEmpty)
    }

    @Test("what an app left behind is ended when it died while no agent was there")
    func diedMeanwhile() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let definition = try definition(folder, "sleep 1000 & echo $! >child; wait")
        try write([definition], folder)
        let agent = try agent(folder)
        #expect(
            eventually {
                (try? String(contentsOfFile: folder + "/child", encoding: .utf8))?.hasSuffix("\n") == true
            })
        let child = try #require(Int32(String(contentsOfFile: folder + "/child", encoding: .utf8).dropLast()))
        try kill9(agent)
        let record = try #require(ProcessRecord(folder + "/run/web.process"))
        let pid = try #require(record.pid)
        kill(pid, SIGKILL)
        #expect(eventually { !supervisionAlive(pid) })
        #expect(supervisionAlive(child))
        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        #expect(eventually { !supervisionAlive(child) })
        #expect(bench.supervisor.statuses().isEmpty)
    }

    @Test("a record of another boot, or of a process that only has the same number, is not adopted")
    func stale() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let definition = try definition(folder, "exec sleep 1000")
        try FileManager.default.createDirectory(atPath: folder + "/run", withIntermediateDirectories: true)
        let own = getpid()
        let facts = try #require(ProcessFacts(own))
        let boot = try #require(ProcessFacts.bootID)
        let json = definition.canonicalJSON.text()
        for (bootID, start) in [("another", facts.startTicks), (boot, facts.startTicks + 1)] {
            let text = "boot \(bootID)\ndata \(json)\npid \(own) \(start)\n"
            try text.write(toFile: folder + "/run/web.process", atomically: true, encoding: .utf8)
            let bench = try SupervisionBench(folder: folder)
            #expect(bench.supervisor.statuses().isEmpty)
            #expect(!FileManager.default.fileExists(atPath: folder + "/run/web.process"))
            bench.end()
        }
    }

    @Test("agents killed at any moment lose, double and tear no line of an app that writes without a pause")
    func noLineLost() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let script = "i=0; while [ ! -e stop ]; do i=$((i+1)); echo \"line $i\"; done; touch stopped; exec sleep 1000"
        let definition = try definition(folder, script)
        try write([definition], folder)
        var pids: Set<Int32> = []
        for round in 0..<6 {
            let agent = try agent(folder)
            if let pid = ProcessRecord(folder + "/run/web.process")?.pid { pids.insert(pid) }
            let size = {
                (try? FileManager.default.attributesOfItem(atPath: folder + "/log/web.log")[.size] as? Int) ?? 0
            }
            let before = size()
            #expect(eventually { size() > before + round * 20_000 })
            try kill9(agent)
        }
        try "".write(toFile: folder + "/stop", atomically: true, encoding: .utf8)
        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        #expect(eventually { FileManager.default.fileExists(atPath: folder + "/stopped") })
        #expect(pids.count == 1 && pids.first == bench.status("web")?.pid, "it was started once")
        _ = bench.supervisor.stop(definition.app)
        let lines = bench.log("web").split(separator: "\n")
        #expect(lines.count > 1_000)
        #expect(lines == (1...max(1, lines.count)).map { "line \($0)"[...] })
    }
}

/// The agent of the tests above; does nothing unless it is run as one.
@Suite struct SupervisionAgent {
    @Test("an agent for other tests", .enabled(if: ProcessFacts.environment["GWE_TEST_AGENT"] != nil))
    func agent() throws {
        let folder = try #require(ProcessFacts.environment["GWE_TEST_AGENT"])
        let bench = try SupervisionBench(folder: folder)
        let file = folder + "/definitions"
        let json = try JSON.parse(String(contentsOfFile: file, encoding: .utf8), source: file).json
        bench.supervisor.apply((json.elements ?? []).compactMap(ServiceDefinition.init(json:)))
        try bench.write("", to: "ready")
        while true { sleep(1_000) }
    }
}
