import ArgumentParser
import Testing

@testable import gwe

@Suite struct FrequentCallTests {
    /// What a command was read as: every option with its value.
    private func text(_ command: any ParsableCommand) -> String { String(describing: command) }

    static let folders = [
        "--config-dir", "/etc/x", "--state-dir", "/var/x", "--log-dir", "logs", "--manifest", "a b.yaml",
    ]

    @Test(
        "a frequent call is read as ArgumentParser reads it",
        arguments: [
            ["status"], ["status", "web"], ["status", "--json"], ["status", "web", "--deep", "--json"],
            ["status", "--deep", "web"], ["status", "--wishes", "web"], ["status", "help"], ["status", "a=b"],
            ["status", "--state-dir", "/x", "web", "--json"], ["status", "--log-dir", "/l", "--wishes"],
            ["reconcile"], ["reconcile", "--offline"], ["reconcile", "-q"], ["reconcile", "--quiet"],
            ["reconcile", "-q", "--quiet"], ["reconcile", "--dry-run", "--deep", "--json"],
            ["reconcile", "--manifest", "m", "--dry-run"],
            ["status"] + FrequentCallTests.folders, ["reconcile"] + FrequentCallTests.folders + ["--offline"],
        ])
    func same(words: [String]) throws {
        let command = try #require(FrequentCall.command(words))
        #expect(try text(command) == text(GWE.parseAsRoot(words)))
    }

    @Test(
        "what is not plain is left to ArgumentParser",
        arguments: [
            [], ["history"], ["help", "status"], ["--state-dir", "/x", "status"], ["status", "--help"],
            ["status", "-h"], ["status", "web", "db"], ["status", ""], ["status", "--"], ["status", "-"],
            ["status", "--json", "--json"], ["status", "--offline"], ["status", "--state-dir"],
            ["status", "--state-dir", "--json"], ["status", "--state-dir", ""], ["status", "--state-dir=/x"],
            ["status", "--state-dir", "/x", "--state-dir", "/y"], ["status", "--wishes", "--deep"],
            ["status", "--version"], ["reconcile", "web"], ["reconcile", "--until", "stage"],
            ["reconcile", "--app", "web"], ["reconcile", "-q", "--json"], ["reconcile", "--quiet", "--dry-run"],
            ["reconcile", "--wishes"], ["Status"],
        ])
    func left(words: [String]) { #expect(FrequentCall.command(words) == nil) }
}
