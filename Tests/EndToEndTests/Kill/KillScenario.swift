import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport

/// A story of a gateway up to the command that is to be killed, and what must be true in the end.
struct KillScenario: Sendable, CustomStringConvertible {
    struct Expectation: Sendable {
        /// The version in force of each installed app; no other app is installed.
        var versions: [String: String]
        /// What one-offs wrote into `runs`: one version for each completed run, in order.
        var runs: [String: [String]] = [:]
    }

    var name: String
    /// Leads a new gateway to the starting state.
    var prepare: @Sendable (GatewayFixture) throws -> Void
    /// The command that is killed.
    var victim = ["reconcile"]
    var expected: Expectation
    /// The point from which on the command's wish is durable; before it, a kill may leave everything `before`.
    var decisive: String?
    var before: Expectation?
    /// In the short form, only points whose names begin so: those that no other scenario passes.
    var shortForm: [String] = [""]

    var description: String { name }
}

extension KillScenario {
    static func install(_ names: String...) -> String {
        let entries = names.map { #"{"name":"\#($0).tar.gz"}"# }.joined(separator: ",")
        return #"{"install":[\#(entries)]}"#
    }

    static func mustSucceed(_ ran: Ran, _ code: Int32 = 0) throws {
        guard ran.code == code else { throw TestFailure("preparing: \(ran)") }
    }

    static func mustBeKilled(_ gateway: GatewayFixture, at point: String) throws {
        let ran = try gateway.gwe("reconcile", environment: ["GWE_FAULT": point])
        guard ran.signal == SIGKILL else {
            throw TestFailure("was not killed at \(point): \(ran)")
        }
    }

    /// One of each kind of change: the short form kills at every point of these.
    static let all: [KillScenario] = [
        KillScenario(
            name: "first install of a one-off by command",
            prepare: { gateway in
                try gateway.upload(.oneOff("tool", "1"))
                try gateway.command(install("tool.v1"))
            },
            expected: .init(versions: ["tool": "1"], runs: ["tool": ["1"]])),
        KillScenario(
            name: "install of a service and of what it requires by manifest",
            prepare: { gateway in
                try gateway.upload(.service("base", "1"))
                try gateway.upload(.service("web", "2"))
                try gateway.manifest(
                    """
                    schema: gwe/v1
                    apps:
                      web: {version: "2", requires: [base]}
                      base: {version: "1"}
                    """)
            },
            expected: .init(versions: ["base": "1", "web": "2"])),
        KillScenario(
            name: "upgrade of a one-off by command, keeping one version",
            prepare: { gateway in
                try gateway.manifest("schema: gwe/v1\npolicy: {keep_versions: 1}\n")
                try gateway.upload(.oneOff("tool", "1"))
                try gateway.upload(.oneOff("tool", "2"))
                try gateway.command(install("tool.v1"))
                try mustSucceed(gateway.gwe("reconcile"))
                try gateway.command(install("tool.v2"))
            },
            expected: .init(versions: ["tool": "2"], runs: ["tool": ["1", "2"]])),
        KillScenario(
            name: "the same command written again",
            prepare: { gateway in
                try gateway.upload(.oneOff("tool", "1"))
                try gateway.command(install("tool.v1"))
                try mustSucceed(gateway.gwe("reconcile"))
                try gateway.command(install("tool.v1"))
            },
            expected: .init(versions: ["tool": "1"], runs: ["tool": ["1", "1"]])),
        KillScenario(
            name: "upgrade, install and removal in one pass by manifest",
            prepare: { gateway in
                try gateway.upload(.service("web", "1"))
                try gateway.upload(.service("web", "2"))
                try gateway.upload(.oneOff("old", "1", extra: ["uninstall.sh": .script("exit 0")]))
                try gateway.upload(TestPackage("lib", "1", files: ["lib/code.py": "pass\n"]))
                try gateway.manifest(
                    """
                    schema: gwe/v1
                    apps:
                      web: {version: "1"}
                      old: {version: "1"}
                    """)
                try mustSucceed(gateway.gwe("reconcile"))
                try gateway.manifest(
                    """
                    schema: gwe/v1
                    apps:
                      web: {version: "2"}
                      lib: {version: "1"}
                    """)
            },
            expected: .init(versions: ["web": "2", "lib": "1"], runs: ["old": ["1"]])),
        KillScenario(
            name: "repair of files, link and configuration",
            prepare: { gateway in
                try gateway.upload(.service("web", "1"))
                try gateway.upload(.service("other", "1"))
                try gateway.manifest("schema: gwe/v1\napps:\n  web: {version: \"1\"}\n  other: {version: \"1\"}\n")
                try mustSucceed(gateway.gwe("reconcile"))
                try gateway.write("damaged", to: gateway.currentFolder(of: "web") + "/share/version.txt")
                unlink(gateway.currentFolder(of: "other"))
                try FileTree.removeFile(gateway.stateFolder + "/services/other.json")
            },
            expected: .init(versions: ["web": "1", "other": "1"])),
        KillScenario(
            name: "a whole manifest, an interval and an ExoSense update from the cloud",
            prepare: { gateway in
                try gateway.upload(.oneOff("tool", "1"))
                try gateway.upload(.oneOff("extra", "3"))
                try gateway.command("schema: gwe/v1\napps:\n  tool: {version: \"1\"}\n")
                try gateway.sandbox.write(gateway.id, "update_interval", "600")
                try mustSucceed(gateway.gwe("reconcile"))
                try gateway.sandbox.write(gateway.id, "update_interval", "900")
                try gateway.sandbox.write(
                    gateway.id, "config_otau",
                    #"{"version":"7","name":"x","type":"JSON","payload":{"install":[{"name":"extra.v3.tar.gz"}]}}"#)
            },
            expected: .init(versions: ["tool": "1", "extra": "3"], runs: ["tool": ["1"], "extra": ["3"]])),
        KillScenario(
            name: "rebuild of a journal that was filled with zeros",
            prepare: { gateway in
                try gateway.upload(.oneOff("tool", "1"))
                try gateway.upload(.service("web", "1"))
                try gateway.manifest("schema: gwe/v1\napps:\n  web: {version: \"1\"}\n  tool: {version: \"1\"}\n")
                try mustSucceed(gateway.gwe("reconcile"))
                try gateway.write(String(repeating: "\0", count: 16_384), to: gateway.stateFolder + "/journal.db")
            },
            expected: .init(versions: ["tool": "1", "web": "1"], runs: ["tool": ["1"]])),
        KillScenario(
            name: "recovery of an interrupted installer",
            prepare: { gateway in
                try gateway.upload(.oneOff("tool", "1"))
                try gateway.command(install("tool.v1"))
                try mustBeKilled(gateway, at: "install.begun")
            },
            expected: .init(versions: ["tool": "1"], runs: ["tool": ["1"]]), shortForm: ["recovery."]),
        KillScenario(
            name: "recovery of an interrupted unpacking",
            prepare: { gateway in
                try gateway.upload(.service("web", "1"))
                try gateway.command(install("web.v1"))
                try mustBeKilled(gateway, at: "unpack.inventoried")
            },
            expected: .init(versions: ["web": "1"]), shortForm: ["recovery."]),
        KillScenario(
            name: "recovery of an interrupted pruning",
            prepare: { gateway in
                try gateway.manifest("schema: gwe/v1\npolicy: {keep_versions: 1}\n")
                try gateway.upload(.service("web", "1"))
                try gateway.upload(.service("web", "2"))
                try gateway.command(install("web.v1"))
                try mustSucceed(gateway.gwe("reconcile"))
                try gateway.command(install("web.v2"))
                try mustBeKilled(gateway, at: "prune.emptied")
            },
            expected: .init(versions: ["web": "2"]), shortForm: ["recovery."]),
        KillScenario(
            name: "a one-off that restarts the gateway",
            prepare: { gateway in
                try gateway.upload(.oneOff("tool", "1"))
                try gateway.command(install("tool.v1"))
                try mustBeKilled(gateway, at: "install.ran")
                // What stands in the journal is of another start of the kernel now.
                try Database(path: gateway.stateFolder + "/journal.db").execute("UPDATE release SET boot_id = 'before'")
            },
            expected: .init(versions: ["tool": "1"], runs: ["tool": ["1"]]), shortForm: ["recovery."]),
        KillScenario(
            name: "install by hand",
            prepare: { gateway in
                let package = TestPackage.oneOff("tool", "1")
                let path = gateway.root + "/" + package.fileName
                try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            },
            victim: ["install", "tool.v1.tar.gz"],
            expected: .init(versions: ["tool": "1"], runs: ["tool": ["1"]]),
            decisive: "operator.accepted", before: .init(versions: [:]), shortForm: ["operator.", "state.", "journal."]),
        KillScenario(
            name: "removal by hand of what was installed by hand",
            prepare: { gateway in
                let package = TestPackage.oneOff("tool", "1")
                let path = gateway.root + "/" + package.fileName
                try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
                try mustSucceed(gateway.gwe("install", path))
            },
            victim: ["remove", "tool"],
            expected: .init(versions: [:], runs: ["tool": ["1"]]),
            decisive: "operator.removed", before: .init(versions: ["tool": "1"], runs: ["tool": ["1"]]),
            shortForm: ["operator.", "remove."]),
    ]
}
