import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@Suite struct SupervisionLifeTests {
    @Test("an app starts, writes its log, and stops when told")
    func startAndStop() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "echo hello; echo oops >&2; exec sleep 1000")])
        let app = try bench.app("web")
        #expect(eventually { bench.log("web") == "hello\noops\n" })
        let running = try #require(bench.status("web"))
        #expect(running.state == .running && running.problem == nil && running.wanted)
        let pid = try #require(running.pid)
        #expect(supervisionAlive(pid))
        #expect(ProcessFacts(pid)?.session == pid, "an app has a session of its own")

        let stopped = try #require(bench.supervisor.stop(app))
        #expect(stopped.state == .stopped && stopped.pid == nil && !stopped.wanted)
        #expect(stopped.lastExit == .signal(15))
        #expect(!supervisionAlive(pid))
        #expect(eventually { bench.history("web") == [.starting, .running, .stopping, .stopped] })

        #expect(bench.supervisor.start(app)?.state == .running)
        #expect(try bench.supervisor.start(bench.app("nobody")) == nil)
    }

    @Test("an app counts as started only after startsecs")
    func startSeconds() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "exec sleep 1000") { $0.startSeconds = 1 }])
        #expect(bench.status("web")?.state == .starting)
        let app = try bench.app("web")
        #expect(bench.supervisor.restart(app)?.state == .running)
        #expect(eventually { bench.history("web") == [.starting, .stopping, .starting, .running] })
    }

    @Test("an app that was up and crashes is restarted at once")
    func crash() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "exec sleep 1000")])
        let first = try #require(bench.status("web")?.pid)
        kill(first, SIGSEGV)
        #expect(eventually { bench.status("web")?.restarts == 1 && bench.status("web")?.state == .running })
        let status = try #require(bench.status("web"))
        #expect(status.pid != first && status.lastExit == .signal(11))
        #expect(status.lastError?.hasPrefix("ended by SIGSEGV after") == true && status.problem == nil, "\(status)")
        #expect(!bench.history("web").contains(.backoff))
    }

    @Test("an app that keeps crashing is delayed, and started by hand at once")
    func flapping() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "echo run; test -e go && exec sleep 1000; exit 7") { $0.startSeconds = 1 }
        ])
        #expect(eventually { bench.log("web").split(separator: "\n").count >= 3 })
        #expect(bench.history("web").contains(.backoff) && !bench.history("web").contains(.fatal))
        let status = try #require(bench.status("web"))
        #expect(status.lastExit == .code(7) && status.lastError?.hasPrefix("exit code 7 too soon") == true, "\(status)")
        // Not while a process runs that has looked for the file already.
        #expect(eventually { bench.status("web")?.nextAttempt.map { $0 > .seconds(1) } ?? false })
        try bench.write("", to: "go")
        #expect(try bench.supervisor.start(bench.app("web"))?.state == .running)
    }

    @Test("launch starts what is down, what it took over just now once, and leaves an app in BACKOFF to its delay")
    func launch() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let web = try bench.definition("web", "exec sleep 1000") { $0.autostart = false }
        let job = try bench.definition("job", "echo done")
        bench.supervisor.launch([web, job], now: false)
        #expect(eventually { bench.status("job")?.state == .exited && bench.log("job") == "done\n" })
        #expect(bench.status("web")?.state == .running)
        #expect(bench.history("job").filter { $0 == .running }.count == 1)

        #expect(try bench.supervisor.stop(bench.app("web"))?.state == .stopped)
        bench.supervisor.launch([web, job], now: false)
        #expect(bench.status("web")?.state == .running && bench.status("web")?.wanted == true)
        #expect(eventually { bench.log("job") == "done\ndone\n" })

        // The delay grows to seconds, and the next start is told from one that came out of turn.
        let broken = try bench.definition("broken", "exit 1") { $0.startSeconds = 600 }
        bench.supervisor.launch([broken], now: false)
        let isSlow = { bench.status("broken")?.nextAttempt.map { $0 > .seconds(2) } ?? false }
        #expect(eventually { isSlow() })
        bench.supervisor.launch([broken], now: false)
        let patient = try #require(bench.status("broken"))
        #expect(patient.state == .backoff && patient.restarts >= 4, "\(patient)")
        bench.supervisor.launch([broken], now: true)
        #expect(eventually { bench.status("broken")?.nextAttempt.map { $0 < .seconds(1) } ?? false })
    }

    @Test("with startretries an app is given up, and its state says so")
    func fatal() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "exit 1") {
                $0.startSeconds = 1
                $0.startRetries = 1
            }
        ])
        #expect(eventually { bench.status("web")?.state == .fatal })
        #expect(eventually { bench.history("web") == [.starting, .backoff, .starting, .fatal] })
    }

    @Test("an app that ends as expected is EXITED and stays down")
    func exited() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("job", "printf 'no newline'; exit 0")])
        #expect(eventually { bench.status("job")?.state == .exited })
        #expect(bench.status("job")?.problem == nil && bench.status("job")?.restarts == 0)
        #expect(bench.log("job") == "no newline")
    }

    @Test("an app that ignores SIGTERM is killed after stopwaitsecs, with all its children")
    func stubborn() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done") {
                $0.stopWaitSeconds = 1
            }
        ])
        #expect(eventually { bench.log("web").hasSuffix("\n") })
        let child = try #require(Int32(bench.log("web").dropLast()))
        #expect(supervisionAlive(child))
        let stopped = try #require(bench.supervisor.stop(bench.app("web")))
        #expect(stopped.state == .stopped && stopped.lastExit == .signal(9))
        #expect(eventually { !supervisionAlive(child) })
    }

    @Test("what an app leaves behind when it ends is ended before it starts again")
    func leftovers() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "sleep 1000 & echo $!; wait")])
        #expect(eventually { bench.log("web").hasSuffix("\n") })
        let child = try #require(Int32(bench.log("web").dropLast()))
        kill(try #require(bench.status("web")?.pid), SIGKILL)
        #expect(eventually { !supervisionAlive(child) })
        #expect(eventually { bench.status("web")?.restarts == 1 })
    }

    @Test("a changed definition restarts the app, an equal one leaves it alone, a new release counts as a change")
    func change() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let first = try bench.definition("web", "exec sleep 1000")
        bench.supervisor.apply([first])
        let pid = try #require(bench.status("web")?.pid)
        bench.supervisor.apply([first])
        #expect(bench.status("web")?.pid == pid)

        var second = first
        second.environment["LEVEL"] = "debug"
        second.release = "2"
        bench.supervisor.apply([second])
        #expect(eventually { bench.status("web")?.state == .running && bench.status("web")?.pid != pid })
        #expect(bench.status("web")?.release == "2" && !supervisionAlive(pid))
        let now = try #require(bench.status("web")?.pid)
        // The shell begins another program, and at that moment shows no environment.
        #expect(eventually { ProcessFacts(now)?.environment("LEVEL") == "debug" })

        let app = try bench.app("web")
        _ = bench.supervisor.stop(app)
        bench.supervisor.apply([first])
        #expect(bench.status("web")?.state == .stopped, "whoever stopped it wants it stopped")
    }

    @Test("a removed app is stopped and forgotten; nothing but its log stays")
    func remove() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "echo hello; exec sleep 1000")])
        let pid = try #require(bench.status("web")?.pid)
        #expect(eventually { bench.log("web") == "hello\n" })
        try bench.supervisor.remove(bench.app("web"))
        #expect(bench.supervisor.statuses().isEmpty && !supervisionAlive(pid))
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder + "/run").isEmpty)
        #expect(bench.log("web") == "hello\n")
    }

    @Test("an app starts after those it requires are up, and stops before them")
    func requires() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let database = try bench.app("database")
        let trace = bench.folder + "/trace"
        func script(_ name: String) -> String {
            "trap 'echo \(name) down >>\(trace); exit 0' TERM; echo \(name) up >>\(trace); while :; do sleep 0.05; done"
        }
        try bench.supervisor.apply([
            bench.definition("api", script("api")) {
                $0.requires = [database]
                $0.priority = 1
            },
            bench.definition("database", script("database")) { $0.startSeconds = 1 },
        ])
        #expect(bench.status("api")?.state == .stopped)
        #expect(bench.status("api")?.problem == "waits for database")
        #expect(
            eventually { (try? String(contentsOfFile: trace, encoding: .utf8))?.hasSuffix("api up\n") == true })
        bench.supervisor.shutdown()
        #expect(
            try String(contentsOfFile: trace, encoding: .utf8)
                == "database up\napi up\napi down\ndatabase down\n")
    }

    @Test("shutdown ends every app, also those that ignore it or are between two attempts, and starts nothing again")
    func shutdown() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("quiet", "exec sleep 1000"),
            bench.definition("deaf", "trap '' TERM; while :; do sleep 1000; done") { $0.stopWaitSeconds = 1 },
            bench.definition("flapping", "exit 1") { $0.startSeconds = 1 },
        ])
        #expect(eventually { bench.history("flapping").contains(.backoff) })
        let pids = bench.supervisor.statuses().compactMap(\.pid)
        bench.supervisor.shutdown()
        #expect(bench.supervisor.statuses().allSatisfy { $0.pid == nil && !$0.state.hasProcess })
        #expect(pids.allSatisfy { !supervisionAlive($0) })
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder + "/run").isEmpty)
        try bench.supervisor.apply([bench.definition("late", "exec sleep 1000")])
        #expect(bench.supervisor.statuses().count == 3)
    }

    @Test("why an app cannot start is said in words, and a start that fails is tried again")
    func failures() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("missing", "") { $0.command = ["./app"] },
            bench.definition("stranger", "exec sleep 1000") { $0.user = "no-such-user" },
            bench.definition("lost", "exec sleep 1000") { $0.directory = "/no/such/folder" },
        ])
        #expect(bench.status("missing")?.problem == "cannot run ./app: no such file")
        #expect(bench.status("missing")?.state == .backoff)
        #expect(bench.status("stranger")?.problem == "cannot run as user no-such-user: there is no such user")
        #expect(bench.status("stranger")?.state == .fatal)
        #expect(bench.status("lost")?.problem?.contains("cannot enter folder /no/such/folder") == true)
        try bench.write("#!/bin/sh\nexec sleep 1000\n", to: "app")
        chmod(bench.folder + "/app", 0o755)
        #expect(eventually { bench.status("missing")?.state == .running })
        #expect(bench.status("missing")?.problem == nil)
    }

    @Test("an app runs as the user it names, and can open its own output by name", .enabled(if: geteuid() == 0))
    func user() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        chmod(bench.folder, 0o755)
        try bench.supervisor.apply([
            bench.definition("web", "id -un >/dev/stdout; exec sleep 1000") { $0.user = "nobody" }
        ])
        #expect(
            eventually { bench.log("web") == "nobody\n" },
            "\(bench.log("web")) \(String(describing: bench.status("web")))")
    }

    @Test("commands on the loop's own thread do not block it for ever")
    func onLoopThread() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "exec sleep 1000") { $0.startSeconds = 1 }])
        let app = try bench.app("web")
        let done = Latch()
        bench.loop.post {
            _ = bench.supervisor.restart(app)
            bench.supervisor.shutdown()
            done.open()
        }
        #expect(done.wait(timeout: .seconds(60)))
        #expect(bench.status("web")?.state == .stopped)
    }

    @Test("a status is answered while the loop's thread is busy, as with a disk that does not answer")
    func statusWhileBusy() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "exec sleep 1000")])
        let pid = try #require(bench.status("web")?.pid)
        let inside = Latch()
        let gate = Latch()
        bench.loop.post {
            inside.open()
            _ = gate.wait(timeout: .seconds(60))
        }
        defer { gate.open() }
        #expect(inside.wait(timeout: .seconds(60)))
        let answer = Monitor<[ServiceStatus]?>(nil)
        Thread.detachNewThread {
            let statuses = bench.supervisor.statuses()
            answer.update { $0 = statuses }
        }
        let statuses = answer.wait(atMost: .seconds(30)) { $0 }
        #expect(statuses?.map(\.pid) == [pid] && statuses?.first?.state == .running)
    }
}
