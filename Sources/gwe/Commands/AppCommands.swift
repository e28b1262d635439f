internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import Wire

/// The apps that a verb is about.
struct AppSelection: ParsableArguments {
    @Argument(help: .init("The apps.", valueName: "app"))
    var names: [String] = []

    @Flag(name: .long, help: "All apps of which it can be said.")
    var all = false

    /// Whether all are meant: `--all`, or the word alone, as `supervisorctl` has it.
    var isAll: Bool { all || names == ["all"] }

    func validate() throws {
        if names.isEmpty, !all { throw ValidationError("which app? name one or more, or give --all") }
        if !names.isEmpty, all { throw ValidationError("--all goes without names") }
    }
}

/// `start`, `stop`, `restart`, `hold`, `unhold`: one verb, app after app, by the daemon or, where that makes sense, without.
struct AppAction {
    let folders: FolderOptions
    let selection: AppSelection
    let verb: AppVerb

    /// Ends with the first status that is not 0; the other apps have their turn all the same.
    func run() throws {
        let names = try selection.isAll ? [] : selection.names.map(appName)
        let context = try openContext(folders)
        let apps = try selection.isAll ? all(context) : names
        var worst = ExitStatus.success
        for (number, app) in apps.enumerated() where !apps[..<number].contains(app) {
            let exit = perform(on: app, context)
            if worst == .success { worst = exit }
            // With the next it would be the same, and each takes its time.
            if exit == .tryLater || exit == .notPermitted { break }
        }
        throw finish(worst)
    }

    private func all(_ context: GatewayContext) throws -> [AppName] {
        do throws(JournalError) {
            let apps = try AllApps.of(verb, context)
            if apps.isEmpty { tell("gwe: there is no app to \(verb.rawValue)") }
            return apps
        } catch {
            tell("gwe: \(error)")
            throw finish(error.exit)
        }
    }

    private func perform(on name: AppName, _ context: GatewayContext) -> ExitStatus {
        if let client = controlClient(context) {
            do throws(ControlClient.Failure) {
                let answer = try client.ask(ActionRequest(verb, name))
                emit(answer.message)
                for note in answer.notes { tell("gwe: note: \(note)") }
                return .success
            } catch .noDaemon {
                // A socket that a crash left.
            } catch {
                tell("gwe: \(error)")
                if case .notPermitted = error { return .notPermitted }
                switch error.refusal {
                case .notFound: return .noSuchApp
                case .noSpace: return .noSpace
                default: return error.exit ?? .failure
                }
            }
        }
        let (exit, message, notes) = LocalAction.perform(verb, on: name, context)
        exit == .success ? emit(message) : tell("gwe: \(message)")
        for note in notes { tell("gwe: note: \(note)") }
        return exit
    }
}

struct StartCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start an app, and take a stop back.",
        discussion: """
            An app that requires others is started when those are up. Where one of them is stopped, the command says so \
            and ends with 1; the app is started by itself as soon as that one is up.
            """)
    static let examples: [(line: String, does: String)] = [
        ("gwe start web", "also across restarts of the gateway"), ("gwe start --all", "each after those it requires"),
    ]
    @OptionGroup var folders: FolderOptions
    @OptionGroup var selection: AppSelection
    func run() throws { try AppAction(folders: folders, selection: selection, verb: .start).run() }
}

struct StopCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop an app until it is started again; that is no drift.",
        discussion: "Apps that require it go on; a note names them.")
    static let examples: [(line: String, does: String)] = [
        ("gwe stop web", "until gwe start web"), ("gwe stop web api", "one after the other"),
        ("gwe stop --all", "every service, those that require others first"),
    ]
    @OptionGroup var folders: FolderOptions
    @OptionGroup var selection: AppSelection
    func run() throws { try AppAction(folders: folders, selection: selection, verb: .stop).run() }
}

struct RestartCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop an app and start it again.",
        discussion: "Refused where an app that it requires is not up: it could not start again.")
    static let examples: [(line: String, does: String)] = [("gwe restart web", "it keeps its version")]
    @OptionGroup var folders: FolderOptions
    @OptionGroup var selection: AppSelection
    func run() throws { try AppAction(folders: folders, selection: selection, verb: .restart).run() }
}

struct HoldCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Report drift of an app, change nothing, until unhold.")
    static let examples: [(line: String, does: String)] = [
        ("gwe hold web", "until gwe unhold web"), ("gwe hold --all", "nothing changes here for now"),
    ]
    @OptionGroup var folders: FolderOptions
    @OptionGroup var selection: AppSelection
    func run() throws { try AppAction(folders: folders, selection: selection, verb: .hold).run() }
}

struct UnholdCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "unhold", abstract: "Take a hold back, and a version set by hand that a layer has another of.")
    static let examples: [(line: String, does: String)] = [
        ("gwe unhold web", "the next pass brings it up to date"), ("gwe unhold --all", "what operators held here"),
    ]
    @OptionGroup var folders: FolderOptions
    @OptionGroup var selection: AppSelection
    func run() throws { try AppAction(folders: folders, selection: selection, verb: .unhold).run() }
}
