internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Read and change this gateway's own configuration (gateway.yaml).",
        discussion: """
            Examples:
              gwe config set product sandbox000000000
              gwe config set interface eth0
              gwe config get identity
              gwe config show
              gwe config import /etc/exosite/gwe/Gateway.cfg

            Keys: \(GatewayConfiguration.Key.allCases.map(\.rawValue).joined(separator: ", ")); get also knows token.
            A change takes effect when 'gwe run' is restarted or gets SIGHUP.
            """,
        subcommands: [
            ConfigGetCommand.self, ConfigSetCommand.self, ConfigUnsetCommand.self, ConfigShowCommand.self,
            ConfigImportCommand.self,
        ])
}

struct ConfigGetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print the value in force of one key.",
        discussion: "Exit code 1 and no output when the key has no value.")

    @OptionGroup var folderOptions: FolderOptions
    @Argument(help: "A key of gateway.yaml, or token.") var key: String

    func run() throws {
        try exitingOnError {
            if key == "token" { return emit(try ConfigToken.read(folderOptions.folders)) }
            let key = try configurationKey(key)
            let configuration = try ConfigurationStore(folders: folderOptions.folders).load()
            // The identity in force may be an interface's MAC.
            if key == .identity, configuration.interface != nil {
                return emit(try Identity.resolve(configuration).text)
            }
            guard let value = configuration[key]?.value else {
                tell("gwe: \(key) is not set")
                throw ExitCode(1)
            }
            emit(value)
        }
    }
}

struct ConfigSetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set one key; comments and the other lines stay as they are.")

    @OptionGroup var folderOptions: FolderOptions
    @Argument(help: "A key of gateway.yaml, or token.") var key: String
    @Argument(help: "The new value; for token '-', which reads it from standard input.") var value: String

    func run() throws {
        try exitingOnError {
            if key == "token" { return try ConfigToken.set(value, folderOptions.folders) }
            try changeConfiguration([try configurationKey(key): value], in: folderOptions.folders)
        }
    }
}

struct ConfigUnsetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unset", abstract: "Take a key away.")

    @OptionGroup var folderOptions: FolderOptions
    @Argument(help: "A key of gateway.yaml.") var key: String

    func run() throws {
        try exitingOnError {
            try changeConfiguration([try configurationKey(key): nil], in: folderOptions.folders)
        }
    }
}

/// The key of that name; exit code 64 with the nearest one when there is none.
func configurationKey(_ name: String) throws -> GatewayConfiguration.Key {
    if let key = GatewayConfiguration.Key(rawValue: name) { return key }
    tell("gwe: \(GatewayConfiguration.Key.unknown(name))")
    throw ExitCode(64)
}

/// Makes a change and says on standard error what it did beyond what was asked.
func changeConfiguration(_ edits: ConfigurationStore.Edits, in folders: Folders) throws {
    let change = try ConfigurationStore(folders: folders).change(edits)
    for key in change.replaced { tell("gwe: note: \(key) was removed, because the new value replaces it") }
    if let reason = change.overlayReason {
        tell("gwe: note: \(folders.gatewayFile) is not writable (\(reason)); wrote \(change.file), which wins over it")
    }
    if let interface = edits[.interface], interface != nil {
        do {
            let identity = try Identity.resolve(ConfigurationStore(folders: folders).load())
            if let warning = identity.warning { tell("gwe: warning: \(warning)") }
        } catch let error as IdentityError { tell("gwe: warning: \(error)") }
    }
    let identifying: Set<GatewayConfiguration.Key> = [.identity, .interface, .product]
    if !change.isUnchanged, !identifying.isDisjoint(with: edits.keys), ConfigToken.exists(folders) {
        tell("gwe: note: the stored token belongs to the identity before; 'gwe activate' asks for a new one")
    }
}
