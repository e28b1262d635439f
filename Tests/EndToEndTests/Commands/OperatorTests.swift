import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What a person at the gateway wishes, and takes back (D1, D17).
@Suite("By hand") struct OperatorTests {
    private func file(
        _ package: TestPackage, on gateway: GatewayFixture, as name: String? = nil, cutTo count: Int? = nil
    ) throws -> String {
        let path = "\(gateway.root)/\(name ?? package.fileName)"
        let bytes = try package.bytes(scratch: gateway.root + "/scratch")
        try Data(bytes.prefix(count ?? bytes.count)).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func failing(_ name: String, _ version: String) -> TestPackage {
        TestPackage(name, version, files: ["install.sh": .script("exit 7")])
    }

    /// Nobody wishes for anything, and nothing lies about.
    private func expectNothing(_ gateway: GatewayFixture, at location: SourceLocation = #_sourceLocation) throws {
        let (_, status) = try gateway.status()
        #expect(status["apps"]?.elements?.isEmpty == true, "\(status.text())", sourceLocation: location)
        #expect(gateway.names(gateway.stateFolder + "/releases").isEmpty, sourceLocation: location)
        #expect(gateway.names(gateway.stateFolder + "/downloads").isEmpty, sourceLocation: location)
        #expect(try gateway.gwe("reconcile").code == 0, sourceLocation: location)
    }

    @Test(
        "a package that is refused never becomes the wish", arguments: ["here", "daemon"],
        [
            "cut", "name", "version", "arch", "mode", "second",
        ])
    func refused(place: String, why: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let yaml = { (text: String) in TestPackage.oneOff("tool", "1", extra: ["app.yaml": .init(text)]) }
        let good = TestPackage.oneOff("tool", "1")
        var paths: [String] = []
        let reason: String
        switch why {
        case "cut":
            let whole = try good.bytes(scratch: gateway.root + "/scratch").count
            paths = [try file(good, on: gateway, cutTo: whole - 9)]
            reason = "archive"
        case "name": (paths, reason) = ([try file(yaml("name: other\n"), on: gateway)], "other")
        case "version": (paths, reason) = ([try file(yaml("version: \"2\"\n"), on: gateway)], "app.yaml")
        case "arch": (paths, reason) = ([try file(yaml("arch: riscv64\n"), on: gateway)], "riscv64")
        case "mode":
            let package = TestPackage("tool", "1", files: ["install.sh": .init("#!/bin/sh\n")])
            (paths, reason) = ([try file(package, on: gateway)], "the x bit is missing")
        default:
            // The first is good, and is not taken either.
            let bad = TestPackage("bad", "1", files: ["supervisor.conf": .init("[supervisord]\n[program:x]\n")])
            (paths, reason) = ([try file(good, on: gateway), try file(bad, on: gateway)], "supervisor.conf")
        }
        let install = {
            let ran = try gateway.start(["install"] + paths).wait()
            #expect(ran.code == 65, "\(ran)")
            #expect(ran.err.contains(reason) && ran.err.contains(paths.last ?? "?"), "\(ran)")
        }
        if place == "here" { try install() } else { try gateway.withDaemon { _ in try install() } }
        try expectNothing(gateway)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == nil)
    }

    @Test("a package whose installer fails is taken back with everything that it left")
    func failed() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let ran = try gateway.gwe("-I", file(failing("tool", "1"), on: gateway))
        #expect(ran.code == 1, "\(ran)")
        #expect(gateway.names(gateway.stateFolder + "/releases").isEmpty, "no empty folder of a failed package")
        #expect(try gateway.gwe("status").code == 1)
        // A check that was killed leaves this.
        try gateway.write("x", to: gateway.stateFolder + "/releases/.trash-gwe-check-abcdef/release/x")
        let removal = try gateway.gwe("remove", "tool")
        #expect(removal.code == 0, "\(removal)")
        try expectNothing(gateway)
        let again = try gateway.gwe("remove", "tool")
        #expect(again.code == 4 && again.err.contains("no such app: tool"), "\(again)")
    }

    @Test("an app that only the operator named is removed; its data goes with --purge", arguments: ["here", "daemon"])
    func removed(place: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try file(.quickService("web", "1"), on: gateway)
        let data = gateway.stateFolder + "/data/web"
        let story = {
            #expect(try gateway.gwe("install", path).code == 0)
            let process = place == "daemon" ? try gateway.pid(of: "web") : nil
            try gateway.write("mine", to: data + "/file")
            let held = try gateway.gwe("hold", "web")
            #expect(held.code == 0)
            let refusal = try gateway.gwe("remove", "web")
            #expect(refusal.code == 22 && refusal.err.contains("gwe unhold web"), "\(refusal)")
            #expect(try gateway.gwe("unhold", "web").code == 0)
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(gateway.current("web") != nil, "unhold alone removes nothing")
            let first = try gateway.gwe("remove", "web")
            #expect(first.code == 0 && first.out.contains("data/web is kept"), "\(first)")
            #expect(gateway.read(data + "/file") == "mine")
            #expect(gateway.names(gateway.stateFolder + "/releases").isEmpty)
            if place == "daemon" {
                let pid = try #require(process)
                #expect(kill(pid, 0) != 0, "its process is gone")
            }
            // The data alone is there now.
            #expect(try gateway.gwe("remove", "web").code == 4)
            let second = try gateway.gwe("remove", "web", "--purge")
            #expect(second.code == 0, "\(second)")
            #expect(!FileTree.exists(data))
        }
        if place == "here" { try story() } else { try gateway.withDaemon { _ in try story() } }
        try expectNothing(gateway)
    }

    @Test("an app that a layer names is not removed by hand; unhold goes back to that layer's version")
    func named() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let one = try file(.oneOff("tool", "1"), on: gateway)
        try gateway.manifest(
            "schema: gwe/v1\napps:\n  tool: {version: \"1\", artifact: {path: \(one)}}\n"
                + "policy: {allow_downgrade: true}\n")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("-I", file(.oneOff("tool", "2"), on: gateway)).code == 0)
        let removal = try gateway.gwe("remove", "tool", "--purge")
        #expect(removal.code == 1 && removal.err.contains("tool is named by manifest.yaml:3"), "\(removal)")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.row("tool")["installed"]?.string == "2")
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "1\n2\n")
        #expect(try gateway.gwe("unhold", "tool").code == 0)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.row("tool")["installed"]?.string == "1")
        // A manifest that is gone is no manifest that does not name it.
        try #require(unlink(gateway.configFolder + "/manifest.yaml") == 0)
        #expect(try gateway.gwe("remove", "tool").code == 1)
        #expect(gateway.current("tool") != nil)
    }

    @Test("an installer that ends gwe does so three times, and then waits as failed")
    func endsTheAgent() throws {
        let gateway = try GatewayFixture()
        let fatal = TestPackage(
            "tool", "1", files: ["install.sh": .script("echo ran >>\"$GWE_DATA_DIR/runs\"\nkill -9 $PPID; sleep 1")])
        try gateway.upload(fatal)
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        for _ in 1...3 { #expect(try gateway.gwe("reconcile").signal == SIGKILL) }
        for _ in 1...2 {
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 1, "\(pass)")
        }
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "ran\nran\nran\n")
        let row = try gateway.row("tool")
        #expect(row["sync"]?.string == "quarantined")
        let reason = row["reason"]?.string ?? ""
        #expect(reason.hasPrefix("quarantined: failed 3 times, next attempt in 8 h: gwe was ended"), "\(reason)")
        let text = try #require(try gateway.resource("fetch_status"))
        let state = try JSON.parse(text, source: "fetch_status").json["tool.v1.tar.gz"]
        #expect(state?["state"]?.string == "install_error", "\(text)")
        #expect(state?["info"]?.string == "gwe was ended while the installer of 1 ran", "\(text)")
        #expect(gateway.names(gateway.stateFolder + "/releases").isEmpty)
    }

    @Test(
        "a command that is none is told with the nearest one",
        arguments: [
            (["stauts"], "unknown command stauts; did you mean status?"),
            (["--state-dir", "/nowhere", "stauts"], "unknown command stauts; did you mean status?"),
            (["config", "sett", "x"], "unknown command config sett; did you mean set?"),
            (["help", "reconcil"], "unknown command reconcil; did you mean reconcile?"),
            (["frobnicate"], "unknown command frobnicate; see 'gwe --help'"),
        ])
    func unknown(words: [String], message: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let ran = try gateway.start(words).wait()
        #expect(ran.code == 64 && ran.err == "gwe: \(message)\n", "\(ran)")
    }

    @Test("the help says what bare gwe does, and names every command that a note names")
    func help() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let help = try gateway.gwe("--help")
        #expect(help.out.contains("Without a command, gwe runs the daemon, as 'gwe run' does."), "\(help)")
        #expect(help.out.contains("\n  install ") && help.out.contains("\n  remove "), "\(help)")
        let note = try gateway.gwe("-I", "/nowhere.v1.tar.gz")
        #expect(note.err.contains("-I is now 'gwe install /nowhere.v1.tar.gz'"), "\(note)")
    }
}
