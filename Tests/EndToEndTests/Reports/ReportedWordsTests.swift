import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Messages that helped nobody in other programs, by their public reports: what gwe says in their place. The log of all of
/// them is docs/field-reports.md.
@Suite("Reports of other programs: words") struct ReportedWordsTests {
    private func gateway(_ package: TestPackage) throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([package])
        return gateway
    }

    @Test(
        "docker/sbx-releases#590, networkupstools/nut#1390, Giammarco-Ferranti/deja#106: a path too long for a socket")
    func longSocket() throws {
        let gateway = try gateway(.quickService("web", "1"))
        let folder = gateway.root + "/" + String(repeating: "d", count: 120)
        let ran = try gateway.gwe("run", environment: ["GWE_STATE_DIR": folder])
        #expect(ran.code == 71, "\(ran)")
        #expect((ran.out + ran.err).contains("bytes exceed 107: choose a shorter --state-dir"), "\(ran)")
    }

    @Test("R0X4R/Garud#25, shevabam/ezservermonitor-sh#7, Sygil-Dev/stable-diffusion#104: an installer with CR LF")
    func lineEnds() throws {
        let package = TestPackage("tool", "1", files: ["install.sh": .init("#!/bin/sh\r\necho hi\r\n", mode: 0o755)])
        let gateway = try gateway(package)
        let pass = try gateway.gwe("reconcile", "--offline")
        #expect(pass.err.contains("its interpreter /bin/sh^M does not exist"), "\(pass)")
        let check = try gateway.gwe("package", "check", "\(gateway.root)/\(package.fileName)")
        #expect(check.code != 0 && check.out.contains("CR LF"), "\(check)")
    }

    @Test("hpc/charliecloud#1898, BishopFox/sliver#1618: a program that the kernel does not know")
    func format() throws {
        let package = TestPackage("tool", "1", files: ["install.sh": .init("echo hi\n", mode: 0o755)])
        let gateway = try gateway(package)
        let pass = try gateway.gwe("reconcile", "--offline")
        #expect(pass.err.contains("it is no program of this machine, and a script must begin with #!"), "\(pass)")
    }

    @Test(
        "freenet/freenet-core#5131, floatpane/matcha#1521, jwilleke/yourphr#625, starship/starship#2560: a slip is told with what was meant"
    )
    func slips() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = gateway.root + "/m.yaml"
        try gateway.write("schema: gwe/v1\napps:\n  web: {verison: \"1\"}\n", to: path)
        let manifest = try gateway.gwe("validate", path)
        #expect((manifest.out + manifest.err).contains("did you mean \"version\"?"), "\(manifest)")
        let key = try gateway.gwe("config", "set", "prodcut", "x")
        #expect(key.err.contains("did you mean \"product\"?"), "\(key)")
        let command = try gateway.gwe("statsu")
        #expect(command.err.contains("did you mean status?"), "\(command)")
        let option = try gateway.gwe("status", "--jsno")
        #expect(option.err.contains("Did you mean '--json'?"), "\(option)")
        for ran in [manifest, key, command, option] { #expect(ran.code == 64 || ran.code == 65, "\(ran)") }
    }

    @Test(
        "ohdearquant/lionagi#1744, medialab/gazouilloire#113, Noelo-Lab/kuna#437: a killed program is never called running"
    )
    func killed() throws {
        let gateway = try gateway(.quickService("web", "1"))
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            let pid = try #require(try gateway.pid(of: "web"))
            kill(pid, SIGKILL)
            try gateway.eventually("it is seen") { try gateway.row("web")["state"]?.string == "EXITED" }
            let status = try gateway.gwe("status")
            #expect(status.code == 3 && status.out.contains("ended by SIGKILL"), "\(status)")
        }
    }
}
