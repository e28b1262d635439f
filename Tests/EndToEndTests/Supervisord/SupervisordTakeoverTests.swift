import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A gateway on which Gateway Engine hosts apps under supervisord becomes gwe's.
@Suite struct SupervisordTakeoverTests {
    /// As Gateway Engine left it: programs in conf.d, Gateway.cfg and Engine.config.
    private func installGatewayEngine(_ gateway: GatewayFixture, _ supervisord: SupervisordFixture) throws {
        for app in ["counter", "ntp_updater"] {
            try gateway.write(
                """
                [program:\(app)]
                command = /bin/sh -c "echo started; exec sleep 1000"
                startsecs = 0
                redirect_stderr = true
                stdout_logfile = \(gateway.root)/\(app).log
                stdout_logfile_maxbytes = 200KB
                stdout_logfile_backups = 1

                """, to: supervisord.program(app))
        }
        try gateway.write(
            "[device]\ncik = ''\nmodel = \(GatewayFixture.product)\nvendor = \(GatewayFixture.product)\n"
                + "uuid = \(gateway.id)\niface = ''\n\n", to: gateway.root + "/old/Gateway.cfg")
        try gateway.write(
            "[engine]\napps = [{'counter': '1'}, {'ntp_updater': '1'}]\n", to: gateway.root + "/old/Engine.config")
    }

    private func importOld(_ gateway: GatewayFixture, _ supervisord: SupervisordFixture) throws -> Ran {
        try gateway.gwe(
            "config", "import", "--programs", supervisord.programFolder, gateway.root + "/old/Gateway.cfg")
    }

    private func package(_ version: String) -> TestPackage {
        let conf = "[supervisord]\ncommand = /bin/sh -c \"echo version \(version); exec sleep 1000\"\nstartsecs = 0\n"
        let files: [String: TestPackage.File] = [
            "supervisor.conf": .init(conf), "install.sh": .script(TestPackage.countingInstaller),
        ]
        return TestPackage("counter", version, files: files)
    }

    @Test("apps of Gateway Engine are taken over without a write or a restart; another version is an upgrade")
    func takeOver() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway, isStarted: false)
        try installGatewayEngine(gateway, supervisord)
        try supervisord.start()
        let counter = try #require(supervisord.pid(of: "counter"))
        let updater = try #require(supervisord.pid(of: "ntp_updater"))
        let files = ["counter", "ntp_updater", "neighbour"].map { gateway.read(supervisord.program($0)) }
        for version in ["1", "2"] { try gateway.upload(package(version)) }

        let imported = try importOld(gateway, supervisord)
        #expect(imported.code == 0 && imported.out.contains("took app counter version 1"), "\(imported)")
        let dry = try gateway.dryRun()
        #expect(dry.code == 0 && dry.out.contains("In sync: 2 apps"), "\(dry)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        let status = try gateway.status()
        #expect(status.code == 0, "\(status)")
        let row = try gateway.row("counter")
        #expect(row["state"]?.string == "RUNNING" && row["pid"]?.int == Int64(counter), "\(row)")
        #expect(row["installed"]?.string == "1" && row["sync"]?.string == "synced", "\(row)")
        let report = try #require(try gateway.resource("engine_report"))
        #expect(report.contains("\"counter\"") && report.contains("RUNNING"), "\(report)")

        // The cloud names the version that is there, and a daemon starts: nothing of that is a reason to touch an app.
        try gateway.command(#"{"install":[{"name":"counter.v1.tar.gz"}]}"#)
        try gateway.withDaemon { _ in
            try gateway.eventually("the command is taken") { try gateway.resource("engine_fetch") == "" }
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code == 0, "\(ran)")
            #expect(try gateway.gwe("logs", "counter").out == "started\n")
        }
        #expect(supervisord.pid(of: "counter") == counter && supervisord.pid(of: "ntp_updater") == updater)
        #expect(files == ["counter", "ntp_updater", "neighbour"].map { gateway.read(supervisord.program($0)) })
        #expect(supervisord.starts(of: "counter") == 1)
        #expect(gateway.names(gateway.stateFolder + "/releases").isEmpty, "nothing was installed")

        // Stopped and started as any app.
        #expect(try gateway.gwe("stop", "ntp_updater").out == "ntp_updater: STOPPED\n")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(supervisord.pid(of: "ntp_updater") == nil)
        #expect(try gateway.gwe("start", "ntp_updater").out == "ntp_updater: RUNNING\n")

        try gateway.command(#"{"install":[{"name":"counter.v2.tar.gz"}]}"#)
        let upgrade = try gateway.gwe("reconcile")
        #expect(upgrade.code == 0, "\(upgrade)")
        #expect(upgrade.out.contains("~ counter 1 -> 2"), "\(upgrade)")
        let new = try #require(supervisord.pid(of: "counter"))
        #expect(new != counter && supervisord.starts(of: "counter") == 2)
        #expect(gateway.read(supervisord.program("counter"))?.contains("version 2") == true)
        #expect(gateway.read(gateway.stateFolder + "/services/counter.conf.before-gwe") == files[0])
        #expect(gateway.read(supervisord.program("ntp_updater")) == files[1])
        #expect(try gateway.row("counter")["installed"]?.string == "2")
        // The manifest of the import still names version 1; the cloud wins, and all is in sync.
        #expect(try gateway.dryRun().code == 0)
    }

    @Test("an app that supervisord runs with an equal definition runs on while gwe installs it")
    func equalDefinition() throws {
        let gateway = try GatewayFixture()
        let supervisord = try SupervisordFixture(gateway, isStarted: false)
        let conf = """
            command=/bin/sh -c "echo version 1; exec sleep 1000"
            startsecs=0
            redirect_stderr=true
            stdout_logfile=\(gateway.logFolder)/counter.log
            stdout_logfile_maxbytes=200KB
            stdout_logfile_backups=1
            """
        try gateway.write("[program:counter]\n\(conf)\n", to: supervisord.program("counter"))
        try gateway.write("", to: gateway.logFolder + "/counter.log")
        try supervisord.start()
        let pid = try #require(supervisord.pid(of: "counter"))
        try gateway.upload(package("1"))
        try gateway.manifest("schema: gwe/v1\napps:\n  counter: {version: \"1\"}\n")
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
        #expect(supervisord.pid(of: "counter") == pid && supervisord.starts(of: "counter") == 1)
        #expect(gateway.read(supervisord.program("counter")) == "[program:counter]\n\(conf)\n")
        #expect(try gateway.status().code == 0)
        #expect(try gateway.dryRun().code == 0)
        // What gwe installed it also removes, with a copy of what it did not write.
        try gateway.manifest("schema: gwe/v1\napps:\n  counter: {version: \"1\", state: absent}\n")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(supervisord.pid(of: "counter") == nil && gateway.read(supervisord.program("counter")) == nil)
        #expect(gateway.read(gateway.stateFolder + "/services/counter.conf.before-gwe") != nil)
    }
}
