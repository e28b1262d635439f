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
            emit(output.json ? document(configuration, folders).jsonText(indented: true) : table(configuration))
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

    private func table(_ configuration: GatewayConfiguration) -> String {
        let rows = [(key: "KEY", value: "VALUE", origin: "ORIGIN")] + rows(configuration)
        let keyWidth = rows.map(\.key.count).max() ?? 0
        let valueWidth = rows.map(\.value.count).max() ?? 0
        func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: width - text.count) }
        return rows.map { "\(padded($0.key, keyWidth))  \(padded($0.value, valueWidth))  \($0.origin)" }
            .joined(separator: "\n")
    }

    private func document(_ configuration: GatewayConfiguration, _ folders: Folders) -> ConfigDocument {
        ConfigDocument(
            settings: ByName(rows(configuration).map { ($0.key, .init(value: $0.value, origin: $0.origin)) }),
            configFolder: folders.configFolder, stateFolder: folders.stateFolder, logFolder: folders.logFolder)
    }
}
