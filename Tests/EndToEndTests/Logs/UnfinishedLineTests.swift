import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// What a person sees of a line whose end does not come, by public reports of other programs.
@Suite("Reports of other programs: unfinished lines") struct UnfinishedLineTests {
    private func gateway(_ script: String) throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1", extra: ["bin/run": .script(script)])])
        return gateway
    }

    @Test(
        "moby/moby#18497, docker/compose#4753: a prompt is in the logs and in the status, marked, and the log keeps what was written"
    )
    func prompt() throws {
        let gateway = try gateway("echo up; printf 'waiting for modem...'; exec sleep 1000")
        try gateway.withDaemon { _ in
            try gateway.eventually("the prompt is logged") {
                try gateway.gwe("logs", "web").out == "up\nwaiting for modem..."
            }
            let logs = try gateway.gwe("logs", "web")
            #expect(logs.code == 0 && logs.err == "gwe: the last line of \(gateway.logFolder)/web.log is unfinished\n")
            let terminal = try TestProcess.run(
                "script", ["-qec", "\(Repository.products)/gwe logs web", "/dev/null"], environment: gateway.variables)
            #expect(terminal.out.contains("waiting for modem... (unfinished)"), "\(terminal)")
            let text = try gateway.gwe("status", "web")
            #expect(text.code == 0 && text.out.contains("\n  waiting for modem... (unfinished)\n"), "\(text)")
            let lines = try gateway.status("web").document["log"]?.elements?.compactMap(\.string)
            #expect(lines == ["up", "waiting for modem... (unfinished)"])
        }
    }

    @Test("moby/moby#19645: of a progress bar the end is shown, not all that it ever was")
    func progress() throws {
        let gateway = try gateway(
            "i=0; while [ $i -lt 300 ]; do i=$((i+1)); printf 'done: %d of 300\\r' $i; done; exec sleep 1000")
        try gateway.withDaemon { _ in
            try gateway.eventually("the bar is logged") {
                try gateway.gwe("logs", "web").out.hasSuffix("done: 300 of 300\r")
            }
            let line = try #require(try gateway.status("web").document["log"]?.elements?.last?.string)
            #expect(line.hasPrefix("…done: ") && line.hasSuffix("\rdone: 300 of 300\r (unfinished)"), "\(line)")
            #expect(line.utf8.count < 400)
        }
    }

    @Test("moby/moby#43860: the last words of an app that has ended are shown without a newline")
    func lastWords() throws {
        let gateway = try gateway("echo hello; printf world; exit 0")
        try gateway.withDaemon { _ in
            try gateway.eventually("it has ended") { try gateway.row("web")["state"]?.string == "EXITED" }
            #expect(try gateway.gwe("logs", "web").out == "hello\nworld")
            #expect(try gateway.status("web").document["log"]?.elements?.last?.string == "world (unfinished)")
        }
    }

    @Test(
        "systemd/systemd#199: `gwe stop` ends an app that was stopped, as it wants to end; before that the status says so"
    )
    func stopped() throws {
        let gateway = try gateway("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done")
        try gateway.withDaemon { _ in
            try gateway.eventually("it is up") { try gateway.gwe("logs", "web").out == "up\n" }
            let pid = try #require(try gateway.pid(of: "web"))
            kill(pid, SIGSTOP)
            try gateway.eventually("the status says it") {
                try gateway.row("web")["last_error"]?.string?.contains("stopped by a signal (state T)") == true
            }
            let row = try gateway.row("web")
            #expect(row["state"]?.string == "RUNNING" && row["health"]?.string == "degraded", "\(row)")
            let stop = try gateway.gwe("stop", "web")
            #expect(stop.code == 0, "\(stop)")
            #expect(try gateway.gwe("logs", "web").out == "up\nbye\n")
            #expect(try gateway.row("web")["exit_status"]?.int == 0)
        }
    }
}
