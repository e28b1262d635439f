import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// Local manifest, cloud and operator: who wins, what is kept, what is removed (D1, D2).
@Suite("The layers") struct LayersTests {
    private func gateway(_ packages: TestPackage...) throws -> GatewayFixture {
        let gateway = try GatewayFixture()
        for package in packages { try gateway.upload(package) }
        return gateway
    }

    private func pass(_ gateway: GatewayFixture, _ arguments: String..., code: Int32 = 0, at line: Int = #line) throws
        -> Ran
    {
        let ran = try gateway.start(["reconcile"] + arguments).wait()
        #expect(ran.code == code, "line \(line): \(ran)")
        return ran
    }

    private func installed(_ gateway: GatewayFixture) throws -> [String: String] {
        var versions: [String: String] = [:]
        for row in try gateway.status().document["apps"]?.elements ?? [] {
            if let name = row["app"]?.string, let version = row["installed"]?.string { versions[name] = version }
        }
        return versions
    }

    /// Writes a package beside the gateway.
    private func file(_ package: TestPackage, on gateway: GatewayFixture) throws -> String {
        let path = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        return path
    }

    // MARK: precedence

    @Test("the cloud wins over the manifest, unless the manifest's policy says local")
    func precedence() throws {
        let gateway = try gateway(.oneOff("tool", "1"), .oneOff("tool", "2"))
        try gateway.manifest("schema: gwe/v1\napps:\n  tool: {version: \"1\"}\n")
        _ = try pass(gateway)
        #expect(try gateway.row("tool")["source"]?.string == "manifest.yaml:3")
        try gateway.command(#"{"install":[{"name":"tool.v2.tar.gz"}]}"#)
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "2"])
        #expect(try gateway.row("tool")["source"]?.string == "cloud")
        try gateway.manifest(
            "schema: gwe/v1\napps:\n  tool: {version: \"1\"}\npolicy: {precedence: local, allow_downgrade: true}\n")
        let plan = try gateway.dryRun()
        #expect(plan.out.contains("< tool 2 -> 1") && plan.out.contains("[manifest.yaml:3]"), "\(plan)")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "1"])
    }

    @Test("what one layer leaves open the other says")
    func keyByKey() throws {
        let gateway = try gateway(.quickService("web", "1"))
        try gateway.manifest("schema: gwe/v1\napps:\n  web: {service: {environment: {LEVEL: debug}}}\n")
        try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
        _ = try pass(gateway)
        let configuration = try #require(gateway.read(gateway.stateFolder + "/services/web.json"))
        #expect(configuration.contains("\"LEVEL\": \"debug\""), "\(configuration)")
        // A change of the local half alone is a change of the configuration.
        try gateway.manifest("schema: gwe/v1\napps:\n  web: {service: {environment: {LEVEL: info}}}\n")
        #expect(try gateway.dryRun().code == 2)
        _ = try pass(gateway)
        #expect(gateway.read(gateway.stateFolder + "/services/web.json")?.contains("\"LEVEL\": \"info\"") == true)
    }

    @Test("the cloud may tighten the policy; what would loosen it is ignored, and plan and status say so")
    func policy() throws {
        let gateway = try gateway(.oneOff("tool", "1"), .oneOff("tool", "2"))
        try gateway.manifest("schema: gwe/v1\npolicy: {keep_versions: 3, allow_downgrade: false}\n")
        try gateway.command(#"{"schema":"gwe/v1","apps":{"tool":{"version":"2"}}}"#)
        _ = try pass(gateway)
        try gateway.command(
            #"{"schema":"gwe/v1","apps":{"tool":{"version":"1"}},"policy":{"allow_downgrade":true,"keep_versions":1}}"#)
        let plan = try gateway.dryRun()
        #expect(plan.out.contains("note: the cloud's policy.allow_downgrade would loosen the local policy"), "\(plan)")
        #expect(plan.out.contains("note: the cloud's policy.keep_versions would loosen"), "\(plan)")
        #expect(plan.out.contains("downgrade from 2 to 1 refused"), "\(plan)")
        let refused = try pass(gateway, code: 1)
        #expect(refused.out.contains("blocked: tool"), "\(refused)")
        #expect(try installed(gateway) == ["tool": "2"])
        let status = try gateway.gwe("status")
        #expect(status.code == 1)
        #expect(status.out.contains("note: the cloud's policy.allow_downgrade"), "\(status)")
        #expect(try gateway.row("tool")["sync"]?.string == "blocked")
    }

    // MARK: hold

    @Test(
        "a held app is reported and not touched, whoever holds it; then there is nothing to do",
        arguments: [true, false])
    func hold(byOperator: Bool) throws {
        let gateway = try gateway(.oneOff("tool", "1"), .oneOff("tool", "2"))
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n")
        _ = try pass(gateway)
        if byOperator { #expect(try gateway.gwe("hold", "tool").code == 0) }
        let hold = byOperator ? "" : ", hold: true"
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"2\"\(hold)}}\n")
        let plan = try gateway.dryRun()
        #expect(plan.code == 0, "\(plan)")
        #expect(plan.out.contains("= tool 1 -> 2  held: would upgrade"), "\(plan)")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "1"])
        try #require(unlink(gateway.currentFolder(of: "tool") + "/share/version.txt") == 0)
        let row = try gateway.row("tool")
        #expect(row["sync"]?.string == "held")
        #expect(row["drift"]?.elements?.first?["kind"]?.string == "missing", "\(row.text())")
        _ = try pass(gateway)
        #expect(gateway.read(gateway.currentFolder(of: "tool") + "/share/version.txt") == nil)
        #expect(try gateway.gwe("unhold", "tool").code == 0)
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"2\"}}\n")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "2"])
    }

    @Test("a held app is not removed either")
    func heldRemoval() throws {
        let gateway = try gateway(.oneOff("tool", "1"))
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n")
        _ = try pass(gateway)
        #expect(try gateway.gwe("hold", "tool").code == 0)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        _ = try pass(gateway)
        #expect(gateway.current("tool") != nil)
        #expect(try gateway.gwe("unhold", "tool").code == 0)
        _ = try pass(gateway)
        #expect(gateway.current("tool") == nil)
    }

    // MARK: removal

    @Test(
        "a manifest that names no apps removes nothing",
        arguments: ["", "\n# nothing yet\n", "schema: gwe/v1\n", "\u{0}"])
    func emptyManifest(text: String) throws {
        let gateway = try gateway(.oneOff("tool", "1"))
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n")
        _ = try pass(gateway)
        try gateway.manifest(text)
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0 || ran.code == 65, "\(ran)")
        #expect(gateway.current("tool") != nil)
        #expect(try installed(gateway) == ["tool": "1"])
    }

    @Test("a manifest that cannot be read removes nothing")
    func unreadableManifest() throws {
        let gateway = try gateway(.oneOff("tool", "1"))
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n")
        _ = try pass(gateway)
        try #require(unlink(gateway.configFolder + "/manifest.yaml") == 0)
        try #require(mkdir(gateway.configFolder + "/manifest.yaml", 0o755) == 0)
        _ = try pass(gateway, code: 65)
        #expect(gateway.current("tool") != nil)
    }

    @Test("apps: {} removes all that a layer named once, and only what the journal installed")
    func removeAll() throws {
        let gateway = try gateway(.oneOff("tool", "1"), .quickService("web", "1"), .oneOff("far", "1"))
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}, web: {version: \"1\"}}\n")
        try gateway.command(#"{"install":[{"name":"far.v1.tar.gz"}]}"#)
        _ = try pass(gateway)
        let foreign = gateway.stateFolder + "/releases/foreign/1-00000000/file"
        try gateway.write("not ours", to: foreign)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        let plan = try gateway.dryRun()
        #expect(plan.out.contains("- tool 1  remove: no layer names it any more"), "\(plan)")
        #expect(plan.out.contains("Plan: 0 to install, 0 to upgrade, 2 to remove, 0 to repair."), "\(plan)")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["far": "1"])
        #expect(gateway.names(gateway.stateFolder + "/releases") == ["far", "foreign"])
        #expect(gateway.read(foreign) == "not ours")
        #expect(!FileTree.exists(gateway.stateFolder + "/services/web.json"))
        #expect(gateway.names(gateway.stateFolder + "/downloads").allSatisfy { $0.hasPrefix("far.") })
        // Its data is the app's own and stays.
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "1\n")
    }

    @Test("an app that two layers named stays until neither does")
    func twoLayers() throws {
        let gateway = try gateway(.oneOff("tool", "1"))
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n")
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        _ = try pass(gateway)
        try gateway.command(#"{"remove":["tool"]}"#)
        _ = try pass(gateway)
        #expect(gateway.current("tool") != nil)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        _ = try pass(gateway)
        #expect(gateway.current("tool") == nil)
    }

    @Test("state: absent removes an app, and running brings it back")
    func absent() throws {
        let gateway = try gateway(.oneOff("tool", "1"))
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n")
        _ = try pass(gateway)
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\", state: absent}}\n")
        _ = try pass(gateway)
        #expect(gateway.current("tool") == nil)
        #expect(try gateway.status().code == 0)
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n")
        _ = try pass(gateway)
        #expect(gateway.current("tool") != nil)
    }

    @Test("after the journal is lost, what is installed counts as desired until a layer names apps again")
    func lostJournal() throws {
        let gateway = try gateway(.oneOff("tool", "1"), .oneOff("far", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"},{"name":"far.v1.tar.gz"}]}"#)
        _ = try pass(gateway)
        try #require(unlink(gateway.stateFolder + "/journal.db") == 0)
        let rebuilt = try pass(gateway)
        #expect(rebuilt.err.contains("rebuilt from the release folders"), "\(rebuilt)")
        #expect(try installed(gateway) == ["tool": "1", "far": "1"])
        _ = try pass(gateway)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "1\n")
        try gateway.command(#"{"schema":"gwe/v1","apps":{"tool":{"version":"1"}}}"#)
        _ = try pass(gateway)
        #expect(try installed(gateway)["tool"] == "1")
    }

    // MARK: versions

    @Test("an older version is refused, unless the policy allows it")
    func downgrade() throws {
        let gateway = try gateway(.oneOff("tool", "1.9"), .oneOff("tool", "1.10"))
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1.10\"}}\n")
        _ = try pass(gateway)
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1.9\"}}\n")
        let plan = try gateway.dryRun()
        #expect(plan.code == 1, "\(plan)")
        #expect(plan.out.contains("? tool 1.10 -> 1.9  blocked: downgrade from 1.10 to 1.9 refused"), "\(plan)")
        _ = try pass(gateway, code: 1)
        #expect(try installed(gateway) == ["tool": "1.10"])
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1.9\"}}\npolicy: {allow_downgrade: true}\n")
        #expect(try gateway.dryRun().out.contains("< tool 1.10 -> 1.9  downgrade"))
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "1.9"])
    }

    @Test("as many releases are kept as the policy says, with their packages", arguments: [1, 2, 3])
    func pruning(kept: Int) throws {
        let gateway = try gateway()
        for version in 1...4 {
            try gateway.upload(.oneOff("tool", "\(version)"))
            try gateway.manifest(
                "schema: gwe/v1\napps: {tool: {version: \"\(version)\"}}\npolicy: {keep_versions: \(kept)}\n")
            _ = try pass(gateway)
        }
        let folders = gateway.names(gateway.stateFolder + "/releases/tool").filter {
            !$0.hasSuffix(".inventory") && $0 != "current"
        }
        let versions = folders.compactMap { $0.split(separator: "-").first }.sorted()
        #expect(versions == ["1", "2", "3", "4"].suffix(kept).map { Substring($0) })
        let packages = gateway.names(gateway.stateFolder + "/downloads").filter { $0.hasSuffix(".tar.gz") }
        #expect(packages.count == kept, "\(packages)")
    }

    @Test("an app whose requirement is no part of the wish is blocked with its name, the others go on")
    func missingRequirement() throws {
        let gateway = try gateway(.oneOff("tool", "1"), .oneOff("other", "1"))
        try gateway.manifest(
            "schema: gwe/v1\napps: {tool: {version: \"1\", requires: [gmq-2]}, other: {version: \"1\"}}\n")
        let ran = try pass(gateway, code: 1)
        #expect(ran.out.contains("requires gmq-2, which is not part of the desired state"), "\(ran)")
        #expect(try installed(gateway) == ["other": "1"])
    }

    // MARK: by hand

    @Test("-I installs by hand, holds until a layer wants something newer, and does not come back")
    func byHand() throws {
        let gateway = try gateway(.oneOff("tool", "1"), .oneOff("tool", "3"))
        let policy = "policy: {allow_downgrade: true}\n"
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n\(policy)")
        _ = try pass(gateway)
        let path = try file(.oneOff("tool", "2"), on: gateway)
        let install = try gateway.gwe("-I", path)
        #expect(install.code == 0, "\(install)")
        #expect(try installed(gateway) == ["tool": "2"])
        #expect(try gateway.row("tool")["source"]?.string == "operator")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "2"])
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"3\"}}\n\(policy)")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "3"])
        // What the operator wanted beside version 1 is over, although version 1 is wanted again.
        try gateway.manifest("schema: gwe/v1\napps: {tool: {version: \"1\"}}\n\(policy)")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "1"])
    }

    @Test("-I installs an app that no layer names, and a one-off as often as it is asked for")
    func byHandAlone() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try file(.oneOff("tool", "2"), on: gateway)
        #expect(try gateway.gwe("-I", path).code == 0)
        #expect(try gateway.gwe("-I", path).code == 0)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "2\n2\n")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "2"])
        let nothing = try gateway.gwe("-I", gateway.root + "/nothing.v1.tar.gz")
        #expect(nothing.code == 66, "\(nothing)")
        try gateway.write("no package", to: gateway.root + "/nameless.tar.gz")
        let nameless = try gateway.gwe("-I", gateway.root + "/nameless.tar.gz")
        #expect(nameless.code == 65, "\(nameless)")
    }

    @Test("-I refuses an empty file, and what was installed by hand stays")
    func byHandEmpty() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        #expect(try gateway.gwe("-I", file(.oneOff("tool", "2"), on: gateway)).code == 0)
        try gateway.write("", to: gateway.root + "/empty.v1.tar.gz")
        let empty = try gateway.gwe("-I", gateway.root + "/empty.v1.tar.gz")
        #expect(empty.code == 65, "\(empty)")
        #expect(empty.err.contains("the file is empty"), "\(empty)")
        _ = try pass(gateway)
        #expect(try installed(gateway) == ["tool": "2"])
    }

    @Test("-I through a daemon starts the app")
    func byHandWithDaemon() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try file(.quickService("web", "2"), on: gateway)
        try gateway.withDaemon { (daemon) throws in
            let ran = try gateway.gwe("-I", path)
            #expect(ran.code == 0, "\(ran)")
            #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        }
    }

    // MARK: together

    @Test(
        "atomic: all keeps every app as it was when one of them fails", arguments: ["install", "download", "blocked"])
    func atomic(cause: String) throws {
        let gateway = try gateway(.oneOff("aaa", "1"), .oneOff("aaa", "2"), .oneOff("bbb", "1"))
        try gateway.upload(.oneOff("bbb", "2", extra: ["install.sh": .script("exit 1")]))
        let policy = "policy: {atomic: all}\n"
        try gateway.manifest("schema: gwe/v1\napps: {aaa: {version: \"1\"}, bbb: {version: \"1\"}}\n\(policy)")
        let first = try pass(gateway)
        #expect(first.out.components(separatedBy: "aaa: install").count == 2, "told once: \(first)")
        let (version, code): (String, Int32) =
            switch cause {
            case "install": ("2", 20)
            // No such content: nothing against the release, and asked for again at the next pass.
            case "download": ("7", 69)
            default: ("0", 1)
            }
        try gateway.manifest("schema: gwe/v1\napps: {aaa: {version: \"2\"}, bbb: {version: \"\(version)\"}}\n\(policy)")
        let ran = try pass(gateway, code: code)
        #expect(ran.out.contains("policy.atomic is all"), "\(ran)")
        #expect(try installed(gateway) == ["aaa": "1", "bbb": "1"])
        // Apart, the other one goes on.
        try gateway.manifest("schema: gwe/v1\napps: {aaa: {version: \"2\"}, bbb: {version: \"\(version)\"}}\n")
        _ = try gateway.gwe("reconcile")
        #expect(try installed(gateway) == ["aaa": "2", "bbb": "1"])
    }

    @Test("--app works on that app alone; --until stops there, and the next pass costs no byte again")
    func parts() throws {
        let gateway = try gateway(.oneOff("aaa", "1"), .oneOff("bbb", "1"))
        try gateway.manifest("schema: gwe/v1\napps: {aaa: {version: \"1\"}, bbb: {version: \"1\"}}\n")
        _ = try pass(gateway, "--app", "bbb")
        #expect(try installed(gateway) == ["bbb": "1"])
        _ = try pass(gateway, "--until", "download")
        #expect(gateway.names(gateway.stateFolder + "/downloads").contains { $0.hasPrefix("aaa.") })
        #expect(gateway.current("aaa") == nil)
        _ = try pass(gateway, "--until", "stage")
        #expect(gateway.names(gateway.stateFolder + "/releases/aaa").contains { $0.hasPrefix("1-") })
        #expect(gateway.read(gateway.stateFolder + "/data/aaa/runs") == nil)
        _ = try pass(gateway, "--offline")
        #expect(try installed(gateway) == ["aaa": "1", "bbb": "1"])
        #expect(try gateway.downloads(of: "aaa.v1.tar.gz").reduce(0) { $0 + $1.sentByteCount } > 0)
        #expect(try gateway.downloads(of: "aaa.v1.tar.gz").filter { $0.status == 200 || $0.status == 206 }.count == 1)
    }
}
