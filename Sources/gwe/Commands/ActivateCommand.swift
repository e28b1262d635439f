internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import Wire

struct ActivateCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "activate",
        abstract: "Ask the cloud for this gateway's token and keep it.",
        discussion: "The token is written to the state folder, mode 0600, and never printed.")
    static let examples: [(line: String, does: String)] = [
        ("gwe activate", "once, after product and identity are set"),
        ("gwe activate --again", "ask for a new token although one is here"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Ask for a new token although one is here.")
    var again = false

    func run() throws {
        let context = try openContext(folders, needsConfiguration: true)
        let (status, message) = SlowWork.run(waitingFor: context.cloudWords, tell: { tell("gwe: \($0)") }) {
            Activation.run(context, again: again)
        }
        if output.json {
            emit(ActivationDocument(isActivated: status == .success, message: message).jsonText())
        } else {
            status == .success ? emit(message) : tell("gwe: \(message)")
        }
        throw finish(status)
    }
}
