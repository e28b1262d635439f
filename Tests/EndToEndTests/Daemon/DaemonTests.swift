import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `gwe run` as a process.
@Suite("The daemon") struct DaemonTests {
    /// A gateway with these services in its manifest, each from a file beside it.
    private func gateway(_ packages: [TestPackage], hasCloud: Bool = false, requires: [String: String] = [:]) throws
        -> GatewayFixture
    {
        let gateway = try GatewayFixture(hasCloud: hasCloud)
        try name(packages, on: gateway, requires: requires)
        return gateway
    }

    private func name(_ packages: [TestPackage], on gateway: GatewayFixture, requires: [String: String] = [:]) throws {
        var text = "schema: gwe/v1\napps:\n"
        for package in packages {
            let path = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            let needs = requires[package.name].map { ", requires: [\($0)]" } ?? ""
            text += "  \(package.name): {version: \"\(package.version)\", artifact: {path: \(path)}\(needs)}\n"
        }
        try gateway.manifest(text)
    }

    private func isAlive(_ pid: Int32) -> Bool { kill(pid, 0) == 0 && ProcessFacts(pid) != nil }

    @Test("starts the installed apps without a network, before it asks anybody")
    func withoutNetwork() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.quickService("web", "1"))
        try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        gateway.sandbox.stop()
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("web runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0, "\(pass)")
            #expect(pass.err.contains("working from the last desired state that is known"), "\(pass)")
            #expect(try gateway.status().code == 0)
        }
    }

    @Test("wakes on a change of the manifest")
    func wakesOnChange() throws {
        let gateway = try gateway([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("1 is in force") { try gateway.row("web")["installed"]?.string == "1" }
            try name([.quickService("web", "2")], on: gateway)
            try gateway.eventually("2 is in force") { try gateway.row("web")["installed"]?.string == "2" }
            // An editor writes a new file and renames it over the old one.
            let package = TestPackage.quickService("web", "3")
            let path = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            try gateway.write(
                "schema: gwe/v1\napps: {web: {version: \"3\", artifact: {path: \(path)}}}\n",
                to: gateway.configFolder + "/new.yaml")
            try #require(
                rename(gateway.configFolder + "/new.yaml", gateway.configFolder + "/manifest.yaml") == 0)
            try gateway.eventually("3 is in force") { try gateway.row("web")["installed"]?.string == "3" }
        }
    }

    @Test("a manifest that comes after the daemon is seen")
    func manifestComes() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.status().document["apps"]?.elements?.isEmpty == true)
            try name([.quickService("web", "1")], on: gateway)
            try gateway.eventually("web runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
        }
    }

    @Test("SIGHUP runs a pass")
    func hangup() throws {
        let gateway = try gateway([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            try #require(unlink(gateway.currentFolder(of: "web") + "/share/version.txt") == 0)
            #expect(try gateway.row("web")["sync"]?.string == "drifted(missing)")
            daemon.send(SIGHUP)
            try gateway.eventually("it is repaired") { try gateway.row("web")["sync"]?.string == "synced" }
        }
    }

    @Test("SIGTERM stops the apps and leaves no process and no socket")
    func terminates() throws {
        let gateway = try gateway([.quickService("web", "1"), .quickService("api", "1")], requires: ["web": "api"])
        let daemon = try gateway.startDaemon()
        defer { gateway.killApps() }
        let pass = try gateway.gwe("reconcile")
        let pids = try ["web", "api"].compactMap { try gateway.pid(of: $0) }
        daemon.send(SIGTERM)
        let ran = daemon.wait()
        #expect(pass.code == 0, "\(pass)")
        #expect(pids.count == 2)
        #expect(ran.code == 0, "\(ran)")
        #expect(pids.allSatisfy { !isAlive($0) })
        #expect(!FileTree.exists(gateway.socketFile))
        #expect(gateway.names(gateway.stateFolder + "/run").isEmpty, "\(gateway.names(gateway.stateFolder + "/run"))")
        #expect(try gateway.gwe("status").code == 3)
    }

    @Test("a stop by the operator holds over a restart of the daemon")
    func stopHolds() throws {
        let gateway = try gateway([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.gwe("stop", "web").code == 0)
        }
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.pid(of: "web") == nil)
            #expect(try gateway.status().code == 0)
            #expect(try gateway.gwe("start", "web").code == 0)
            #expect(try gateway.pid(of: "web") != nil)
        }
    }

    @Test("neither the daemon's first pass nor a stop waits for an app that takes long to start")
    func slowStart() throws {
        let conf = TestPackage.File("[supervisord]\ncommand=bin/run\nstartsecs=3600\n")
        let gateway = try gateway([.service("slow", "1", extra: ["supervisor.conf": conf]), .quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.withDaemon { (daemon) throws in
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0, "\(pass)")
            #expect(try gateway.row("slow")["state"]?.string == "STARTING")
            let stop = try gateway.gwe("stop", "slow")
            #expect(stop.out == "slow: STOPPED\n", "\(stop)")
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.row("slow")["state"]?.string == "STOPPED")
            // Whoever waits for a start is told of the stop, and the app is not started a second time.
            let start = try gateway.start(["start", "slow"])
            try gateway.eventually("it starts") { try gateway.row("slow")["state"]?.string == "STARTING" }
            #expect(try gateway.gwe("stop", "slow").out == "slow: STOPPED\n")
            let ran = start.wait()
            #expect(ran.code == 0 && ran.out == "slow: STOPPED\n", "\(ran)")
            #expect(try gateway.pid(of: "slow") == nil)
        }
    }

    @Test("passes leave an app that keeps failing to its growing delay")
    func patientPasses() throws {
        let body = TestPackage.File.script("echo start; exit 3")
        let gateway = try gateway([.quickService("web", "1"), .service("broken", "1", extra: ["bin/run": body])])
        let starts = { (gateway.read(gateway.logFolder + "/broken.log") ?? "").split(separator: "\n").count }
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("it has failed six times") { starts() >= 6 }
            let before = starts()
            for _ in 0..<8 {
                let pass = try gateway.gwe("reconcile")
                #expect(pass.code == 1 && pass.err.contains("broken: "), "\(pass)")
            }
            // Two seconds and more from start to start by now, where each pass made several of them.
            #expect(starts() - before < 8, "\(before), then \(starts())")
            #expect(try gateway.row("broken")["state"]?.string == "BACKOFF")
        }
    }

    @Test("a restart takes a stop by the operator back")
    func restartTakesStopBack() throws {
        let gateway = try gateway([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.gwe("stop", "web").code == 0)
            #expect(try gateway.gwe("restart", "web").code == 0)
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.pid(of: "web") != nil)
            #expect(try gateway.status().code == 0)
        }
    }

    @Test("reconcile asks the daemon and shows the whole pass, for people and for programs")
    func shown() throws {
        let gateway = try gateway([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.gwe("hold", "web").code == 0)
            try name([.quickService("web", "2")], on: gateway)
            try gateway.eventually("2 is wanted") { try gateway.row("web")["desired"]?.string == "2" }
            #expect(try gateway.gwe("unhold", "web").code == 0)
            let pass = try gateway.gwe("reconcile", "--json")
            #expect(pass.code == 0, "\(pass)")
            let events = pass.jsonLines
            #expect(events.first?["type"]?.string == "plan")
            #expect(events.last?["type"]?.string == "result")
            #expect(events.last?["exit"]?.int == 0)
            // `unhold` may have woken the daemon first: then there is nothing left to do.
            let done = events.filter { $0["type"]?.string == "step" && $0["outcome"]?.string == "done" }
            if events.first?["changes"]?.int == 1 {
                #expect(done.contains { $0["step"]?.string == "activate" }, "\(pass)")
            }
            #expect(try gateway.row("web")["installed"]?.string == "2")
        }
    }

    @Test("a second gwe run says who is there")
    func second() throws {
        let gateway = try gateway([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            let second = try gateway.gwe("run")
            #expect(second.code == 75, "\(second)")
            #expect(second.err.contains("gwe run"), "\(second)")
            #expect(second.err.contains("\(daemon.pid)"), "\(second)")
        }
    }

    @Test("a killed daemon leaves its apps running; the next one adopts them and starts no second copy")
    func adoption() throws {
        let gateway = try gateway([.quickService("web", "1")])
        defer { gateway.killApps() }
        let first = try gateway.startDaemon()
        let passed = try gateway.gwe("reconcile")
        let pid = try #require(try gateway.pid(of: "web"))
        first.send(SIGKILL)
        _ = first.wait()
        #expect(passed.code == 0)
        #expect(isAlive(pid))
        // The socket that the crash left is no daemon.
        let alone = try gateway.gwe("status")
        #expect(alone.code == 3, "\(alone)")
        #expect(alone.err.contains("nothing is supervised"), "\(alone)")
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.pid(of: "web") == pid)
            #expect(try gateway.status().code == 0)
            #expect(isAlive(pid))
        }
        #expect(!isAlive(pid))
    }

    @Test("an app that was upgraded while no daemon ran is restarted with its new release")
    func upgradeWhileOrphaned() throws {
        let gateway = try gateway([.quickService("web", "1")])
        defer { gateway.killApps() }
        let first = try gateway.startDaemon()
        let passed = try gateway.gwe("reconcile")
        let pid = try #require(try gateway.pid(of: "web"))
        first.send(SIGKILL)
        _ = first.wait()
        #expect(passed.code == 0)
        try name([.quickService("web", "2")], on: gateway)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            let now = try #require(try gateway.pid(of: "web"))
            #expect(now != pid)
            #expect(!isAlive(pid))
            try gateway.eventually("the log tells of 2") {
                gateway.read(gateway.logFolder + "/web.log")?.hasSuffix("web 2 is up\n") == true
            }
        }
    }

    @Test("without a daemon reconcile starts nothing and says so")
    func noDaemon() throws {
        let gateway = try gateway([.quickService("web", "1")])
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0)
        #expect(pass.out.contains("nothing was started: no daemon supervises"), "\(pass)")
        #expect(gateway.names(gateway.stateFolder + "/run").isEmpty)
        #expect(gateway.read(gateway.logFolder + "/web.log") == nil)
        let restart = try gateway.gwe("restart", "web")
        #expect(restart.code == 69, "\(restart)")
    }

    @Test("apps are started in the order of requires, and one that requires a dead one is not")
    func order() throws {
        let marker = { (name: String) in
            ["bin/run": TestPackage.File.script("echo \(name) >>\"$GWE_DATA_DIR/../order\"; exec sleep 1000")]
        }
        let gateway = try gateway(
            [.quickService("aaa", "1", extra: marker("aaa")), .quickService("zzz", "1", extra: marker("zzz"))],
            requires: ["aaa": "zzz"])
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            try gateway.eventually("both have started") {
                gateway.read(gateway.stateFolder + "/data/order")?.split(separator: "\n").count == .some(2)
            }
            #expect(gateway.read(gateway.stateFolder + "/data/order") == "zzz\naaa\n")
        }
    }

    @Test("status over the socket tells what only a daemon knows")
    func status() throws {
        let gateway = try gateway([.quickService("web", "1")], hasCloud: true)
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            let (code, document) = try gateway.status()
            #expect(code == 0, "\(document.text())")
            #expect(document["supervised"]?.bool == true)
            #expect(document["next_poll"]?.string?.hasPrefix("in ") == true)
            #expect(document["clock_trusted"]?.bool != nil)
            #expect((document["disk_free_bytes"]?.int ?? 0) > 0)
            let text = try gateway.gwe("status").out.split(separator: "\n").map(String.init)
            #expect(text.first?.hasPrefix("1 app, 1 in sync, 0 drifted, 0 failed, next poll in ") == true, "\(text)")
            #expect(text.contains { $0.hasPrefix("APP  DESIRED  INSTALLED  SYNC    HEALTH   STATE    PID") }, "\(text)")
            try gateway.eventually("its first line is in the log") {
                try gateway.gwe("status", "web").out.contains("web 1 is up")
            }
            let detail = try gateway.gwe("status", "web").out
            for word in ["desired:", "source:", "manifest.yaml:3", "state:", "RUNNING", "restarts:"] {
                #expect(detail.contains(word), "\(detail)")
            }
            let logs = try gateway.gwe("logs", "web")
            #expect(logs.out == "web 1 is up\n")
        }
    }
}
