internal import ArgumentParser
internal import DeviceClient
internal import GatewayAgent
internal import GatewayModel

/// The token as `gwe config` handles it: never on a command line, never beside other values.
enum ConfigToken {
    /// The 40 characters, or nil when there is no token. Throws when this user may not read it.
    static func read(_ folders: Folders) throws -> String? {
        try TokenStore(path: folders.tokenFile).load(repairing: false)?.token.secret
    }

    static func remove(_ folders: Folders) throws { try TokenStore(path: folders.tokenFile).remove() }

    /// Whether a token is stored, as far as this user can tell.
    static func exists(_ folders: Folders) -> Bool {
        (try? TokenStore(path: folders.tokenFile).load(repairing: false)) != nil
    }

    /// Takes the token from standard input, where no list of processes shows it.
    static func set(_ argument: String, _ folders: Folders) throws {
        guard argument == "-" else {
            tell("gwe: a token on a command line can be read by everybody; use 'gwe config set token -' and type it")
            throw ExitCode(64)
        }
        try save(readLine() ?? "", folders)
    }

    static func save(_ text: String, _ folders: Folders) throws {
        guard let token = DeviceToken(text[...]) else {
            tell("gwe: cannot set token: expected 40 characters, found \(text.count)")
            throw ExitCode(64)
        }
        let configuration = try ConfigurationStore(folders: folders).inForce(isTolerant: true).configuration
        try TokenStore.make(folders, configuration).save(token)
        CloudInvitation.send(GatewayContext(folders: folders, configuration: configuration))
    }
}
