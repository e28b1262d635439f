import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `gwe doctor` as a program.
@Suite("gwe doctor")
struct DoctorCommandTests {
    let gateway: GatewayFixture

    init() throws { gateway = try GatewayFixture() }

    private func results(_ ran: Ran) -> [String: String] {
        var found: [String: String] = [:]
        for check in ran.json?["checks"]?.elements ?? [] {
            found[check["id"]?.string ?? ""] = check["result"]?.string
        }
        return found
    }

    private func installed() throws {
        try gateway.upload(TestPackage("web", "1", files: ["bin/run": .script("exec sleep 1000")]))
        try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
    }

    @Test("a gateway that works passes, with a daemon and without; only memory under the state folder is told")
    func works() throws {
        try installed()
        // The fixture's folder may be in memory, which fsync says.
        let alone = try gateway.gwe("doctor", "--json", "--skip", "fsync")
        #expect(alone.code == 0, "\(alone)")
        let results = results(alone)
        for id in ["config", "read-only", "disk", "inodes", "journal", "queue", "reachability", "token", "permissions"]
        {
            #expect(results[id] == "ok", "\(id): \(alone)")
        }
        #expect(results["daemon"] == "warning" && results["fsync"] == nil)
        let daemon = try gateway.startDaemon()
        let up = try gateway.gwe("doctor", "daemon", "journal", "clock")
        #expect(up.code == 0 && up.out.contains("it runs, pid \(daemon.pid)"), "\(up)")
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }

    @Test("it writes nothing and asks the cloud for two things")
    func writesNothing() throws {
        try installed()
        try gateway.sandbox.clearRequestLog()
        let before = FolderSnapshot(gateway.configFolder, gateway.stateFolder, gateway.logFolder)
        let ran = try gateway.gwe("doctor", "--skip", "fsync")
        #expect(ran.code == 0, "\(ran)")
        #expect(FolderSnapshot(gateway.configFolder, gateway.stateFolder, gateway.logFolder) == before)
        #expect(try gateway.sandbox.requestLog().map(\.method) == ["GET", "GET"])
        let names = gateway.names(gateway.stateFolder)
        _ = try gateway.gwe("doctor", "fsync")
        #expect(gateway.names(gateway.stateFolder) == names)
    }

    @Test("a lost journal is a warning, a changed inventory fails, and each says what mends it")
    func journal() throws {
        try installed()
        let folder = try #require(gateway.current("web"))
        let inventory = "\(gateway.stateFolder)/releases/web/\(folder).inventory"
        let good = try #require(gateway.read(inventory))
        try gateway.write("", to: inventory)
        let changed = try gateway.gwe("doctor", "journal")
        #expect(changed.code == 1 && changed.out.contains("inventory of web"), "\(changed)")
        #expect(changed.out.contains("fix: the next pass repairs it"))
        try gateway.write(good, to: inventory)
        #expect(try gateway.gwe("doctor", "journal").code == 0)
        unlink(gateway.stateFolder + "/journal.db")
        let lost = try gateway.gwe("doctor", "journal")
        #expect(lost.code == 0 && lost.out.contains("is lost, 1 releases are there"), "\(lost)")
    }

    @Test(
        "a clock of 1970 fails that check, and no other is kept from its work",
        .disabled(if: Sanitizer.isOn, "libfaketime does not go together with a sanitizer's library"))
    func clock() throws {
        let process = try TestProcess(
            "/usr/bin/faketime",
            ["1970-01-02 00:00:00", Repository.products + "/gwe", "doctor", "clock", "config", "--json"],
            environment: gateway.variables, scratch: gateway.root + "/scratch")
        let ran = process.wait()
        #expect(ran.code == 1 && results(ran) == ["clock": "failed", "config": "ok"], "\(ran)")
    }

    @Test("with a broken configuration the rest is still looked at")
    func brokenConfiguration() throws {
        try gateway.write("product: [\n", to: gateway.configFolder + "/gateway.yaml")
        let ran = try gateway.gwe("doctor", "--json", "--skip", "fsync")
        let results = results(ran)
        #expect(ran.code == 1 && results["config"] == "failed", "\(ran)")
        #expect(results["disk"] == "ok" && results["reachability"] == "skipped" && results.count == 18, "\(ran)")
    }

    @Test("what another user may not see is skipped as not permitted")
    func otherUser() throws {
        try installed()
        for path in [gateway.root, gateway.configFolder, gateway.stateFolder] { chmod(path, 0o755) }
        chmod(gateway.stateFolder + "/journal.db", 0o600)
        let process = try TestProcess(
            "/usr/bin/setpriv",
            [
                "--reuid", "65534", "--regid", "65534", "--clear-groups", Repository.products + "/gwe", "doctor",
                "token", "journal", "read-only", "disk", "config", "--json",
            ], environment: gateway.variables, scratch: gateway.root + "/scratch")
        let ran = process.wait()
        #expect(ran.code == 0, "\(ran)")
        let results = results(ran)
        for id in ["token", "journal", "read-only"] { #expect(results[id] == "skipped", "\(id): \(ran)") }
        #expect(results["disk"] == "ok" && results["config"] == "ok")
        #expect(ran.out.contains("not permitted"))
    }

    @Test("the text is ASCII where the locale is not UTF-8; checks are listed, chosen and left out by id")
    func output() throws {
        let plain = try gateway.gwe("doctor", "queue", "daemon", environment: ["LC_ALL": "C"])
        #expect(plain.out.utf8.allSatisfy { $0 < 128 } && plain.out.hasPrefix("ok "), "\(plain)")
        #expect(plain.out.hasSuffix("1 ok, 1 warning, 0 failed, 0 skipped\n"))
        #expect(try gateway.gwe("doctor", "queue").out.hasPrefix("✓ ok "))
        let list = try gateway.gwe("doctor", "--list", "--skip", "clock")
        #expect(list.code == 0 && !list.out.contains("clock  ") && list.out.contains("signature-policy"))
        let wrong = try gateway.gwe("doctor", "journals")
        #expect(wrong.code == 64 && wrong.err.contains("did you mean journal?"), "\(wrong)")
    }
}
