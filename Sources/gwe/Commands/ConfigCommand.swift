internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Read and change this gateway's own configuration (gateway.yaml).",
        discussion: """
            Keys: \(GatewayConfiguration.Key.allCases.map(\.rawValue).joined(separator: ", ")); get also knows token.

            A change takes effect when 'gwe run' is started again, or takes itself over (SIGUSR1).
            """,
        subcommands: [
            ConfigGetCommand.self, ConfigSetCommand.self, ConfigUnsetCommand.self, ConfigShowCommand.self,
            ConfigImportCommand.self, ConfigMACAddressCommand.self, ConfigProgramPathCommand.self,
        ])
}

struct ConfigGetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print the value in force of one key.",
        discussion: "Exit code 1 and no output when the key has no value, unless --default gives one.")

    @OptionGroup var folderOptions: FolderOptions
    @Option(name: .customLong("default"), help: .init("Printed when the key has no value.", valueName: "text"))
    var standardValue: String?
    @Argument(help: "A key of gateway.yaml, or token.") var key: String

    func run() throws {
        try exitingOnError {
            if key == "token" {
                let none = "there is no token; 'gwe activate' asks for one"
                return try answer(ConfigToken.read(folderOptions.folders), none)
            }
            let key = try configurationKey(key)
            let configuration = try ConfigurationStore(folders: folderOptions.folders).load()
            // The identity in force may be an interface's MAC.
            if key == .identity, configuration.interface != nil {
                return emit(try Identity.resolve(configuration).text)
            }
            try answer(configuration[key]?.value, "\(key) is not set")
        }
    }

    private func answer(_ value: String?, _ none: String) throws {
        if let text = value ?? standardValue { return emit(text) }
        tell("gwe: \(none)")
        throw ExitCode(1)
    }
}

struct ConfigSetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set keys; comments and the other lines stay as they are.",
        usage: "gwe config set KEY VALUE [KEY VALUE ...]",
        discussion: """
            Several keys are set in one atomic write. An empty value takes a key away. \
            'gwe config set token -' reads the token from standard input.
            """)

    @OptionGroup var folderOptions: FolderOptions
    /// For Gateway Engine's `-c`, which had the token on the command line.
    @Flag(help: .hidden) var allowTokenArgument = false
    @Argument(help: .init("A key of gateway.yaml and its new value.", valueName: "KEY VALUE")) var pairs: [String]

    func validate() throws {
        guard pairs.count.isMultiple(of: 2) else { throw ValidationError("'\(pairs[pairs.count - 1])' needs a value") }
    }

    func run() throws {
        try exitingOnError {
            if pairs[0] == "token" {
                guard pairs.count == 2 else { throw usageError("set the token in a call of its own") }
                if allowTokenArgument { return try ConfigToken.save(pairs[1], folderOptions.folders) }
                return try ConfigToken.set(pairs[1], folderOptions.folders)
            }
            var edits: ConfigurationStore.Edits = [:]
            for index in stride(from: 0, to: pairs.count, by: 2) {
                let value = pairs[index + 1]
                edits.updateValue(value.isEmpty ? nil : value, forKey: try configurationKey(pairs[index]))
            }
            try changeConfiguration(edits, in: folderOptions.folders)
        }
    }
}

struct ConfigUnsetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unset", abstract: "Take a key away.")

    @OptionGroup var folderOptions: FolderOptions
    @Argument(help: "A key of gateway.yaml, or token.") var key: String

    func run() throws {
        try exitingOnError {
            if key == "token" { return try ConfigToken.remove(folderOptions.folders) }
            if GatewayConfiguration.Key(rawValue: key) == nil,
                try ConfigurationStore(folders: folderOptions.folders).removeUnknown(key) != nil
            {
                return tellOfOtherProblems(folderOptions.folders)
            }
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

/// Says what is wrong in gateway.yaml beside what was changed.
private func tellOfOtherProblems(_ folders: Folders) {
    guard let now = try? ConfigurationStore(folders: folders).inForce(isTolerant: true) else { return }
    for problem in now.problems { tell("gwe: warning: \(problem)") }
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
            let now = try ConfigurationStore(folders: folders).inForce(isTolerant: true)
            let identity = try Identity.resolve(now.configuration)
            if let warning = identity.warning { tell("gwe: warning: \(warning)") }
        } catch let error as IdentityError { tell("gwe: warning: \(error)") }
    }
    tellOfOtherProblems(folders)
    let identifying: Set<GatewayConfiguration.Key> = [.identity, .interface, .product]
    if !change.isUnchanged, !identifying.isDisjoint(with: edits.keys), ConfigToken.exists(folders) {
        tell("gwe: note: the stored token belongs to the identity before; 'gwe activate' asks for a new one")
    }
}
