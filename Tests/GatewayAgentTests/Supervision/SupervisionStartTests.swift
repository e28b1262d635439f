import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What a start depends on, and what a process finds when it begins.
@Suite struct SupervisionStartTests {
    // MARK: programs that go to the background

    private static let hint = "it seems to put itself in the background"

    @Test(
        "Supervisor/supervisor#578, phusion/baseimage-docker#207: no copies of a program in the background pile up",
        arguments: ["(setsid sleep 1000 >/dev/null 2>&1 &); exit 0", "sleep 1000 & exit 0"])
    func background(_ script: String) throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "echo $$; \(script)") { definition in
                definition.startSeconds = 1
                definition.restart = .always
            }
        ])
        var problem = ""
        let isTold = eventually {
            problem = bench.status("web")?.problem ?? ""
            return problem.contains(Self.hint)
        }
        #expect(isTold, "\(problem)")
        #expect(problem.hasPrefix("exit code 0 too soon, after ") && problem.contains("--foreground"), "\(problem)")
        // It is tried again and again: each time what the last one left is gone first.
        #expect(eventually { bench.log("web").split(separator: "\n").count >= 3 })
        let mark = "\(ControlGroups.key(bench.folder))/web"
        #expect(eventually { ProcessFacts.all.filter { $0.environment("GWE_TREE") == mark }.count <= 1 })
        bench.supervisor.shutdown()
        #expect(!ProcessFacts.all.contains { $0.environment("GWE_TREE") == mark })
    }

    @Test("an app that ends well and leaves nothing, or ends badly, gets no such hint")
    func noBackground() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("one", "exit 0") { $0.startSeconds = 1 },
            bench.definition("two", "(setsid sleep 1000 >/dev/null 2>&1 &); exit 3") { $0.startSeconds = 1 },
        ])
        #expect(eventually { bench.status("one")?.problem?.hasPrefix("exit code 0 too soon") == true })
        #expect(eventually { bench.status("two")?.problem?.hasPrefix("exit code 3 too soon") == true })
        for app in ["one", "two"] { #expect(bench.status(app)?.problem?.contains(Self.hint) == false) }
    }

    // MARK: a file that is still written

    /// A program's file, and a process that has it open for writing for a while.
    private func busyProgram(_ bench: SupervisionBench, seconds: Double) throws -> (path: String, holder: TestProcess) {
        let path = bench.folder + "/program"
        try bench.write("#!/bin/sh\necho ran\nexec sleep 1000\n", to: "program")
        chmod(path, 0o755)
        let holder = try TestProcess(
            "/bin/sh", ["-c", "exec 9>>\(path); echo held; sleep \(seconds); exec 9>&-; exec sleep 1000"])
        #expect(eventually { holder.out == "held\n" })
        return (path, holder)
    }

    @Test("golang/go#22315, rust-lang/rust#114554: a program that is still open for writing is tried again")
    func busyApp() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let (path, holder) = try busyProgram(bench, seconds: 0.5)
        defer { holder.kill() }
        try bench.supervisor.apply([
            bench.definition("web", "") { definition in
                definition.command = [path]
                definition.startRetries = 0
            }
        ])
        #expect(eventually { bench.status("web")?.state == .running }, "\(bench.status("web") as Any)")
        #expect(eventually { bench.log("web") == "ran\n" })
    }

    @Test("meziantou/Meziantou.Framework#3050: an installer that is still open for writing is waited for")
    func busyInstaller() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let (path, holder) = try busyProgram(bench, seconds: 0.5)
        defer { holder.kill() }
        let ran = try ChildProcess.run(
            path, environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(2), killDelay: .seconds(60))
        #expect(ran.outputText == "ran\n" && ran.timedOut, "\(ran)")
    }

    // MARK: what a process finds

    private func environment(
        _ agent: [String: String], _ change: (inout ServiceDefinition) -> Void = { _ in }
    ) throws -> [String: String] {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let loop = try EventLoop()
        let supervisor = try Supervisor(loop: loop, stateFolder: folder, environment: agent)
        Thread.detachNewThread { loop.run() }
        defer {
            supervisor.shutdown()
            loop.stop()
        }
        let app = try #require(AppName("web"))
        var definition = ServiceDefinition(
            app: app, command: ["/usr/bin/env"],
            context: .init(release: "1", directory: "/", logFolder: folder, environment: ["GWE_APP": "web"]))
        definition.startSeconds = 0
        definition.restart = .never
        change(&definition)
        supervisor.apply([definition])
        #expect(eventually { supervisor.status(of: app)?.state == .exited })
        let text = try String(contentsOfFile: folder + "/web.log", encoding: .utf8)
        let pairs = text.split(separator: "\n").map { line -> (String, String) in
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), String(parts.last ?? ""))
        }
        return Dictionary(pairs) { $1 }
    }

    private let agent = [
        "PATH": "/usr/bin:/bin", "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash",
        "LANG": "C.UTF-8", "TZ": "UTC", "http_proxy": "http://proxy:3128", "SECRET": "s", "GWE_STATE_DIR": "/state",
        "NOTIFY_SOCKET": "/run/notify", "INVOCATION_ID": "1", "GWE_STATE_LOCK": "7", "GWE_FAULT": "x",
    ]

    @Test("an app gets the agent's environment, but for what speaks to the agent")
    func inherited() throws {
        let found = try environment(agent)
        for name in ["PATH", "HOME", "http_proxy", "SECRET", "GWE_STATE_DIR"] { #expect(found[name] == agent[name]) }
        #expect(found["GWE_APP"] == "web" && found["SUPERVISOR_PROCESS_NAME"] == "web")
        for name in ["NOTIFY_SOCKET", "INVOCATION_ID", "GWE_STATE_LOCK", "GWE_FAULT"] { #expect(found[name] == nil) }
    }

    @Test("with a clean environment it gets only what everybody needs, gwe's own variables, and what it asks for")
    func clean() throws {
        let found = try environment(agent) { definition in
            definition.hasCleanEnvironment = true
            definition.environment["SECRET"] = "mine"
        }
        for name in ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "GWE_STATE_DIR"] {
            #expect(found[name] == agent[name])
        }
        #expect(found["GWE_APP"] == "web" && found["SECRET"] == "mine" && found["http_proxy"] == nil)
    }

    @Test("an app of another user finds that user's HOME, USER, LOGNAME and SHELL, unless it says otherwise")
    func otherUser() throws {
        try #require(geteuid() == 0, "this test needs root")
        let nobody = try UserIdentity("nobody")
        let found = try environment(agent) { $0.user = "nobody" }
        #expect(found["HOME"] == nobody.home && found["USER"] == "nobody" && found["LOGNAME"] == "nobody")
        #expect(found["SHELL"] == nobody.shell && found["SHELL"]?.hasPrefix("/") == true)
        #expect(found["PATH"] == agent["PATH"])
        let own = try environment(agent) { definition in
            definition.user = "nobody"
            definition.environment["HOME"] = "/srv/web"
        }
        #expect(own["HOME"] == "/srv/web" && own["USER"] == "nobody")
        // Root is the agent itself.
        let root = try environment(agent) { $0.user = "root" }
        #expect(root["SHELL"] == "/bin/bash")
    }

    @Test("a definition may have another umask than 022")
    func ownUmask() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "umask; exec sleep 1000"),
            bench.definition("own", "umask; exec sleep 1000") { $0.umask = 0o077 },
        ])
        #expect(eventually { bench.log("web") == "0022\n" && bench.log("own") == "0077\n" })
    }
}
