import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// `services: supervisord`: Debian's supervisord keeps the apps.
@Suite struct SupervisordTests {
    private func app(_ version: String, _ command: String = "sleep 1000", extra: String = "") -> TestPackage {
        let conf = """
            ; the author's
            [supervisord]
            command = bin/run        ; with a comment
            startsecs = 0
            environment = LEVEL="debug, loud"
            \(extra)
            """
        return TestPackage(
            "web", version,
            files: [
                "supervisor.conf": .init(conf),
                "bin/run": .script("echo version \(version) $LEVEL $GWE_VERSION; exec \(command)"),
            ])
    }

    private func manifest(_ version: String, more: String = "") -> String {
        "schema: gwe/v1\napps:\n  web:\n    version: \"\(version)\"\n\(more)"
    }

    @Test("an app is installed, upgraded with one restart, and removed; what else supervisord runs is not touched")
    func installUpgradeRemove() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway)
        let neighbour = supervisord.pid(of: "neighbour")
        try gateway.upload(app("1"))
        try gateway.upload(app("2"))
        try gateway.manifest(
            manifest("1", more: "    service: {environment: {COLOUR: \"100% red\"}, stop_timeout: 3s}\n"))

        let first = try gateway.gwe("reconcile")
        #expect(first.code == 0, "\(first)")
        let text = try #require(gateway.read(supervisord.program("web")))
        #expect(text.contains("\n[program:web]\ncommand = bin/run        ; with a comment\nstartsecs = 0\n"), "\(text)")
        #expect(text.contains("\nstopwaitsecs=3\n") && text.contains("COLOUR=\"100%% red\""), "\(text)")
        #expect(
            text.contains("\nstdout_logfile_maxbytes=200KB\n") && text.contains("\nredirect_stderr=true\n"), "\(text)")
        let one = try #require(supervisord.pid(of: "web"))
        #expect(try gateway.row("web")["pid"]?.int == Int64(one))
        #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        #expect(try gateway.status().code == 0)
        try gateway.eventually("the log") {
            gateway.read(gateway.logFolder + "/web.log") == "version 1 debug, loud 1\n"
        }

        let again = try gateway.gwe("reconcile")
        #expect(again.code == 0 && again.out.contains("In sync"), "\(again)")
        #expect(supervisord.pid(of: "web") == one && supervisord.starts(of: "web") == 1)

        try gateway.manifest(manifest("2"))
        let second = try gateway.gwe("reconcile")
        #expect(second.code == 0, "\(second)")
        let two = try #require(supervisord.pid(of: "web"))
        #expect(two != one && supervisord.starts(of: "web") == 2, "\(supervisord.log)")
        #expect(gateway.read(supervisord.program("web"))?.contains("stopwaitsecs") == false)
        try gateway.eventually("the log of the second version") {
            gateway.read(gateway.logFolder + "/web.log")?.hasSuffix("version 2 debug, loud 2\n") == true
        }

        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        let third = try gateway.gwe("reconcile")
        #expect(third.code == 0, "\(third)")
        #expect(kill(two, 0) != 0 && gateway.read(supervisord.program("web")) == nil)
        #expect(!supervisord.control("status").out.contains("web"))
        #expect(neighbour != nil && supervisord.pid(of: "neighbour") == neighbour)
    }

    @Test("start, stop and restart work without a daemon, and a stop is no drift")
    func operatorCommands() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway)
        try gateway.upload(app("1"))
        try gateway.manifest(manifest("1"))
        #expect(try gateway.gwe("reconcile").code == 0)
        let one = try #require(supervisord.pid(of: "web"))

        let stopped = try gateway.gwe("stop", "web")
        #expect(stopped.code == 0 && stopped.out == "web: STOPPED\n", "\(stopped)")
        #expect(supervisord.pid(of: "web") == nil)
        let row = try gateway.row("web")
        #expect(row["state"]?.string == "STOPPED" && row["sync"]?.string == "synced", "\(row)")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(supervisord.pid(of: "web") == nil, "a pass does not start what an operator stopped")

        let started = try gateway.gwe("start", "web")
        #expect(started.code == 0 && started.out == "web: RUNNING\n", "\(started)")
        let two = try #require(supervisord.pid(of: "web"))
        let restarted = try gateway.gwe("restart", "web")
        #expect(restarted.code == 0 && restarted.out == "web: RUNNING\n", "\(restarted)")
        let three = try #require(supervisord.pid(of: "web"))
        #expect(Set([one, two, three]).count == 3)
        #expect(try gateway.gwe("stop", "nobody").code == 4)

        // Somebody else's hand on it is drift, and is repaired.
        supervisord.control("stop", "web")
        let dry = try gateway.dryRun()
        #expect(dry.code == 2 && dry.out.contains("^ web") && dry.out.contains("not running"), "\(dry)")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(supervisord.pid(of: "web") != nil)
    }

    @Test("an app that cannot stay up and one that cannot be started are shown with supervisord's words")
    func failures() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway)
        let flapping = "[supervisord]\ncommand=/bin/sh -c 'exit 3'\nstartsecs=1\nstartretries=0\n"
        try gateway.upload(TestPackage("flap", "1", files: ["supervisor.conf": .init(flapping)]))
        let missing = "[supervisord]\ncommand=/no/such/program\n"
        try gateway.upload(TestPackage("missing", "1", files: ["supervisor.conf": .init(missing)]))
        let good = "[supervisord]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
        try gateway.upload(TestPackage("good", "1", files: ["supervisor.conf": .init(good)]))
        try gateway.manifest(
            """
            schema: gwe/v1
            apps:
              flap: {version: "1"}
              good: {version: "1"}
              missing: {version: "1"}
            """)
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 1, "\(ran)")
        #expect(ran.err.contains("Exited too quickly") || ran.out.contains("Exited too quickly"), "\(ran)")
        try gateway.eventually("flap is given up") { try gateway.row("flap")["state"]?.string == "FATAL" }
        let flap = try gateway.row("flap")
        #expect(flap["health"]?.string == "down", "\(flap)")
        #expect(flap["last_error"]?.string?.contains("Exited too quickly") == true, "\(flap)")
        #expect((ran.err + ran.out).contains("no such program") || (ran.err + ran.out).contains("can't find command"))
        let bad = try gateway.start(["start", "missing"]).wait()
        #expect(bad.code == 1 && bad.err.contains("can't find command '/no/such/program'"), "\(bad)")
        #expect(supervisord.pid(of: "good") != nil, "one bad app keeps no other from running")
        #expect(try gateway.status().code == 3)
    }

    @Test("gwe checks the health of supervisord's apps too, and has supervisord restart one that is unhealthy")
    func health() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway)
        try gateway.upload(app("1"))
        let flag = gateway.root + "/fail"
        try gateway.manifest(
            manifest("1", more: "    health: {command: \"test ! -e \(flag)\", every: 250ms, failures: 2}\n"))
        try gateway.withDaemon { _ in
            try gateway.eventually("it is healthy") { try gateway.row("web")["health"]?.string == "healthy" }
            let first = try #require(supervisord.pid(of: "web"))
            try gateway.write("", to: flag)
            try gateway.eventually("supervisord starts it anew") {
                let pid = supervisord.pid(of: "web")
                return pid != nil && pid != first
            }
            try gateway.eventually("it is degraded") { try gateway.row("web")["health"]?.string == "degraded" }
            unlink(flag)
            try gateway.eventually("it is healthy again") { try gateway.row("web")["health"]?.string == "healthy" }
        }
    }

    @Test("while supervisord is down its apps are UNKNOWN and nothing is lost; when it is back all is found again")
    func outage() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway, isStarted: false)
        try gateway.upload(app("1"))
        try gateway.manifest(manifest("1"))
        let early = try gateway.gwe("reconcile")
        #expect(early.code == 1, "\(early)")
        #expect((early.out + early.err).contains("cannot reach supervisord at unix://"), "\(early)")
        let down = try gateway.status()
        #expect(down.code == 3)
        #expect(try gateway.row("web")["state"]?.string == "UNKNOWN")
        #expect(down.document["problems"]?.elements?.first?.string?.contains("no such socket") == true, "\(down)")

        try supervisord.start()
        #expect(try gateway.gwe("reconcile").code == 0)
        let one = try #require(supervisord.pid(of: "web"))

        try gateway.withDaemon { _ in
            #expect(try gateway.pid(of: "web") == one, "a daemon leaves alone what runs")
            supervisord.stop()
            #expect(try gateway.row("web")["state"]?.string == "UNKNOWN")
            try supervisord.start()
            try gateway.eventually("supervisord starts its programs") { try gateway.pid(of: "web") != nil }
            #expect(try gateway.row("web")["sync"]?.string == "synced")
        }
        let two = try #require(supervisord.pid(of: "web"))
        #expect(kill(two, 0) == 0, "the end of the daemon is no end of supervisord's apps")
        #expect(supervisord.starts(of: "web") == 2)
    }

    @Test("a file changed by hand is repaired, and one that supervisord cannot read is taken back")
    func files() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway)
        try gateway.upload(app("1"))
        try gateway.upload(app("2", extra: "user = nobody-of-that-name"))
        try gateway.manifest(manifest("1"))
        #expect(try gateway.gwe("reconcile").code == 0)
        let text = try #require(gateway.read(supervisord.program("web")))
        try gateway.write(text + "stopsignal=INT\n", to: supervisord.program("web"))
        let dry = try gateway.dryRun()
        #expect(dry.code == 2 && dry.out.contains("configuration differs"), "\(dry)")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(gateway.read(supervisord.program("web")) == text)

        // supervisord refuses to read a user that does not exist, and would not even start with such a file.
        try gateway.manifest(manifest("2"))
        let bad = try gateway.gwe("reconcile")
        #expect(bad.code == 20, "\(bad)")
        #expect((bad.out + bad.err).contains("nobody-of-that-name"), "\(bad)")
        #expect(gateway.read(supervisord.program("web")) == text)
        #expect(supervisord.control("reread").code == 0)

        // A program of the same name in somebody's file is not replaced.
        try gateway.write(
            "[program:tool]\ncommand=/bin/sleep 1\n[program:other]\ncommand=/bin/sleep 1\n",
            to: supervisord.programFolder + "/many.conf")
        let conf = "[supervisord]\ncommand=/bin/sleep 1000\n"
        try gateway.upload(TestPackage("tool", "1", files: ["supervisor.conf": .init(conf)]))
        try gateway.manifest("schema: gwe/v1\napps:\n  tool: {version: \"1\"}\n")
        let refused = try gateway.gwe("reconcile", "--app", "tool")
        #expect(refused.code == 1, "\(refused)")
        #expect((refused.out + refused.err).contains("many.conf defines the program tool already"), "\(refused)")
        #expect(gateway.read(supervisord.program("tool")) == nil)
    }

    @Test("an inet server with user and password is driven, and a wrong password is told")
    func password() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway, inet: try ReservedPort())
        try gateway.upload(app("1"))
        try gateway.manifest(manifest("1"))
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
        #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        let conf = try #require(gateway.read(supervisord.confFile))
        try gateway.write(conf.replacingOccurrences(of: "se;cret", with: "other"), to: supervisord.confFile)
        let refused = try gateway.gwe("status", "--json")
        #expect(refused.out.contains("user or password is refused"), "\(refused)")
        #expect(!refused.out.contains("se;cret") && !refused.out.contains("other"))
        try gateway.write(conf, to: supervisord.confFile)
    }

    @Test("an app that an operator stopped stays stopped across daemons, and starts when told")
    func stoppedAcrossDaemons() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway)
        try gateway.upload(app("1"))
        try gateway.manifest(manifest("1"))
        try gateway.withDaemon { _ in
            try gateway.eventually("the first pass") { try gateway.pid(of: "web") != nil }
            #expect(try gateway.gwe("stop", "web").out == "web: STOPPED\n")
            #expect(supervisord.pid(of: "web") == nil)
        }
        supervisord.stop()
        try supervisord.start()
        try gateway.withDaemon { _ in
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0 && pass.out.contains("In sync"), "\(pass)")
            #expect(supervisord.pid(of: "web") == nil)
            let row = try gateway.row("web")
            #expect(row["state"]?.string == "STOPPED" && row["sync"]?.string == "synced", "\(row)")
            let started = try gateway.gwe("start", "web")
            #expect(started.code == 0 && started.out == "web: RUNNING\n", "\(started)")
        }
        #expect(supervisord.pid(of: "web") != nil)
    }

    @Test(
        "killed in the middle of an upgrade, the next pass finds its way",
        arguments: ["configure.programmed", "supervisord.written", "supervisord.dropped"])
    func killed(_ point: String) throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway)
        for version in ["1", "2"] { try gateway.upload(app(version)) }
        try gateway.manifest(manifest("1"))
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.manifest(manifest("2"))
        let killed = try gateway.gwe("reconcile", environment: ["GWE_FAULT": point])
        #expect(killed.signal == SIGKILL, "\(killed)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(try gateway.status().code == 0)
        try gateway.eventually("the second version runs") {
            gateway.read(gateway.logFolder + "/web.log")?.hasSuffix("version 2 debug, loud 2\n") == true
        }
        #expect(supervisord.starts(of: "web") == 2)
        #expect(try gateway.dryRun().code == 0)
    }
}
