import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// What looking shows, and that looking changes nothing.
@Suite("Looking") struct StatusTests {
    /// Every path below a folder with its kind, mode, size, times and content.
    private func everything(below folder: String) throws -> [String: String] {
        var found: [String: String] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder) + ["."] {
            var facts = Glibc.stat()
            try #require(lstat(folder + "/" + path, &facts) == 0)
            let isFile = facts.st_mode & S_IFMT == S_IFREG
            let content =
                isFile ? FileManager.default.contents(atPath: folder + "/" + path).map { SHA256.hex(of: $0) } : ""
            found[path] =
                "\(facts.st_mode) \(facts.st_size) \(facts.st_mtim.tv_sec).\(facts.st_mtim.tv_nsec) "
                + "\(facts.st_ctim.tv_sec).\(facts.st_ctim.tv_nsec) \(facts.st_ino) \(content ?? "unreadable")"
        }
        return found
    }

    @Test(
        "a dry run changes nothing: not the state folder, not the cloud's resources; nor do status, history and validate"
    )
    func purity() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.upload(.oneOff("tool", "2"))
        try gateway.upload(.quickService("web", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"},{"name":"web.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        try #require(unlink(gateway.currentFolder(of: "web") + "/share/version.txt") == 0)
        try gateway.command(#"{"install":[{"name":"tool.v2.tar.gz"}]}"#)
        try gateway.sandbox.write(gateway.id, "update_interval", "60")
        try gateway.sandbox.write(
            gateway.id, "config_otau", #"{"version":"7","name":"far","type":"FILE","payload":"far.v1.tar.gz"}"#)
        try gateway.manifest("schema: gwe/v1\napps: {web: {hold: false}}\n")

        let files = try everything(below: gateway.stateFolder)
        let resources = try gateway.sandbox.resources(of: gateway.id)
        let plan = try gateway.dryRun()
        #expect(plan.code == 2, "\(plan)")
        #expect(plan.out.contains("~ tool 1 -> 2") && plan.out.contains("! web 1"), "\(plan)")
        for arguments in [
            ["reconcile", "--dry-run", "--json"], ["reconcile", "--dry-run", "--offline", "--deep"], ["status"],
            ["status", "--deep", "--json"], ["status", "web"], ["history"], ["history", "1"], ["config", "show"],
            ["validate", gateway.configFolder + "/manifest.yaml"], ["exit-codes"],
        ] {
            let ran = try gateway.start(arguments).wait()
            #expect(ran.code != nil && ran.code != 70, "\(ran)")
        }
        #expect(try everything(below: gateway.stateFolder) == files)
        #expect(try gateway.sandbox.resources(of: gateway.id) == resources)
    }

    @Test("on a gateway that has never run, a dry run makes no folder and does not activate")
    func firstLook() throws {
        let gateway = try GatewayFixture()
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n")
        let plan = try gateway.dryRun()
        #expect(plan.code == 2, "\(plan)")
        #expect(plan.out.contains("+ tool 1  install: not installed  [manifest.yaml:2]"), "\(plan)")
        #expect(try gateway.gwe("status").code == 1)
        #expect(!FileTree.exists(gateway.stateFolder))
        #expect(try gateway.sandbox.token(of: gateway.id) == nil)
        #expect(try gateway.sandbox.resources(of: gateway.id).isEmpty)
    }

    @Test("a dry run beside a daemon knows what runs, and asks the daemon for nothing else")
    func besideDaemon() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.quickService("web", "1"))
        try gateway.upload(.quickService("web", "2"))
        try gateway.manifest("schema: gwe/v1\napps: {web: {version: \"1\"}}\n")
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            try gateway.command(#"{"install":[{"name":"web.v2.tar.gz"}]}"#)
            let plan = try gateway.dryRun("--json")
            #expect(plan.code == 2, "\(plan)")
            let app = plan.jsonLines.first?["apps"]?.elements?.first
            #expect(app?["interrupts"]?.bool == true, "\(plan)")
            #expect(app?["steps"]?.elements?.compactMap { $0.string }.contains("stop") == true, "\(plan)")
            #expect((app?["download_bytes"]?.int ?? 0) > 0, "\(plan)")
            #expect(try gateway.row("web")["installed"]?.string == "1")
            #expect(try gateway.resource("engine_fetch")?.isEmpty == false)
        }
    }

    @Test("a plan says for each app what, why, from where, how many bytes and whether it is interrupted")
    func plan() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.manifest("schema: gwe/v1\napps:\n  tool:\n    version: \"1\"\n")
        #expect(try gateway.gwe("activate").code == 0)
        let lines = try gateway.dryRun().out.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.count == 5, "\(lines)")
        #expect(lines[0] == "+ tool 1  install: not installed  [manifest.yaml:4]")
        #expect(lines[1].hasPrefix("    download → verify → unpack → install → activate → configure → start → prune; "))
        #expect(
            lines[1].contains(" to download; about ") && lines[1].hasSuffix(" of disk; no interruption"), "\(lines[1])")
        #expect(lines[3] == "Plan: 1 to install, 0 to upgrade, 0 to remove, 0 to repair.")
        let ascii = try gateway.start(["reconcile", "--dry-run"], environment: ["LC_ALL": "C"]).wait()
        #expect(ascii.out.utf8.allSatisfy { $0 < 0x80 }, "\(ascii)")
        #expect(!ascii.out.contains("\u{1B}"))
    }

    @Test("history tells each pass that changed something, and its steps")
    func history() throws {
        let gateway = try GatewayFixture()
        #expect(try gateway.gwe("history").code == 0)
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("reconcile").code == 0)
        let passes = try #require(try gateway.gwe("history", "--json").json?.elements)
        #expect(passes.count == 1, "an idle pass is no history")
        #expect(passes.first?["outcome"]?.string == "converged")
        let one = try #require(try gateway.gwe("history", "1", "--json").json)
        let steps = (one["steps"]?.elements ?? []).compactMap { $0["step"]?.string }
        #expect(steps.starts(with: ["download", "verify", "unpack", "install", "activate"]), "\(steps)")
        #expect(try gateway.gwe("history", "99").code == 1)
    }
}
