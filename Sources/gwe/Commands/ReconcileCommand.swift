internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import Glibc
internal import Wire

struct ReconcileCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Run one pass: look, plan, apply, report.",
        discussion: """
            With a daemon, the daemon runs the pass and this command shows it. Without one, nothing is started, \
            unless supervisord supervises (services in gateway.yaml).

            After ten failed talks in a row the cloud is asked only when its time has come (gwe status tells when), \
            unless standard input is a terminal: so this may be in a crontab.

            Ends with 0 when converged; --dry-run with 2 when changes are pending (gwe exit-codes lists all).
            """)

    static let examples: [(line: String, does: String)] = [
        ("gwe reconcile --dry-run", "show what would change; write nothing"),
        ("gwe reconcile --app web", "this app alone, also when it is quarantined"),
        ("gwe reconcile --until stage", "download and unpack, interrupt nothing"),
        ("gwe reconcile --offline", "do not ask the cloud"),
        ("gwe reconcile -q", "for a crontab: silent where all is well"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var manifest: ManifestOption
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Show the plan and write nothing anywhere.")
    var dryRun = false

    @Option(name: .long, help: .init("Stop after this: download or stage.", valueName: "phase"))
    var until: String?

    @Flag(name: .long, help: "Do not talk to the cloud.")
    var offline = false

    @Option(name: .customLong("app"), help: .init("Only this app; may be repeated.", valueName: "name"))
    var apps: [String] = []

    @Flag(name: .long, help: "Rehash every file instead of comparing size, time, mode and inode.")
    var deep = false

    @Flag(name: .shortAndLong, help: "Show problems only, and why it did not end with 0.")
    var quiet = false

    func validate() throws {
        if quiet, output.json { throw ValidationError("--quiet and --json exclude each other") }
        if quiet, dryRun { throw ValidationError("--quiet and --dry-run exclude each other") }
    }

    func run() throws {
        var options = PassOptions()
        options.isDryRun = dryRun
        options.until = try until.map(phase)
        options.isOffline = offline
        options.isDeep = deep
        if !apps.isEmpty { options.only = Set(try apps.map(appName)) }
        let context = try openContext(folders, manifest, needsConfiguration: true)
        if manifest.file != nil, !dryRun, ControlClient.isAnswered(context.folders) {
            tell("gwe: a daemon runs and reads its own manifest: --manifest goes with --dry-run, or without a daemon")
            throw finish(.usage)
        }
        throw ExitCode(
            PassCommand(context: context, options: options, isJSON: output.json, isQuiet: quiet).run().rawValue)
    }
}

private func phase(_ text: String) throws -> PassOptions.Until {
    guard let until = PassOptions.Until(rawValue: text) else {
        throw usageError("--until: '\(text)' is no phase: expected download or stage")
    }
    return until
}

/// A pass as a command shows it, here or in the daemon.
struct PassCommand {
    let context: GatewayContext
    let options: PassOptions
    let isJSON: Bool
    let isQuiet: Bool

    /// - Parameter options: a person is taken to be there when standard input is a terminal.
    init(context: GatewayContext, options: PassOptions, isJSON: Bool, isQuiet: Bool = false) {
        self.context = context
        var options = options
        options.isByHand = isatty(STDIN_FILENO) == 1
        self.options = options
        self.isJSON = isJSON
        self.isQuiet = isQuiet
    }

    func run() -> ExitStatus {
        let screen = PassScreen(isJSON: isJSON, isDryRun: options.isDryRun, isQuiet: isQuiet)
        if let client = screen.client(context) {
            do throws(ControlClient.Failure) {
                if !options.isDryRun { return try remote(client, screen) }
                let services = try client.ask(ServicesRequest()).statuses
                let result = LocalPass.dryRun(context, options, services: services) { screen.show($0.line) }
                screen.show(.result(exit: result.exit, message: result.summary))
                return result.exit
            } catch .noDaemon {
                // A socket that a crash left: go on without a daemon.
            } catch {
                guard options.isDryRun, error.exit != nil else {
                    tell("gwe: \(error)")
                    return error.exit ?? .unavailable
                }
                tell("gwe: \(error); planning without knowing what runs")
            }
        }
        if !options.isDryRun { endInstallersWithThisProcess() }
        return LocalPass.reconcile(context, options) { screen.show($0.line) }.exit
    }

    private func remote(_ client: ControlClient, _ screen: PassScreen) throws(ControlClient.Failure) -> ExitStatus {
        try screen.run(options.request, by: client)
        guard let exit = screen.exit else { throw .broken("it said no result") }
        return exit
    }
}
