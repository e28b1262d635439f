import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// Processes that SIGSTOP has stopped: they act on no signal until they may go on.
@Suite struct SupervisionStoppedTests {
    /// Says good-bye when it is asked to end.
    private let polite = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done"

    private func isStopped(_ pid: Int32) -> Bool { ProcessFacts(pid)?.isStopped == true }

    /// The stop has minutes: only an app that goes on ends before.
    private func patient(_ definition: inout ServiceDefinition) { definition.stopWaitSeconds = 600 }

    @Test(
        "systemd/systemd#199, rfjakob/earlyoom#130: an app that was stopped ends as it likes to, and its status says that it is",
        arguments: [true, false])
    func stoppedApp(_ usesControlGroups: Bool) throws {
        var trees = Supervisor.Trees()
        trees.usesControlGroups = usesControlGroups
        // The test program must not become the parent of other suites' orphans.
        trees.collectsOrphans = false
        let bench = try SupervisionBench(trees: trees)
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", polite, patient)])
        #expect(eventually { bench.log("web") == "up\n" })
        let pid = try #require(bench.status("web")?.pid)
        #expect(bench.status("web")?.trouble == nil)
        kill(pid, SIGSTOP)
        #expect(
            eventually {
                bench.status("web")?.problem
                    == "stopped by a signal (state T): 'kill -CONT \(pid)' lets it go on"
            })
        #expect(bench.status("web")?.state == .running)
        kill(pid, SIGCONT)
        #expect(eventually { bench.status("web")?.trouble == nil }, "nothing of it is kept")
        kill(pid, SIGSTOP)
        #expect(eventually { isStopped(pid) })
        let stopped = bench.supervisor.stop(try bench.app("web"))
        #expect(stopped?.state == .stopped && stopped?.lastExit == .code(0), "\(stopped as Any)")
        #expect(bench.log("web") == "up\nbye\n")
    }

    @Test("a stopped app is restarted as one that runs")
    func restart() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", polite, patient)])
        #expect(eventually { bench.log("web") == "up\n" })
        let pid = try #require(bench.status("web")?.pid)
        kill(pid, SIGSTOP)
        #expect(eventually { isStopped(pid) })
        let again = bench.supervisor.restart(try bench.app("web"))
        #expect(again?.state == .running && again?.pid != pid && again?.lastExit == .code(0), "\(again as Any)")
        #expect(eventually { bench.log("web") == "up\nbye\nup\n" })
    }

    @Test("a child that is stopped keeps neither the shell that waits for it nor itself", arguments: [true, false])
    func stoppedChild(_ isForeground: Bool) throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let child = "sh -c 'trap \"echo child; exit 0\" TERM; kill -STOP $$; while :; do sleep 0.02; done'"
        // In front the shell's trap waits for the child, which has the signal from nobody: it has to end by itself.
        let script =
            isForeground
            ? "trap 'echo shell; exit 0' TERM; echo $$; sh -c 'kill -STOP $$; echo child'; while :; do sleep 0.02; done"
            : "echo $$; \(child) & wait"
        try bench.supervisor.apply([bench.definition("web", script, patient)])
        #expect(eventually { bench.status("web")?.problem?.contains("(state T)") == true })
        let stopped = bench.supervisor.stop(try bench.app("web"))
        #expect(stopped?.state == .stopped, "\(stopped as Any)")
        // The child's shell may say of its own sleep that the signal ended it.
        let lines = bench.log("web").split(separator: "\n").dropFirst().filter { $0 != "Terminated" }
        #expect(lines.elementsEqual(isForeground ? ["child", "shell"] : ["child"]), "\(bench.log("web"))")
    }

    @Test("a program that is stopped when its time is over ends by itself, too")
    func stoppedProgram() throws {
        let ran = try ChildProcess.run(
            "/bin/sh", ["-c", "trap 'echo bye; exit 3' TERM; kill -STOP $$; while :; do sleep 0.02; done"],
            environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(3), killDelay: .seconds(600))
        #expect(ran.timedOut && ran.exit == .code(3) && ran.outputText == "bye\n", "\(ran)")
    }
}
