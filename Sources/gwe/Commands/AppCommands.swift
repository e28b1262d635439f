internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import Wire

/// `start`, `stop`, `restart`, `hold`, `unhold`: one app, one verb, by the daemon or, where that makes sense, without.
struct AppAction {
    let folders: FolderOptions
    let app: String
    let verb: AppVerb

    func run() throws {
        let name = try appName(app)
        let context = try openContext(folders)
        if let client = controlClient(context) {
            do throws(ControlClient.Failure) {
                let answer = try client.ask(ActionRequest(verb, name))
                emit(answer.message)
                for note in answer.notes { tell("gwe: note: \(note)") }
                return
            } catch .noDaemon {
                // A socket that a crash left.
            } catch {
                tell("gwe: \(error)")
                if case .notPermitted = error { throw finish(.notPermitted) }
                switch error.refusal {
                case .notFound: throw finish(.noSuchApp)
                case .noSpace: throw finish(.noSpace)
                default: throw finish(error.exit ?? .failure)
                }
            }
        }
        let (exit, message, notes) = LocalAction.perform(verb, on: name, context)
        exit == .success ? emit(message) : tell("gwe: \(message)")
        for note in notes { tell("gwe: note: \(note)") }
        throw finish(exit)
    }
}

struct StartCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start an app, and take a stop back.",
        discussion: """
            An app that requires others is started when those are up. Where one of them is stopped, the command says so and
            ends with 1; the app is started by itself as soon as that one is up.
            """)
    static let examples: [(line: String, does: String)] = [("gwe start web", "also across restarts of the gateway")]
    @OptionGroup var folders: FolderOptions
    @Argument var app: String
    func run() throws { try AppAction(folders: folders, app: app, verb: .start).run() }
}

struct StopCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop an app until it is started again; that is no drift.",
        discussion: "Apps that require it go on; a note names them.")
    static let examples: [(line: String, does: String)] = [("gwe stop web", "until gwe start web")]
    @OptionGroup var folders: FolderOptions
    @Argument var app: String
    func run() throws { try AppAction(folders: folders, app: app, verb: .stop).run() }
}

struct RestartCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop an app and start it again.",
        discussion: "Refused where an app that it requires is not up: it could not start again.")
    static let examples: [(line: String, does: String)] = [("gwe restart web", "")]
    @OptionGroup var folders: FolderOptions
    @Argument var app: String
    func run() throws { try AppAction(folders: folders, app: app, verb: .restart).run() }
}

struct HoldCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Report drift of an app, change nothing, until unhold.")
    static let examples: [(line: String, does: String)] = [("gwe hold web", "")]
    @OptionGroup var folders: FolderOptions
    @Argument var app: String
    func run() throws { try AppAction(folders: folders, app: app, verb: .hold).run() }
}

struct UnholdCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "unhold", abstract: "Take a hold back, and a version set by hand that a layer has another of.")
    static let examples: [(line: String, does: String)] = [("gwe unhold web", "")]
    @OptionGroup var folders: FolderOptions
    @Argument var app: String
    func run() throws { try AppAction(folders: folders, app: app, verb: .unhold).run() }
}
