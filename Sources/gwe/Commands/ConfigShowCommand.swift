internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import Wire

struct ConfigShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print every value in force and where it comes from.")

    @OptionGroup var folderOptions: FolderOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try exitingOnError {
            let folders = folderOptions.folders
            let configuration = try ConfigurationStore(folders: folders).load()
            if output.json {
                emit(document(configuration, folders).jsonText(indented: true))
            } else {
                lines(configuration).forEach(emit)
            }
            do {
                let identity = try Identity.resolve(configuration)
                if let warning = identity.warning { tell("gwe: warning: \(warning)") }
            } catch { tell("gwe: warning: \(error)") }
        }
    }

    /// Key, value, origin. The token is not among them.
    private func rows(_ configuration: GatewayConfiguration) -> [(key: String, value: String, origin: String)] {
        GatewayConfiguration.Key.allCases.compactMap { key in
            if key == .identity, configuration.identity == nil, let identity = try? Identity.resolve(configuration) {
                return (key.rawValue, identity.text, "address of \(configuration.interface ?? "?")")
            }
            guard let setting = configuration[key] else { return nil }
            return (key.rawValue, GatewayConfiguration.shown(key, setting.value), setting.origin.description)
        }
    }

    /// On a terminal the values are shortened, then the origins go: `gwe config get KEY` prints a value whole.
    private func lines(_ configuration: GatewayConfiguration) -> [String] {
        let terminal = Terminal(descriptor: 1)
        let cells = rows(configuration).map { [$0.key, $0.value, $0.origin] }
        return table(
            [["KEY", "VALUE", "ORIGIN"]] + cells, columns: terminal.columns, droppable: [2], ellipsis: terminal.ellipsis
        )
    }

    private func document(_ configuration: GatewayConfiguration, _ folders: Folders) -> ConfigDocument {
        ConfigDocument(
            settings: ByName(rows(configuration).map { ($0.key, .init(value: $0.value, origin: $0.origin)) }),
            configFolder: folders.configFolder, stateFolder: folders.stateFolder, logFolder: folders.logFolder)
    }
}
