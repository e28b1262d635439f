import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What other users of a machine could do to other daemons, by public reports, tried as `nobody` on a real one. The log of
/// all of them is docs/field-reports.md.
@Suite("Reports of other programs: other users") struct ReportedAccessTests {
    private static let nobody: UInt32 = 65_534

    /// A gateway with one app whose supervisor.conf has these lines more.
    private func gateway(_ lines: String = "", program: String = "echo up\nexec sleep 1000") throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        let text = "[supervisord]\ncommand=bin/run\nautorestart=false\nstartsecs=0\n" + lines
        try gateway.services([
            TestPackage.service("web", "1", extra: ["supervisor.conf": .init(text), "bin/run": .script(program)])
        ])
        return gateway
    }

    @Test(
        "ravindu644/Droidspaces-OSS#98, Icinga/icingaweb2-module-vspheredb#634, netbirdio/netbird#7478: nobody commands nothing"
    )
    func commands() throws {
        let gateway = try gateway()
        let program = gateway.root + "/gwe"
        try TestProcess.shell("cp \"$1\" \"$2\"", Repository.products + "/gwe", program)
        func asNobody(_ arguments: [String]) throws -> Ran {
            try TestProcess(
                "/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "--", program] + arguments,
                environment: gateway.variables, scratch: gateway.root + "/scratch"
            ).wait()
        }
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            let pid = try gateway.pid(of: "web")
            for arguments in [
                ["stop", "web"], ["restart", "web"], ["hold", "web"], ["reconcile", "--offline"], ["history"], ["run"],
                ["config", "set", "log_level", "debug"],
            ] {
                let ran = try asNobody(arguments)
                #expect(ran.code != 0, "\(ran)")
                #expect((ran.out + ran.err).contains("permission denied"), "\(ran)")
            }
            #expect(try gateway.pid(of: "web") == pid)
            // Supervisor/supervisor#107, Supervisor/supervisor#114: the log is for everybody to read.
            let logs = try asNobody(["logs", "web"])
            #expect(logs.code == 0 && logs.out.contains("up"), "\(logs)")
        }
    }

    @Test(
        "jdilla1277/agentcad#71, Digital-Process-Tools/claude-supertool#148, wazuh/wazuh#38200: another user's link is not followed",
        arguments: [0o777, 0o1777] as [UInt32])
    func link(mode: UInt32) throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let (victim, shared) = (folder + "/victim", folder + "/shared")
        let gateway = try gateway("stdout_logfile=\(shared)/web.log\n")
        try gateway.write("as it was\n", to: victim)
        try gateway.write("", to: shared + "/other")
        chmod(shared, mode)
        symlink(victim, shared + "/web.log")
        lchown(shared + "/web.log", ReportedAccessTests.nobody, ReportedAccessTests.nobody)
        try gateway.withDaemon { _ in
            try gateway.eventually("it is said") {
                try gateway.gwe("status", "web").out.contains("symbolic link that others than root may have made")
            }
            #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        }
        #expect(gateway.read(victim) == "as it was\n")
    }

    @Test("beave/sagan#16: another user's pipe at the log's place keeps no app from starting")
    func pipe() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let shared = folder + "/shared"
        let gateway = try gateway("stdout_logfile=\(shared)/web.log\n")
        try gateway.write("", to: shared + "/other")
        chmod(shared, 0o777)
        mkfifo(shared + "/web.log", 0o666)
        lchown(shared + "/web.log", ReportedAccessTests.nobody, ReportedAccessTests.nobody)
        try gateway.withDaemon { _ in
            try gateway.eventually("it is said") {
                try gateway.gwe("status", "web").out.contains("nobody reads this pipe")
            }
            #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        }
    }

    @Test(
        "OpenRC/openrc#379: a user is a name or a number, and no beginning of one",
        arguments: ["4foo", "12345", "nobody:nogroup"])
    func unknownUser(_ user: String) throws {
        let gateway = try gateway("user=\(user)\n")
        try gateway.withDaemon { _ in
            try gateway.eventually("it is said") {
                try gateway.gwe("status", "web").out.contains("user '\(user)' is missing")
            }
            #expect(gateway.current("web") == nil)
        }
    }

    @Test(
        "mojombo/god#159, davmac314/dinit#151, Supervisor/supervisor#1030: a program has its user's groups, and no other"
    )
    func groups() throws {
        let gateway = try gateway("user=nobody\n", program: "id\nexec sleep 1000")
        let expected = try TestProcess.run("id", ["nobody"]).out
        try gateway.withDaemon { _ in
            try gateway.eventually("it has spoken") { try gateway.gwe("logs", "web").out == expected }
        }
    }
}
