internal import ArgumentParser
internal import GatewayAgent

/// The root command: every subcommand is a file beside this one.
struct GWE: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gwe",
        abstract: "Keep this gateway at its desired state.",
        version: AgentVersion.text,
        groupedSubcommands: [
            .init(name: "State", subcommands: [ReconcileCommand.self, StatusCommand.self, HistoryCommand.self]),
            .init(
                name: "Apps",
                subcommands: [
                    StartCommand.self, StopCommand.self, RestartCommand.self, LogsCommand.self, HoldCommand.self,
                    UnholdCommand.self,
                ]),
            .init(name: "Gateway", subcommands: [RunCommand.self, ActivateCommand.self, ConfigCommand.self]),
            .init(name: "Authoring", subcommands: [ValidateCommand.self, PackageCommand.self]),
            .init(name: "Other", subcommands: [ExitCodesCommand.self, CompletionCommand.self, InstallCommand.self]),
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
        ("gwe run", "the daemon: supervise, poll, reconcile, report"),
    ]

    /// Puts the examples of the command in front of a help text that was asked for.
    static func withExamples(_ help: String) -> String {
        guard let usage = help.split(separator: "\n").first(where: { $0.hasPrefix("USAGE: gwe") }) else { return help }
        let words = usage.split(separator: " ").dropFirst(2).prefix { !$0.hasPrefix("[") && !$0.hasPrefix("<") }
        let lines = examples(of: words.first.map(String.init))
        guard !lines.isEmpty else { return help }
        return (["EXAMPLES:"] + table(lines.map { ["  " + $0.line, $0.does] }) + ["", help]).joined(separator: "\n")
    }

    private static func examples(of name: String?) -> [(line: String, does: String)] {
        guard let name, !name.hasPrefix("<") else { return rootExamples }
        for group in GWE.configuration.groupedSubcommands {
            for command in group.subcommands where command._commandName == name {
                return (command as? any Exemplified.Type)?.examples ?? []
            }
        }
        return name == "" ? rootExamples : []
    }
}
