internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel

/// What `gwe -I TARBALL` became: hidden, because a manifest with `artifact: {path: …}` is the better way.
struct InstallCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Install packages by hand, through the same plan and journal.",
        shouldDisplay: false)
    static let examples: [(line: String, does: String)] = [("gwe install web.v3.tar.gz", "as the operator's wish")]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Packages: <name>.v<version>.tar.gz.")
    var tarballs: [String]

    func run() throws {
        let context = try openContext(folders)
        let screen = PassScreen(isJSON: output.json, isDryRun: false)
        let paths = tarballs.map { Folders.absolute($0, from: currentFolder()) }
        if let client = ControlClient(folders: context.folders) {
            do throws(ControlClient.Failure) {
                try client.stream("/v1/install", .object([("tarballs", .array(paths.map { .string($0) }))])) {
                    screen.show($0)
                }
            } catch .noDaemon {
                throw finish(LocalAction.install(tarballs: paths, context) { screen.show($0.json) })
            } catch {
                tell("gwe: \(error)")
                throw finish(.unavailable)
            }
            throw finish(screen.exit ?? .internalError)
        }
        throw finish(LocalAction.install(tarballs: paths, context) { screen.show($0.json) })
    }
}
