internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import Wire

struct StatusCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Desired state against observed state, per app; drift; health.",
        discussion: "Ends with 0 when all is synced and running, 1 degraded or drifted, 3 not running, 4 no such app.")

    static let examples: [(line: String, does: String)] = [
        ("gwe status", "one line a gateway, one row an app"),
        ("gwe status web", "one app: reason, last exit, last lines of its log"),
        ("gwe status --deep", "rehash every installed file"),
        ("gwe status --wishes", "what operators asked for here, and what takes it back"),
        ("gwe status --json | jq .summary", "for programs"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var manifest: ManifestOption
    @OptionGroup var output: OutputOptions

    @Argument(help: "Only this app, with its details.")
    var app: String?

    @Flag(name: .long, help: "Rehash every file instead of comparing size, time, mode and inode.")
    var deep = false

    @Flag(name: .long, help: "What operators asked for at this gateway (install, hold, stop, remove), since when.")
    var wishes = false

    func validate() throws {
        if wishes, deep { throw ValidationError("--wishes and --deep exclude each other") }
    }

    func run() throws {
        let only = try app.map(appName)
        let context = try openContext(folders, manifest)
        if wishes { throw finish(showWishes(context, only)) }
        let (status, json, exit) = try report(context, only)
        if output.json { emit((json ?? status.json).text(indented: true)) } else { show(status) }
        throw finish(exit)
    }

    /// What operators said stands in the journal: no daemon is asked.
    private func showWishes(_ context: GatewayContext, _ only: AppName?) -> ExitStatus {
        do throws(JournalError) {
            guard let report = try WishesReport.make(context, only: only) else {
                tell("gwe: no such app: \(only?.text ?? "")")
                return .noSuchApp
            }
            for problem in report.problems { tell("gwe: problem: \(problem)") }
            if output.json {
                emit(report.document.jsonText(indented: true))
            } else {
                let text = WishesText(wishes: report.document.wishes, terminal: Terminal(descriptor: 1))
                if text.isEmpty, report.problems.isEmpty { tell("gwe: no operator's wish is in force here") }
                text.lines.forEach(emit)
            }
            return report.problems.isEmpty ? .success : .badInput
        } catch {
            tell("gwe: \(error)")
            return error.exit
        }
    }

    private func show(_ status: StatusDocument) {
        let terminal = Terminal(descriptor: 1)
        let lines: [String]
        switch status {
        case .gateway(let status): lines = StatusText(status: status, terminal: terminal).lines
        case .app(let detail): lines = AppStatusText(detail: detail, terminal: terminal).lines
        case .unreadable(let problems): lines = StatusText.lines(unreadable: problems, terminal)
        case .refused(let error): return tell("gwe: \(error)")
        }
        for line in lines { emit(line) }
    }

    /// The status, as it came where a daemon said it, and what the command ends with.
    private func report(
        _ context: GatewayContext, _ only: AppName?
    ) throws -> (StatusDocument, json: JSONValue?, ExitStatus) {
        var trouble: ControlClient.Failure?
        if let client = controlClient(context) {
            do throws(ControlClient.Failure) {
                let (answer, json) = try client.receive(StatusRequest(app: only, isDeep: deep))
                return (answer.status, json["status"], answer.exit)
            } catch {
                if case .noDaemon = error {
                } else {
                    trouble = error
                    tell("gwe: \(error); looking at journal and disk")
                }
            }
        }
        let report = StatusReport.make(context, only: only, isDeep: deep)
        var isSupervised = false
        if case .gateway(let status) = report.document { isSupervised = status.isSupervised }
        if only == nil, !output.json, !isSupervised {
            tell(
                trouble == nil
                    ? "gwe: nothing is supervised: no daemon is running (gwe run)"
                    : "gwe: what runs is not known: only the daemon could tell")
        }
        // All may be well, but nobody has said so.
        let isUnsure = trouble != nil && report.exit == .success
        return (report.document, nil, isUnsure ? .failure : report.exit)
    }
}
