internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel

struct StatusCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Desired state against observed state, per app; drift; health.",
        discussion: "Ends with 0 when all is synced and running, 1 degraded or drifted, 3 not running, 4 no such app.")

    static let examples: [(line: String, does: String)] = [
        ("gwe status", "one line a gateway, one row an app"),
        ("gwe status web", "one app: reason, last exit, last lines of its log"),
        ("gwe status --deep", "rehash every installed file"),
        ("gwe status --json | jq .summary", "for programs"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var manifest: ManifestOption
    @OptionGroup var output: OutputOptions

    @Argument(help: "Only this app, with its details.")
    var app: String?

    @Flag(name: .long, help: "Rehash every file instead of comparing size, time, mode and inode.")
    var deep = false

    func run() throws {
        let only = try app.map(appName)
        let context = try openContext(folders, manifest)
        let (status, exit) = try report(context, only)
        let text = StatusText(status: status, terminal: Terminal(descriptor: 1))
        if output.json {
            emit(status.text(indented: true))
        } else if let error = status["error"]?.string {
            tell("gwe: \(error)")
        } else {
            for line in only == nil ? text.lines : text.detail(of: status) { emit(line) }
        }
        throw finish(exit)
    }

    private func report(_ context: GatewayContext, _ only: AppName?) throws -> (JSONValue, ExitStatus) {
        if let client = ControlClient(folders: context.folders) {
            var parts: [String] = []
            if let only { parts.append("app=\(only)") }
            if deep { parts.append("deep=1") }
            do throws(ControlClient.Failure) {
                let answer = try client.get("/v1/status" + (parts.isEmpty ? "" : "?" + parts.joined(separator: "&")))
                let exit = answer["exit"]?.int.flatMap { ExitStatus(rawValue: Int32(truncatingIfNeeded: $0)) }
                return (answer["status"] ?? .null, exit ?? .internalError)
            } catch {
                if case .noDaemon = error {} else { tell("gwe: \(error); looking at journal and disk") }
            }
        }
        let report = StatusReport.make(context, only: only, isDeep: deep)
        let isSupervised = report.json["supervised"]?.bool == true
        if only == nil, !output.json, !isSupervised {
            tell("gwe: nothing is supervised: no daemon is running (gwe run)")
        }
        return (report.json, report.exit)
    }
}
