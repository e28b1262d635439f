internal import ArgumentParser
internal import Documents
internal import GatewayModel

struct ExitCodesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exit-codes", abstract: "What the exit statuses of gwe mean.")

    @OptionGroup var output: OutputOptions

    func run() {
        let all = ExitStatus.allCases.sorted { $0.rawValue < $1.rawValue }
        if output.json {
            return emit(JSONValue.object(all.map { (String($0.rawValue), .string($0.meaning)) }).text(indented: true))
        }
        for line in table(all.map { [String($0.rawValue), $0.meaning] }) { emit(line) }
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
            throw ValidationError("'\(shell)' is not known: expected bash, zsh or fish")
        }
        emit(GWE.completionScript(for: shell))
    }
}
