internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import Wire

/// What `gwe -I TARBALL` became.
struct InstallCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Install packages from this gateway's files, as the operator's wish.",
        discussion: """
            Each package is checked as a whole first; a refused one changes nothing. The wish holds until a manifest \
            or the cloud wants another version, or until 'gwe unhold APP' where they name the app, and 'gwe remove \
            APP' where they do not.
            """)
    static let examples: [(line: String, does: String)] = [
        ("gwe install web.v3.tar.gz", "through the same plan and journal as any other"),
        ("gwe install --allow-downgrade web.v2.tar.gz", "back to a lower version"),
        ("gwe remove web", "takes that back"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Replace a higher version too.")
    var allowDowngrade = false

    @Argument(help: "Packages: <name>.v<version>.tar.gz.")
    var tarballs: [String]

    func run() throws {
        let context = try openContext(folders)
        let paths = tarballs.map { Folders.absolute($0, from: currentFolder()) }
        let request = InstallRequest(tarballs: paths, allowsDowngrade: allowDowngrade)
        let call = OperatorCall(request: request, conflict: .noInput, isJSON: output.json)
        throw finish(
            try call.run(context) {
                LocalAction.install(tarballs: paths, allowsDowngrade: allowDowngrade, context, emit: $0)
            })
    }
}

struct RemoveCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove an app that was installed by hand and that no layer names.",
        discussion: """
            Takes 'gwe install' (-I) back. An app that a manifest or the cloud names is removed there: then this \
            changes nothing. The app's data folder stays unless --purge is given.
            """)
    static let examples: [(line: String, does: String)] = [
        ("gwe remove web", "its data is kept"), ("gwe remove web --purge", "its data goes as well"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Remove the app's data folder too.")
    var purge = false

    @Argument(help: "The app.")
    var app: String

    func run() throws {
        let name = try appName(app)
        let context = try openContext(folders)
        let call = OperatorCall(
            request: RemoveRequest(app: name, isPurge: purge), conflict: .failure, isJSON: output.json)
        throw finish(try call.run(context) { LocalAction.remove(name, isPurge: purge, context, emit: $0) })
    }
}

/// An operator's wish that a pass follows at once: by the daemon or, where none runs, here.
private struct OperatorCall<Request: PassControlRequest> {
    let request: Request
    /// What the command ends with when it cannot be done as things are.
    let conflict: ExitStatus
    let isJSON: Bool

    func run(
        _ context: GatewayContext, here: (@escaping @Sendable (PassEvent) -> Void) -> ExitStatus
    ) throws -> ExitStatus {
        let screen = PassScreen(isJSON: isJSON, isDryRun: false)
        func local() -> ExitStatus {
            endInstallersWithThisProcess()
            return here { screen.show($0.line) }
        }
        guard let client = screen.client(context) else { return local() }
        do throws(ControlClient.Failure) {
            try screen.run(request, by: client)
        } catch {
            if case .noDaemon = error { return local() }
            tell("gwe: \(error)")
            return error.exit ?? exit(error.refusal)
        }
        return screen.exit ?? .internalError
    }

    private func exit(_ refusal: ControlRefusal.Kind?) -> ExitStatus {
        switch refusal {
        case .notFound: .noSuchApp
        case .conflict: conflict
        case .badPackage: .badInput
        case .held: .deferred
        case .noSpace: .noSpace
        case .badRequest, .failed, nil: .unavailable
        }
    }
}
