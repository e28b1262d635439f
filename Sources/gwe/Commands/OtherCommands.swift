internal import ArgumentParser
internal import GatewayModel
internal import Wire

struct ExitCodesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exit-codes", abstract: "What the exit statuses of gwe mean.")

    @OptionGroup var output: OutputOptions

    func run() {
        let all = ExitCodesDocument()
        if output.json { return emit(all.jsonText(indented: true)) }
        let terminal = Terminal(descriptor: 1)
        let rows = all.meanings.entries.map { [$0.name, $0.value] }
        table(rows, columns: terminal.columns, wrapsLast: true, ellipsis: terminal.ellipsis).forEach(emit)
    }
}

struct CompletionCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print the completion script of a shell: bash, zsh or fish.")
    static let examples: [(line: String, does: String)] = [
        ("gwe completion bash > /etc/bash_completion.d/gwe", "for every user")
    ]

    @Argument(help: "bash, zsh or fish.")
    var shell: String

    func run() throws {
        guard let shell = CompletionShell(rawValue: shell) else {
            throw usageError("the shell '\(shell)' is not known: expected bash, zsh or fish")
        }
        emit(GWE.completionScript(for: shell))
    }
}
