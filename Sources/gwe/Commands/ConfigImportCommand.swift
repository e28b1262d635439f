internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import Wire

struct ConfigImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take over identity, product, token and apps of Gateway Engine.",
        discussion: """
            The old files are only read. The token is stored and never shown. Apps that supervisord hosts become \
            a first manifest, unless there is one. With 'services: supervisord' in gateway.yaml they run on \
            untouched, until another version is wanted.
            """)

    @OptionGroup var folderOptions: FolderOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .customLong("programs"), help: .init("supervisord's folder of programs.", valueName: "dir"))
    var programFolder = "/etc/supervisor/conf.d"
    @Argument(help: .init("Gateway Engine's configuration file.", valueName: "Gateway.cfg")) var file: String

    func run() throws {
        try exitingOnError {
            let folders = folderOptions.folders
            var plan = try GatewayEngineImport.plan(
                Folders.absolute(file, from: currentFolder()),
                programFolder: Folders.absolute(programFolder, from: currentFolder()), folders: folders)
            let change = try plan.apply(folders: folders)
            if let reason = change.overlayReason {
                tell("gwe: note: \(folders.gatewayFile) cannot be written (\(reason)); wrote \(change.file)")
            }
            if output.json {
                emit(ImportDocument(taken: plan.taken, left: plan.left).jsonText())
            } else {
                for line in plan.taken { emit("took \(line)") }
                for line in plan.left { emit("left \(line)") }
            }
        }
    }
}
