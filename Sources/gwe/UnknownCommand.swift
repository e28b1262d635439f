internal import ArgumentParser
internal import Documents

/// A command that is none, told with the name that was probably meant.
enum UnknownCommand {
    /// nil when every word up to the first option or operand is a command.
    static func message(for arguments: [String]) -> String? {
        var rest = arguments[...]
        // `gwe --state-dir DIR status` is accepted as well.
        while let first = rest.first, LegacyCall.folderOptions.contains(String(first.prefix { $0 != "=" })) {
            rest = rest.dropFirst(first.contains("=") ? 1 : 2)
        }
        var known = subcommands(of: GWE.configuration)
        var path: [String] = []
        while let word = rest.popFirst(), !word.hasPrefix("-"), !known.isEmpty {
            if word == "help", path.isEmpty {
                path.append(word)
                continue
            }
            guard let command = known.first(where: { $0._commandName == word }) else {
                let names = known.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
                let called = (path.filter { $0 != "help" } + [word]).joined(separator: " ")
                let begun = Set(word.count < 3 ? [] : names.filter { $0.hasPrefix(word) })
                if begun.count == 1, let only = begun.first {
                    return "unknown command \(called); did you mean \(only)?"
                }
                if let nearest = Suggestion.nearest(to: word, among: names) {
                    return "unknown command \(called); did you mean \(nearest)?"
                }
                return "unknown command \(called); see 'gwe --help'"
            }
            path.append(word)
            known = subcommands(of: command.configuration)
        }
        return nil
    }

    private static func subcommands(of configuration: CommandConfiguration) -> [any ParsableCommand.Type] {
        configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
    }
}
