public import DeviceClient
public import GatewayModel
internal import GatewaySystem
internal import Glibc

/// `token_group` names a group that this machine does not have.
public struct NoSuchGroup: Error, Sendable, Hashable, CustomStringConvertible {
    /// The group's name, as it is configured.
    public var name: String
    /// `cannot give the token to group '<name>': …`, one line for people.
    public var description: String { "cannot give the token to group '\(name)': there is no such group (token_group)" }
}

extension TokenStore {
    /// The token file of a gateway, readable by `token_group` if the configuration names one.
    /// - Parameter makingFolder: makes the state folder, for those who may write a token. A dry run makes nothing.
    public static func make(
        _ folders: Folders, _ configuration: GatewayConfiguration, makingFolder: Bool = true
    ) throws -> TokenStore {
        if makingFolder { try FileTree.makeDirectory(folders.stateFolder) }
        guard let name = configuration.tokenGroup else { return TokenStore(path: folders.tokenFile) }
        guard let group = TokenGroup.identifier(name) else { throw NoSuchGroup(name: name) }
        return TokenStore(path: folders.tokenFile, group: group)
    }
}

/// The group of `token_group`, which may read the token (D10).
enum TokenGroup {
    /// The number of a group (getgrnam_r(3)), or nil.
    static func identifier(_ name: String) -> UInt32? {
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.gr_gid
    }
}
