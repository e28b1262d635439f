import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What reports and commands say of apps, held against what is so.
@Suite("What is said of apps is so") struct TruthTests {
    private func reported(_ gateway: GatewayFixture, _ app: String) throws -> JSONValue {
        let ran = try gateway.gwe("report", "--print")
        #expect(ran.code == 0, "\(ran)")
        let apps = ran.json?["engine_report"]?["apps"]?.elements ?? []
        return apps.lazy.compactMap { $0[app] }.first ?? .null
    }

    // MARK: exit statuses

    @Test("exitstatus in engine_report is supervisord's: 0 while it runs, -1 for a signal, else the code")
    func exitStatus() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let script = "until [ -e $GWE_DATA_DIR/go ]; do sleep 0.05; done; exit 3"
        try gateway.services([.quickService("web", "1", extra: ["bin/run": .script(script)])])
        try gateway.withDaemon { _ in
            try gateway.eventually("it runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
            #expect(try reported(gateway, "web")["exitstatus"]?.int == 0)
            #expect(try gateway.gwe("stop", "web").code == 0)
            #expect(try reported(gateway, "web")["exitstatus"]?.int == -1)
            // gwe's own key tells which signal it was.
            #expect(try gateway.row("web")["exit_status"]?.int == 143)
            #expect(try gateway.gwe("start", "web").code == 0)
            let running = try reported(gateway, "web")
            #expect(running["exitstatus"]?.int == 0 && running["status"]?.string == "RUNNING", "\(running)")
            #expect(try gateway.row("web")["exit_status"]?.int == 143)
            try gateway.write("", to: gateway.stateFolder + "/data/web/go")
            try gateway.eventually("it has ended") { try gateway.row("web")["state"]?.string == "EXITED" }
            #expect(try reported(gateway, "web")["exitstatus"]?.int == 3)
        }
    }

    // MARK: starts that fail first

    @Test("a start that failed and comes true later is no failed installation, and what the installer said is kept")
    func laterStart() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let files: [String: TestPackage.File] = [
            "supervisor.conf": "[supervisord]\ncommand=bin/run\nautorestart=true\nstartsecs=1\n",
            "bin/run": .script("[ -e $GWE_DATA_DIR/go ] || exit 3\nexec sleep 1000"),
            "install.sh": .script("echo said by the installer"),
        ]
        try gateway.services([.quickService("web", "1", extra: files)])
        let fetched = { () throws -> JSONValue in
            let all = try gateway.gwe("report", "--print").json?["fetch_status"]
            return all?.members?.first { $0.0.hasSuffix("web.v1.tar.gz") }?.1 ?? .null
        }
        try gateway.withDaemon { _ in
            try gateway.eventually("its start has failed") { try fetched()["state"]?.string == "install_error" }
            let failed = try fetched()
            #expect(failed["info"]?.string?.contains("exit code 3 too soon") == true, "\(failed)")
            #expect(failed["output"]?.string == "said by the installer\n", "\(failed)")
            try gateway.write("", to: gateway.stateFolder + "/data/web/go")
            try gateway.eventually("it is up") { try gateway.row("web")["state"]?.string == "RUNNING" }
            let later = try fetched()
            #expect(later["state"]?.string == "install_success", "\(later)")
            #expect(later["output"]?.string == "said by the installer\n", "\(later)")
            // A crash after that is none either.
            let pass = try gateway.gwe("reconcile", "--offline")
            #expect(pass.code == 0, "\(pass)")
            unlink(gateway.stateFolder + "/data/web/go")
            kill(try #require(try gateway.pid(of: "web")), SIGKILL)
            try gateway.eventually("it fails again") { try gateway.row("web")["state"]?.string == "BACKOFF" }
            #expect(try fetched()["state"]?.string == "install_success")
        }
    }

    // MARK: the operator's stop

    @Test("an app that runs is not failed because the operator stopped one that it requires")
    func stoppedRequirement() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1"), .quickService("api", "1")], requires: ["api": "web"])
        try gateway.withDaemon { _ in
            try gateway.eventually("both run") { try gateway.status().code == 0 }
            let stop = try gateway.gwe("stop", "web")
            #expect(stop.code == 0 && stop.err.contains("api requires web, and goes on without it"), "\(stop)")
            let (code, status) = try gateway.status()
            #expect(code == 0 && status["summary"]?["failed"]?.int == 0, "\(status)")
            let api = try gateway.row("api")
            #expect(api["sync"]?.string == "synced" && api["health"]?.string == "healthy", "\(api)")
            let pass = try gateway.gwe("reconcile", "--offline")
            #expect(pass.code == 0, "\(pass)")
            #expect(try gateway.row("api")["pid"] == api["pid"])
            #expect(try gateway.row("web")["state"]?.string == "STOPPED")
        }
    }

    @Test("a stop during an install is noted in words, and the pass under way does not start what it installs")
    func stopDuringInstall() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let installer = "touch $GWE_DATA_DIR/begun; until [ -e $GWE_DATA_DIR/go ]; do sleep 0.05; done"
        try gateway.services([.quickService("slow", "1", extra: ["install.sh": .script(installer)])])
        try gateway.withDaemon { daemon in
            let data = gateway.stateFolder + "/data/slow"
            try gateway.eventually("it installs") { FileManager.default.fileExists(atPath: data + "/begun") }
            let stop = try gateway.gwe("stop", "slow")
            #expect(stop.code == 0 && stop.out.contains("noted: it is not supervised yet"), "\(stop)")
            try gateway.write("", to: data + "/go")
            try gateway.eventually("it is installed") { try gateway.row("slow")["installed"]?.string == "1" }
            let pass = try gateway.gwe("reconcile", "--offline")
            #expect(pass.code == 0 && pass.out.contains("In sync"), "\(pass)")
            #expect(daemon.err.contains("slow: start skipped: stopped meanwhile"), "\(daemon.err)")
            #expect(!daemon.err.contains("slow: stop"), "\(daemon.err)")
            let log = { try gateway.gwe("logs", "slow").out }
            #expect(try !log().contains("slow 1 is up"))
            #expect(try gateway.gwe("start", "slow").code == 0)
            try gateway.eventually("it is up") { try log().contains("slow 1 is up") }
        }
    }

    // MARK: a daemon that was killed

    @Test("after the daemon was killed its apps are found, and a stop says what is so")
    func killedDaemon() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let daemon = try gateway.startDaemon()
        defer { gateway.killApps() }
        try gateway.eventually("it runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
        let pid = try #require(try gateway.pid(of: "web"))
        daemon.kill()
        let row = try gateway.row("web")
        #expect(row["pid"]?.int == Int64(pid) && row["state"]?.string == "RUNNING", "\(row)")
        #expect(row["health"]?.string == "unknown", "nobody watches it: \(row)")
        #expect(try gateway.status().code == 3)
        let stop = try gateway.gwe("stop", "web")
        #expect(stop.out.contains("not stopped: it runs as process \(pid)"), "\(stop)")
        #expect(ProcessFacts(pid) != nil)
        let next = try gateway.startDaemon()
        try gateway.eventually("the next daemon stops it") { ProcessFacts(pid) == nil }
        next.send(SIGTERM)
        _ = next.wait()
        let later = try gateway.row("web")
        #expect(later["pid"]?.int == nil, "\(later)")
    }
}
