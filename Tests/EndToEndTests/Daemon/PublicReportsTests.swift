import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What hurt users of other supervisors and status commands, by their public reports, tried on a real daemon. The log of all
/// of them is docs/field-reports.md.
@Suite("Reports of other programs: the daemon") struct PublicReportsTests {
    /// A daemon with an app, `web`, that takes two seconds to end, and the app's process. Whoever calls this kills the apps.
    private func slowApp() throws -> (GatewayFixture, daemon: TestProcess, pid: Int32) {
        let gateway = try GatewayFixture(hasCloud: false)
        let slow = TestPackage.File.script("trap 'sleep 2; exit 0' TERM; while :; do sleep 0.05; done")
        try gateway.services([.quickService("web", "1", extra: ["bin/run": slow])])
        let daemon = try gateway.startDaemon()
        try gateway.eventually("it runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
        return (gateway, daemon, try #require(try gateway.pid(of: "web")))
    }

    @Test(
        "Supervisor/supervisor#1175: a signal that comes while a stop waits for an app takes nothing of the stop back",
        arguments: [SIGHUP, SIGUSR1, SIGTERM, SIGINT])
    func signalWhileStopping(_ signal: Int32) throws {
        let (gateway, daemon, pid) = try slowApp()
        defer { gateway.killApps() }
        daemon.send(SIGTERM)
        try gateway.eventually("it stops") { daemon.err.contains("stopping") || daemon.out.contains("stopping") }
        daemon.send(signal)
        let ended = daemon.wait()
        #expect(ended.code == 0, "\(ended)")
        #expect(ProcessFacts(pid) == nil)
    }

    @Test("Supervisor/supervisor#746: an app that cannot start is removed at once, and the command comes back")
    func removeOfBackoff() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1", extra: ["bin/run": .init("no program\n", mode: 0o755)])])
        try gateway.withDaemon { _ in
            try gateway.eventually("it fails") { try gateway.row("web")["state"]?.string == "BACKOFF" }
            try gateway.manifest("schema: gwe/v1\napps: {web: {state: absent}}\n")
            let ran = try gateway.gwe("reconcile", "--offline")
            #expect(ran.code == 0, "\(ran)")
            #expect(gateway.current("web") == nil)
        }
    }

    @Test("habitat-sh/habitat#5783: a stop of one app and a stop of all at the same time")
    func stopAndTerm() throws {
        let (gateway, daemon, pid) = try slowApp()
        defer { gateway.killApps() }
        let stop = try gateway.start(["stop", "web"])
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
        #expect(stop.wait().signal == nil)
        #expect(ProcessFacts(pid) == nil)
    }

    @Test(
        "any byte of an app's log comes out of status --json as JSON that an independent reader takes",
        arguments: [
            // logscope#186 and aion#202: C0; goaccess#550: a tab; snapraid-daemon#48: a quote behind a backslash;
            // open-webui#5163: NUL; a C1 control, half a character.
            #"bell \007 and so \001 on \033[31mred\033[0m"#, #"GET /\011/index.php"#, #"id \"0 to /dev/sdac \\"#,
            #"\000 nul"#, #"\302\233 c1 \303"#,
        ])
    func bytesOfALog(_ text: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let body = "printf '%b\\n' '\(text)'; exec sleep 1000"
        try gateway.services([.quickService("web", "1", extra: ["bin/run": .script(body)])])
        try gateway.withDaemon { _ in
            try gateway.eventually("it has spoken") {
                try gateway.status("web").document["log"]?.elements?.isEmpty == false
            }
            let status = try gateway.gwe("status", "web", "--json")
            #expect(status.err == "", "\(status)")
            let path = gateway.root + "/scratch/status.json"
            try gateway.write(status.out, to: path)
            let jq = try TestProcess("jq", ["-e", "-r", ".log[-1]", path], scratch: gateway.root + "/scratch").wait()
            #expect(jq.code == 0 && jq.out.count > 1, "\(jq)")
            #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        }
    }
}
