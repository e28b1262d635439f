public import GatewaySystem
internal import Glibc

/// The device's token on disk (D10): the file `token` holds 40 characters and a newline, mode 0600.
///
/// Beside it lie `token.sha256`, in the form of sha256sum(1), and `token.previous`, the generation before. A device
/// cannot get a lost token back by itself (activation answers 409), so a file that power loss has torn, emptied or
/// filled with zeros is noticed and the previous generation takes its place.
public struct TokenStore: Sendable {
    /// Which file a token came from.
    public enum Generation: Sendable, Hashable { case current, previous }

    /// The token file; the others lie beside it.
    public let path: String
    /// A group that may read the token (`token_group`), or nil.
    public let group: UInt32?

    private var checksumPath: String { path + ".sha256" }
    private var previousPath: String { path + ".previous" }

    /// A store at a path. Nothing is read or written yet; the folder must be there before `save`.
    public init(path: String, group: UInt32? = nil) {
        self.path = path
        self.group = group
    }

    /// Holds nothing and keeps nothing (`save` throws): for clients that are given their token.
    public static let none = TokenStore(path: "/dev/null/token")

    /// The token, or nil if there is none, or none that is whole.
    ///
    /// - Parameter repairing: write the previous generation back in place of a damaged file, and take away what others
    ///   than owner and group may do with the files, where they are this user's. Off for a dry run.
    /// - Throws: what the files' system says, but not that they are absent.
    public func load(repairing: Bool = true) throws(SystemError) -> (token: DeviceToken, generation: Generation)? {
        if repairing { for name in [path, previousPath] { TokenStore.close(name) } }
        let digests = try digests()
        let current = try read(path)
        if let current, digests.isEmpty || digests.contains(current.digest) { return (current.token, .current) }
        if let previous = try read(previousPath), digests.isEmpty || digests.contains(previous.digest) {
            if repairing { try write(previous.token, to: path) }
            return (previous.token, .previous)
        }
        // Well formed, but not what was written here last: somebody has put it there by hand.
        return current.map { ($0.token, .current) }
    }

    /// Replaces the token and keeps the one before. After a crash at any moment `load` finds one of the two.
    public func save(_ token: DeviceToken) throws(SystemError) {
        let before = try load(repairing: false)?.token
        if before == token, try read(path)?.token == token, try !digests().isEmpty { return }
        // First the digests of both, so that whichever file is there then is known to be good.
        var lines = line(token, path)
        if let before, before != token { lines += line(before, previousPath) }
        try AtomicFile.write(lines, to: checksumPath, mode: mode, owner: owner)
        if let before, before != token { try write(before, to: previousPath) }
        try write(token, to: path)
        guard try read(path)?.token == token else { throw SystemError("read back \(path)", code: EIO) }
    }

    /// Removes the token and everything beside it.
    public func remove() throws(SystemError) {
        for name in [path, previousPath, checksumPath] {
            guard unlink(name) == 0 || errno == ENOENT else { throw .last("remove \(name)") }
        }
    }

    /// A copy made by hand with the usual umask can be read by everybody. The group's part stays: `token_group` may want
    /// it, of which an app that opens the store knows nothing. Whose file it is not cannot do it; `gwe doctor` tells.
    private static func close(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o007 != 0 else { return }
        chmod(path, status.st_mode & 0o770)
    }

    private var mode: UInt32 { group == nil ? 0o600 : 0o640 }
    private var owner: (user: UInt32, group: UInt32)? { group.map { (geteuid(), $0) } }

    private func write(_ token: DeviceToken, to path: String) throws(SystemError) {
        try AtomicFile.write(token.secret + "\n", to: path, mode: mode, owner: owner)
    }

    private func line(_ token: DeviceToken, _ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return SHA256.hex(of: Array((token.secret + "\n").utf8)) + "  " + name + "\n"
    }

    /// nil when the file is absent or holds no token; a missing newline is forgiven.
    private func read(_ path: String) throws(SystemError) -> (token: DeviceToken, digest: String)? {
        guard let bytes = try content(path) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let token = DeviceToken(text.hasSuffix("\n") ? text.dropLast() : text[...]) else { return nil }
        return (token, SHA256.hex(of: Array((token.secret + "\n").utf8)))
    }

    private func digests() throws(SystemError) -> [String] {
        guard let bytes = try content(checksumPath) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let digest = line.prefix(64)
            return digest.utf8.count == 64 && digest.allSatisfy(\.isHexDigit) ? String(digest) : nil
        }
    }

    private func content(_ path: String) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            return try AtomicFile.read(path, limit: 4096)
        } catch {
            switch error.code {
            // Nothing there, or something that is no token file: as good as nothing.
            case ENOENT, ENOTDIR, EFBIG, EISDIR, EINVAL: return nil
            default: throw error
            }
        }
    }
}
