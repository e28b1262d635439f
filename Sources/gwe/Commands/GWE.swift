internal import ArgumentParser
internal import GatewayAgent

/// The root command: every subcommand is a file beside this one.
struct GWE: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gwe",
        abstract: "Keep this gateway at its desired state.",
        discussion: "Without a command, gwe runs the daemon, as 'gwe run' does.",
        version: AgentVersion.text,
        groupedSubcommands: [
            .init(name: "State", subcommands: [ReconcileCommand.self, StatusCommand.self, HistoryCommand.self]),
            .init(
                name: "Apps",
                subcommands: [
                    StartCommand.self, StopCommand.self, RestartCommand.self, LogsCommand.self, HoldCommand.self,
                    UnholdCommand.self, InstallCommand.self, RemoveCommand.self,
                ]),
            .init(
                name: "Gateway",
                subcommands: [
                    RunCommand.self, ActivateCommand.self, ConfigCommand.self, ReportCommand.self, UsageCommand.self,
                    DoctorCommand.self,
                ]),
            .init(name: "Authoring", subcommands: [ValidateCommand.self, PackageCommand.self]),
            .init(name: "Other", subcommands: [ExitCodesCommand.self, CompletionCommand.self]),
        ])
}

/// A command whose help begins with examples.
protocol Exemplified: ParsableCommand {
    /// Command lines and what they do.
    static var examples: [(line: String, does: String)] { get }
}

/// Help begins with examples: most people want one of them.
enum HelpText {
    static let rootExamples: [(line: String, does: String)] = [
        ("gwe reconcile --dry-run", "show what would change"),
        ("gwe reconcile", "make it so"),
        ("gwe status", "desired against observed, per app"),
        ("gwe run", "the daemon: supervise, poll, reconcile, report; so does gwe alone"),
    ]

    /// Of the groups, whose commands are in files of several.
    private static let groupExamples: [String: [(line: String, does: String)]] = [
        "config": [
            ("gwe config set product abc123", "then: gwe config set interface eth0"),
            ("gwe config show", "every value and where it comes from"),
            ("gwe config import /etc/exosite/gwe/Gateway.cfg", "take over from Gateway Engine"),
        ],
        "config get": [("gwe config get identity", "who this gateway is to the cloud")],
        "config set": [("gwe config set product abc123 identity gw-7", "several keys in one atomic write")],
        "config unset": [("gwe config unset interface", "back to the default")],
        "config show": [("gwe config show --json", "for programs")],
        "config mac-address": [("gwe config mac-address eth0", "what 'interface: eth0' would make of this gateway")],
        "config import": [("gwe config import /etc/exosite/gwe/Gateway.cfg", "identity, product, token and apps")],
        "package": [
            ("gwe package init", "a buildfile to begin with"),
            ("gwe package build gwe-buildfile.json", "the same bytes every time"),
            ("gwe package check web.v3.tar.gz", "before it is uploaded"),
            ("scp \"$(gwe package build gwe-buildfile.json)\" root@gateway:/tmp", "made, and copied to a gateway"),
        ],
        "package build": [("gwe package build gwe-buildfile.json -o dist", "prints the path of the package")],
        "package check": [("gwe package check web.v3.tar.gz", "ends with 65 when it would fail on a gateway")],
        "package init": [("gwe package init", "writes a buildfile to begin with")],
    ]

    /// Puts the examples of the command in front of a help text that was asked for.
    static func withExamples(_ help: String) -> String {
        guard let usage = help.split(separator: "\n").first(where: { $0.hasPrefix("USAGE: gwe") }) else { return help }
        let words = usage.split(separator: " ").dropFirst(2).prefix { $0.allSatisfy { $0.isLowercase || $0 == "-" } }
        let lines = examples(of: words.map(String.init))
        guard !lines.isEmpty else { return help }
        return (["EXAMPLES:"] + table(lines.map { ["  " + $0.line, $0.does] }) + ["", help]).joined(separator: "\n")
    }

    /// An error of the argument parser as gwe says its own: `gwe: `, and a small first letter.
    static func inOneForm(_ message: String) -> String {
        let head = "Error: "
        guard message.hasPrefix(head) else { return message }
        let words = message.dropFirst(head.count)
        let isSentence = words.dropFirst().first?.isLowercase == true
        return isSentence ? "gwe: \(words.prefix(1).lowercased())\(words.dropFirst())" : "gwe: \(words)"
    }

    private static func examples(of words: [String]) -> [(line: String, does: String)] {
        guard let name = words.first else { return rootExamples }
        if let lines = groupExamples[words.joined(separator: " ")] { return lines }
        for group in GWE.configuration.groupedSubcommands {
            for command in group.subcommands where command._commandName == name {
                return (command as? any Exemplified.Type)?.examples ?? []
            }
        }
        return []
    }
}
