import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// No lock, no journal, no side file, no activation, no clearing; it may read the cloud (D11).
@Suite("a dry run changes nothing") struct DryRunTests {
    /// Runs a dry run in each form, and compares everything before and after.
    private func expectNothing(
        _ gateway: GatewayFixture, code: Int32, at location: SourceLocation = #_sourceLocation
    ) throws -> Ran {
        let before = gateway.snapshot()
        let cloud = try gateway.cloudState()
        let devices = try gateway.sandbox.devices()
        try gateway.sandbox.clearRequestLog()
        let ran = try gateway.gwe("reconcile", "--dry-run")
        #expect(ran.code == code, "\(ran)", sourceLocation: location)
        for arguments in [["--json"], ["--offline"], ["--deep"], ["--until", "download"]] {
            let other = try gateway.start(["reconcile", "--dry-run"] + arguments).wait()
            #expect([0, 1, 2].contains(other.code), "\(other)", sourceLocation: location)
        }
        let differences = gateway.snapshot().differences(from: before)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))", sourceLocation: location)
        #expect(try gateway.cloudState() == cloud, sourceLocation: location)
        #expect(try gateway.sandbox.devices() == devices, sourceLocation: location)
        let writes = try gateway.sandbox.requestLog().filter { $0.method != "GET" }
        #expect(writes.isEmpty, "\(writes)", sourceLocation: location)
        return ran
    }

    /// A gateway with one app from a command and one from the manifest, as a pass has left it.
    private func converged() throws -> GatewayFixture {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.upload(.service("web", "1"))
        try gateway.manifest("schema: gwe/v1\napps:\n  web: {version: \"1\"}\n")
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        let ran = try gateway.gwe("reconcile")
        try #require(ran.code == 0, "\(ran)")
        return gateway
    }

    @Test("on a gateway that never ran: not even the state folder is made")
    func neverRun() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.service("web", "1"))
        try gateway.manifest("schema: gwe/v1\napps:\n  web: {version: \"1\"}\n")
        let ran = try expectNothing(gateway, code: 2)
        #expect(ran.out.contains("Plan: 1 to install"), "\(ran)")
        #expect(!FileTree.exists(gateway.stateFolder))
        #expect(!FileTree.exists(gateway.logFolder))
        #expect(try gateway.sandbox.token(of: gateway.id) == nil)
        #expect(try gateway.sandbox.requestLog().isEmpty)
    }

    @Test("on a gateway in sync")
    func inSync() throws {
        let ran = try expectNothing(try converged(), code: 0)
        #expect(ran.out.contains("In sync: 2 apps match the desired state."), "\(ran)")
    }

    @Test("a command that was taken and carried out, and has yet to be cleared in the cloud, is none")
    func uncleared() throws {
        let gateway = try converged()
        // With a digest, the kept package serves.
        let digest = SHA256.hex(of: try TestPackage.oneOff("tool", "1").bytes(scratch: gateway.root + "/scratch"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz","sha256":"\#(digest)"}]}"#)
        let killed = try gateway.gwe("reconcile", environment: ["GWE_FAULT": "clear.before"])
        #expect(killed.code != 0, "\(killed)")
        // The package is here; without the cloud nothing clears the command.
        let ran = try gateway.gwe("reconcile", "--offline")
        #expect(ran.code == 0, "\(ran)")
        #expect(ran.out.contains("1 again: a new command asks for it"), "\(ran)")
        let dry = try expectNothing(gateway, code: 0)
        #expect(dry.out.contains("In sync: 2 apps match the desired state."), "\(dry)")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.resource("engine_fetch") == "")
    }

    @Test("with changes pending from cloud and manifest; the command stays in the cloud")
    func pending() throws {
        let gateway = try converged()
        try gateway.upload(.oneOff("tool", "2"))
        try gateway.upload(.oneOff("extra", "1"))
        try gateway.manifest("schema: gwe/v1\napps:\n  extra: {version: \"1\"}\n")
        let command = #"{"install":[{"name":"tool.v2.tar.gz"}]}"#
        try gateway.command(command)
        try gateway.sandbox.write(gateway.id, "update_interval", "60")
        let ran = try expectNothing(gateway, code: 2)
        #expect(ran.out.contains("Plan: 1 to install, 1 to upgrade, 1 to remove, 0 to repair."), "\(ran)")
        #expect(try gateway.resource("engine_fetch") == command)
        #expect(try gateway.resource("update_interval") == "60")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
    }

    @Test("with drift, and input that is refused")
    func driftAndBadInput() throws {
        let gateway = try converged()
        try gateway.write("damaged", to: gateway.currentFolder(of: "tool") + "/share/version.txt")
        unlink(gateway.currentFolder(of: "web"))
        try gateway.write("left behind", to: gateway.stateFolder + "/releases/web/.staging/half")
        let ran = try expectNothing(gateway, code: 2)
        #expect(ran.out.contains("2 to repair"), "\(ran)")
        try gateway.command("{")
        try gateway.manifest("schema: gwe/v2\n")
        let refused = try gateway.gwe("reconcile", "--dry-run")
        #expect(refused.code == 65, "\(refused)")
        #expect(try gateway.resource("engine_fetch") == "{")
    }

    @Test(
        "with a damaged, an emptied, an older and an unfinished journal",
        arguments: ["zeros", "garbage", "empty", "missing", "older", "killed"])
    func journals(kind: String) throws {
        let gateway = try converged()
        let journal = gateway.stateFolder + "/journal.db"
        switch kind {
        case "zeros": try gateway.write(String(repeating: "\0", count: 8_192), to: journal)
        case "garbage": try gateway.write(String(repeating: "no database ", count: 999), to: journal)
        case "empty": try gateway.write("", to: journal)
        case "missing": try FileTree.removeFile(journal)
        case "older": try Database(path: journal).setUserVersion(0)
        default:
            try gateway.upload(.service("web", "2"))
            try gateway.manifest("schema: gwe/v1\napps:\n  web: {version: \"2\"}\n")
            let killed = try gateway.gwe("reconcile", environment: ["GWE_FAULT": "activate.linked"])
            try #require(killed.signal == SIGKILL)
        }
        let ran = try expectNothing(gateway, code: kind == "killed" ? 2 : 0)
        if kind != "killed" { #expect(ran.err.contains("the next pass rebuilds it"), "\(ran)") }
    }

    @Test("when the device was never activated, or its token is damaged")
    func noToken() throws {
        let gateway = try converged()
        try gateway.write(String(repeating: "\0", count: 41), to: gateway.stateFolder + "/token")
        let ran = try expectNothing(gateway, code: 0)
        #expect(ran.err.contains("not activated"), "\(ran)")
    }

    @Test("while a daemon runs")
    func daemon() throws {
        let gateway = try converged()
        try gateway.withDaemon { _ in
            try gateway.eventually("the daemon has run its first pass and the app is up") {
                let status = try gateway.gwe("status", "--json")
                return status.code == 0 && status.json?["next_poll"]?.string != nil
            }
            try gateway.upload(.service("web", "2"))
            try gateway.write(
                "schema: gwe/v1\napps:\n  web: {version: \"2\"}\n", to: gateway.configFolder + "/next.yaml")
            // The daemon writes what it counted a second later.
            try gateway.eventually("every request so far is counted") {
                let usage = try gateway.gwe("usage", "--json").json?["usage"]?.elements ?? []
                let count = usage.reduce(0) { $0 + ($1["requests"]?.int ?? 0) }
                return try count >= gateway.sandbox.requestLog().count
            }
            let before = gateway.snapshot()
            try gateway.sandbox.clearRequestLog()
            let inSync = try gateway.gwe("reconcile", "--dry-run")
            #expect(inSync.code == 0, "\(inSync)")
            let pending = try gateway.gwe("reconcile", "--dry-run", "--manifest", gateway.configFolder + "/next.yaml")
            #expect(pending.code == 2, "\(pending)")
            let differences = gateway.snapshot().differences(from: before)
            #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
            #expect(try gateway.sandbox.requestLog().allSatisfy { $0.method == "GET" })
        }
    }
}
