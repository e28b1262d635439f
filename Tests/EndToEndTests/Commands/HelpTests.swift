import Foundation
import TestSupport
import Testing

/// Help that can be read, and errors in one form.
@Suite("Help and errors of the command line") struct HelpTests {
    static let commands = [
        "reconcile", "status", "history", "start", "stop", "restart", "logs", "hold", "unhold", "install", "remove",
        "run",
        "activate", "config", "config get", "config set", "config unset", "config show", "config import",
        "config mac-address", "report", "usage", "doctor", "validate", "package", "package build", "package check",
        "package init", "exit-codes", "completion",
    ]

    private func gwe(_ arguments: [String]) throws -> Ran {
        try TestProcess.run(
            "gwe", arguments, environment: ["PATH": "/usr/bin:/bin", "GWE_STATE_DIR": "/nowhere/state"])
    }

    @Test(
        "no paragraph breaks in the middle of a line, no example comes twice, and every argument has a text",
        arguments: commands)
    func help(command: String) throws {
        let ran = try gwe(command.split(separator: " ").map(String.init) + ["--help"])
        #expect(ran.code == 0, "\(ran)")
        #expect(!ran.out.contains("Examples:") && !ran.out.contains("Example:"), "\(ran.out)")
        let lines = ran.out.components(separatedBy: "\n")
        let overview = lines.drop { !$0.hasPrefix("OVERVIEW:") }.prefix { !$0.hasPrefix("USAGE:") }
        for (line, next) in zip(overview, overview.dropFirst()) where !line.isEmpty && !next.isEmpty {
            let word = next.prefix { $0 != " " }
            #expect(line.count + 1 + word.count >= 72, "ragged: \(line)")
        }
        let arguments = lines.drop { $0 != "ARGUMENTS:" }.dropFirst().prefix { !$0.isEmpty }
        for line in arguments where line.hasPrefix("  <") {
            let isOneLine = line.split(separator: ">", maxSplits: 1).last?.contains { $0.isLetter } == true
            // A long name has its text on the next line.
            #expect(isOneLine || line.count >= 24, "no text: \(line)")
        }
    }

    @Test(
        "an error begins with gwe:, names the word, and shows no usage of another command",
        arguments: [
            ["reconcile", "--until", "bogus"], ["completion", "ksh"], ["restart", "*"], ["status", "--bogus"],
            ["start"],
            ["history", "12x"], ["config", "set", "product"], ["usage", "--days", "0"], ["stat"],
        ])
    func errors(arguments: [String]) throws {
        let ran = try gwe(arguments)
        #expect(ran.code == 64, "\(ran)")
        #expect(ran.err.hasPrefix("gwe: ") && !ran.err.contains("Error:"), "\(ran)")
        #expect(!ran.err.contains("Usage: gwe <subcommand>"), "\(ran)")
        let rest = ran.err.dropFirst(5)
        #expect(rest.first?.isUppercase == false, "\(ran)")
    }

    @Test("a command that is cut short is meant before one that looks like it")
    func suggestion() throws {
        #expect(try gwe(["stat"]).err == "gwe: unknown command stat; did you mean status?\n")
        #expect(try gwe(["strat"]).err == "gwe: unknown command strat; did you mean start?\n")
        let long = try gwe(["hold", String(repeating: "a", count: 70)])
        #expect(long.code == 64 && long.err.contains("at most 64 of them, found 70"), "\(long)")
    }

    @Test("the stand-in cloud has the version of gwe, examples in front that can be pasted, and its errors in one form")
    func sandbox() throws {
        func sandbox(_ arguments: String...) throws -> Ran { try TestProcess.run("murano-sandbox", arguments) }
        #expect(try sandbox("--version").out == gwe(["--version"]).out)
        for arguments in [[], ["serve"], ["device"], ["device", "add"], ["content"], ["log"], ["fault"]] {
            let help = try TestProcess.run("murano-sandbox", arguments + ["--help"])
            #expect(help.out.hasPrefix("EXAMPLES:\n  "), "\(help)")
            #expect(help.out.components(separatedBy: "EXAMPLES:").count == 2, "\(help)")
            let examples = help.out.components(separatedBy: "\n").dropFirst().prefix { !$0.isEmpty }
            #expect(examples.allSatisfy { $0.hasPrefix("  ") && $0.contains("murano-sandbox") }, "\(help)")
        }
        let wrong = try sandbox("device", "lst")
        #expect(
            wrong.code == 64 && wrong.err.hasPrefix("murano-sandbox: ") && !wrong.err.contains("Error:"), "\(wrong)")
    }
}
