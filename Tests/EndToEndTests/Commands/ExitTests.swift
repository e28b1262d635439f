import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// The table of docs/commands.md#exit-codes: each exit status, reached for real.
@Suite("Exit statuses") struct ExitTests {
    /// A one-off that is installed from a file beside the gateway.
    private func local(_ package: TestPackage, on gateway: GatewayFixture) throws -> String {
        let path = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func manifest(_ apps: String..., policy: String = "") -> String {
        "schema: gwe/v1\napps:\n" + apps.map { "  \($0)\n" }.joined() + policy
    }

    private func failing(_ name: String, _ version: String) -> TestPackage {
        .oneOff(name, version, extra: ["install.sh": .script("echo it went wrong; exit 7")])
    }

    @Test("0 converged and in sync; 2 changes are pending")
    func converged() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try local(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(manifest("tool: {version: \"1\", artifact: {path: \(path)}}"))
        #expect(try gateway.dryRun().code == 2)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("reconcile").code == 0)
        let plan = try gateway.dryRun()
        #expect(plan.code == 0)
        #expect(plan.out == "In sync: 1 app matches the desired state.\n")
        #expect(try gateway.gwe("status").code == 0)
    }

    @Test("4 an app that nobody knows is asked for by name")
    func unknownApp() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.manifest(manifest("tool: {version: \"1\", artifact: {path: /tool.v1.tar.gz}, state: absent}"))
        #expect(try gateway.gwe("reconcile").code == 0)
        let plan = try gateway.dryRun("--app", "tol")
        #expect(plan.code == 4, "\(plan)")
        #expect(plan.err.contains("no such app: tol"), "\(plan)")
        let pass = try gateway.gwe("reconcile", "--app", "tol")
        #expect(pass.code == 4, "\(pass)")
        #expect(pass.out.contains("no such app: tol"), "\(pass)")
        #expect(try gateway.gwe("reconcile", "--app", "tool").code == 0)
    }

    @Test("1 a first install failed: nothing of it is in force")
    func failed() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try local(failing("tool", "1"), on: gateway)
        try gateway.manifest(manifest("tool: {version: \"1\", artifact: {path: \(path)}}"))
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 1, "\(pass)")
        #expect(pass.err.contains("install.sh ended with exit code 7"), "\(pass)")
        #expect(gateway.current("tool") == nil)
        #expect(gateway.names("\(gateway.stateFolder)/releases/tool").isEmpty, "what failed is taken away")
        #expect(try gateway.gwe("status").code == 1)
    }

    @Test("20 an upgrade failed: what was there before is in force")
    func rolledBack() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let good = try local(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(manifest("tool: {version: \"1\", artifact: {path: \(good)}}"))
        #expect(try gateway.gwe("reconcile").code == 0)
        let before = gateway.current("tool")
        let bad = try local(failing("tool", "2"), on: gateway)
        try gateway.manifest(manifest("tool: {version: \"2\", artifact: {path: \(bad)}}"))
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 20, "\(pass)")
        #expect(gateway.current("tool") == before)
        #expect(try gateway.row("tool")["installed"]?.string == "1")
        #expect(try gateway.row("tool")["last_error"]?.string?.contains("exit code 7") == true)
        #expect(try gateway.gwe("status").code == 1)
    }

    @Test("22 what would interrupt a running app waits for the window")
    func deferred() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let now = Int(time(nil)) / 60 % 1_440
        let text = { (minute: Int) in String(format: "%02d:%02d", minute / 60 % 24, minute % 60) }
        let window = "policy: {window: \"\(text(now + 700))-\(text(now + 760))\"}\n"
        let one = try local(.quickService("web", "1"), on: gateway)
        let two = try local(.quickService("web", "2"), on: gateway)
        try gateway.manifest(manifest("web: {version: \"1\", artifact: {path: \(one)}}", policy: window))
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0, "an install interrupts nobody")
            let pid = try gateway.pid(of: "web")
            try gateway.manifest(manifest("web: {version: \"2\", artifact: {path: \(two)}}", policy: window))
            let plan = try gateway.dryRun()
            #expect(plan.code == 2, "\(plan)")
            #expect(plan.out.contains("waits: outside of the window"), "\(plan)")
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 22, "\(pass)")
            #expect(!pass.out.contains("converged"), "\(pass)")
            #expect(try gateway.pid(of: "web") == pid)
            #expect(try gateway.row("web")["installed"]?.string == "1")
            // In the window the same work is done; the release is unpacked already.
            try gateway.manifest(manifest("web: {version: \"2\", artifact: {path: \(two)}}"))
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.row("web")["installed"]?.string == "2")
        }
    }

    @Test("60 not enough space: said before anything is touched")
    func noSpace() throws {
        let gateway = try GatewayFixture()
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.command(#"{"install":[{"name":"big.v1.tar.gz","size":900719925474099}]}"#)
        let plan = try gateway.dryRun()
        #expect(plan.code == 60, "\(plan)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 60, "\(pass)")
        #expect(pass.out.contains("not enough space"), "\(pass)")
        #expect(gateway.names(gateway.stateFolder + "/releases").isEmpty)
        #expect(gateway.names(gateway.stateFolder + "/downloads").isEmpty)
    }

    @Test(
        "64 the command line is wrong",
        arguments: [
            ["reconcile", "--nonsense"], ["reconcile", "--until", "never"], ["reconcile", "--app", "no/app"],
            ["status", "a", "b"], ["status", "no/app"], ["frobnicate"],
        ])
    func usage(arguments: [String]) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let ran = try gateway.start(arguments).wait()
        #expect(ran.code == 64, "\(ran)")
        #expect(ran.out.isEmpty)
        #expect(!ran.err.isEmpty)
    }

    @Test("65 a bad manifest: the last good one stays in force")
    func badInput() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try local(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(manifest("tool: {version: \"1\", artifact: {path: \(path)}}"))
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.manifest(manifest("tool: {verson: \"2\", artifact: {path: \(path)}}"))
        let plan = try gateway.dryRun()
        #expect(plan.code == 65, "\(plan)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 65, "\(pass)")
        #expect(pass.err.contains("manifest.yaml:3:10"), "\(pass)")
        #expect(pass.err.contains("did you mean version?") || pass.err.contains("\"version\""), "\(pass)")
        #expect(try gateway.row("tool")["sync"]?.string == "synced")
        // The same one is told once.
        let again = try gateway.gwe("reconcile")
        #expect(again.code == 65)
        #expect(again.err.isEmpty, "\(again)")
        let (code, status) = try gateway.status()
        #expect(code == 1)
        #expect(status["problems"]?.elements?.count == 1, "\(status.text())")
    }

    @Test("66 a manifest that was there is gone: an error, and no empty wish")
    func noInput() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try local(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(manifest("tool: {version: \"1\", artifact: {path: \(path)}}"))
        #expect(try gateway.gwe("reconcile").code == 0)
        try #require(unlink(gateway.configFolder + "/manifest.yaml") == 0)
        let plan = try gateway.dryRun()
        #expect(plan.code == 66, "\(plan)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 66, "\(pass)")
        #expect(pass.err.contains("was there and is gone"), "\(pass)")
        #expect(gateway.current("tool") != nil)
        let nowhere = try gateway.gwe("reconcile", "--manifest", "/nowhere.yaml")
        #expect(nowhere.code == 66, "\(nowhere)")
        #expect(nowhere.err.contains("cannot read /nowhere.yaml: there is no such file;"), "\(nowhere)")
        #expect(!nowhere.err.contains("was there and is gone"), "\(nowhere)")
    }

    @Test("69 what must be downloaded is not here, or nobody knows what is wanted")
    func unavailable() throws {
        let gateway = try GatewayFixture()
        let unknown = try gateway.gwe("reconcile", "--offline")
        #expect(unknown.code == 69, "\(unknown)")
        #expect(unknown.out.contains("no desired state is known"), "\(unknown)")
        #expect(try gateway.dryRun("--offline").code == 69)
        try gateway.manifest(manifest("tool: {version: \"1\"}"))
        let missing = try gateway.gwe("reconcile", "--offline")
        #expect(missing.code == 69, "\(missing)")
        #expect(missing.err.contains("tool.v1.tar.gz"), "\(missing)")
    }

    @Test("73 the state folder cannot be made")
    func cannotCreate() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.write("a file", to: gateway.root + "/file")
        let pass = try gateway.gwe("reconcile", environment: ["GWE_STATE_DIR": gateway.root + "/file/state"])
        #expect(pass.code == 73, "\(pass)")
    }

    @Test("74 the journal is one of a newer gwe: nothing is touched")
    func inputOutputError() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try local(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(manifest("tool: {version: \"1\", artifact: {path: \(path)}}"))
        #expect(try gateway.gwe("reconcile").code == 0)
        try Database(path: gateway.stateFolder + "/journal.db").setUserVersion(999)
        try #require(unlink(gateway.currentFolder(of: "tool") + "/share/version.txt") == 0)
        #expect(try gateway.gwe("status").code == 74)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 74, "\(pass)")
        #expect((pass.out + pass.err).contains("written by a newer gwe"), "\(pass)")
        #expect(gateway.read(gateway.currentFolder(of: "tool") + "/share/version.txt") == nil)
    }

    @Test("a journal that cannot be read: status says so with 1, and a pass rebuilds it")
    func brokenJournal() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try local(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(manifest("tool: {version: \"1\", artifact: {path: \(path)}}"))
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.write(String(repeating: "no database ", count: 1_000), to: gateway.stateFolder + "/journal.db")
        let (code, status) = try gateway.status()
        #expect(code == 1)
        #expect(status["problems"]?.elements?.first?.string?.contains("journal.db") == true, "\(status.text())")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(pass.err.contains("rebuilt from the release folders"), "\(pass)")
        #expect(try gateway.gwe("status").code == 0)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "1\n")
    }

    @Test("75 another gwe is at work, and it is named")
    func tryLater() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        #expect(try gateway.gwe("reconcile").code == 0)
        let lock = try FileLock.acquire(gateway.stateFolder + "/lock", purpose: "a test")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 75, "\(pass)")
        #expect((pass.out + pass.err).contains("a test"), "\(pass)")
        #expect((pass.out + pass.err).contains("\(getpid())"), "\(pass)")
        // Looking needs no lock.
        #expect(try gateway.dryRun().code == 0)
        #expect(try gateway.gwe("status").code == 0)
        _ = consume lock
        #expect(try gateway.gwe("reconcile").code == 0)
    }

    @Test("77 not permitted")
    func notPermitted() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        #expect(try gateway.gwe("reconcile").code == 0)
        guard getuid() == 0 else { return }
        // Somebody else, with a program that they may read.
        let program = gateway.root + "/gwe"
        try FileManager.default.copyItem(atPath: Repository.products + "/gwe", toPath: program)
        try #require(chmod(gateway.root, 0o755) == 0 && chmod(gateway.stateFolder, 0o755) == 0)
        let somebody = ["--reuid=65534", "--regid=65534", "--clear-groups", program, "reconcile"]
        let environment = ["GWE_CONFIG_DIR": gateway.configFolder, "GWE_STATE_DIR": gateway.stateFolder]
        let scratch = gateway.root + "/scratch"
        var code: Int32?
        // A child that another test starts may have the copy open for writing for a moment: ETXTBSY, told as 126.
        try gateway.eventually("the program runs") {
            code = try TestProcess("/usr/bin/setpriv", somebody, environment: environment, scratch: scratch).wait()
                .code
            return code != 126
        }
        #expect(code == 77)
        try #require(chmod(gateway.stateFolder, 0o700) == 0)
        let closed = try TestProcess("/usr/bin/setpriv", somebody, environment: environment, scratch: scratch).wait()
        #expect(closed.code == 77, "\(closed)")
    }

    @Test("78 gateway.yaml is wrong", arguments: [["reconcile"], ["reconcile", "--dry-run"], ["report"], ["run"]])
    func badConfiguration(arguments: [String]) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.write("schema: gwe/v1\nlog_level: loud\n", to: gateway.configFolder + "/gateway.yaml")
        let ran = try gateway.start(arguments).wait()
        #expect(ran.code == 78, "\(ran)")
        #expect(ran.err.contains("gateway.yaml:2"), "\(ran)")
    }

    @Test("dry run: 1 a plan cannot be made of a circle, which is named")
    func cycle() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try local(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(
            manifest(
                "a: {version: \"1\", artifact: {path: \(path)}, requires: [b]}",
                "b: {version: \"1\", artifact: {path: \(path)}, requires: [a]}"))
        let plan = try gateway.dryRun()
        #expect(plan.code == 1, "\(plan)")
        #expect(plan.out.contains("requires cycle: a -> b -> a"), "\(plan)")
        #expect(try gateway.gwe("reconcile").code == 1)
        #expect(try gateway.gwe("status").code == 1)
    }

    @Test("status: 4 no such app, before 3 not running, before 1 drifted")
    func statusPrecedence() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let web = try local(.quickService("web", "1"), on: gateway)
        let tool = try local(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(
            manifest(
                "web: {version: \"1\", artifact: {path: \(web)}}", "tool: {version: \"1\", artifact: {path: \(tool)}}"))
        #expect(try gateway.gwe("status").code == 1)
        #expect(try gateway.gwe("reconcile").code == 0)
        let unsupervised = try gateway.gwe("status")
        #expect(unsupervised.code == 3, "\(unsupervised)")
        #expect(unsupervised.err.contains("nothing is supervised"), "\(unsupervised)")
        #expect(try gateway.gwe("status", "tool").code == 0)
        #expect(try gateway.gwe("status", "web").code == 3)
        #expect(try gateway.gwe("status", "nobody").code == 4)
        try #require(unlink(gateway.currentFolder(of: "tool") + "/share/version.txt") == 0)
        #expect(try gateway.gwe("status").code == 3)
        #expect(try gateway.gwe("status", "tool").code == 1)
        try gateway.withDaemon { (_) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.gwe("status").code == 0)
            #expect(try gateway.gwe("status", "nobody").code == 4)
        }
    }
}
