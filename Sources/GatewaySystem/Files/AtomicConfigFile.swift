internal import Glibc

/// Configuration files as Gateway Engine wrote them (docs/coming-from-gateway-engine.md#configuration-files): a
/// temporary file `atomic-…-cfg` in the same folder, written and synced, renamed over the file, and the folder synced.
///
/// UBIFS and JFFS2 leave files of no length after a power cut otherwise. A kill leaves at most a temporary file, which
/// the next change of any file of that folder removes.
public enum AtomicConfigFile {
    /// A configuration is a page of text.
    public static let limit = 1 << 20

    /// Reads a file, changes its content and puts it back; those who change files of one folder by this take turns.
    ///
    /// A symlink is followed, and the file it leads to is replaced. Owner and mode stay.
    /// - Parameters:
    ///   - isSecret: for content that holds a credential: a file that everybody may use becomes its owner's (0600).
    ///   - change: gets the content, returns the new one, or nil to leave the file alone.
    /// - Throws: what the system says, ENOENT for a missing file among it, and what `change` throws, wrapped as it is.
    public static func update(
        _ path: String, isSecret: Bool = false, _ change: ([UInt8]) throws -> [UInt8]?
    ) throws {
        guard let resolved = realpath(path, nil) else { throw SystemError.last("open \(path)") }
        defer { free(resolved) }
        let place = try PathParts(String(cString: resolved))
        let folder = try OpenFile(path: place.parent, flags: O_RDONLY | O_DIRECTORY)
        guard retrying({ flock(folder.descriptor, LOCK_EX) }) == 0 else {
            throw SystemError.last("lock \(place.parent)")
        }
        let whole = place.parent == "/" ? "/" + place.name : place.parent + "/" + place.name
        let content = try AtomicFile.read(whole, limit: limit)
        var facts = stat()
        guard fstatat(folder.descriptor, place.name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw SystemError.last("examine \(path)")
        }
        guard let new = try change(content) else { return }
        let isOpen = facts.st_mode & 0o007 != 0
        let mode = isSecret && isOpen ? 0o600 : facts.st_mode & 0o777
        try replace(place.name, in: folder, with: new, mode: mode, like: facts, named: path)
        removeLeftovers(in: folder, named: place.parent)
    }

    private static func replace(
        _ name: String, in folder: borrowing OpenFile, with bytes: [UInt8], mode: mode_t, like facts: stat,
        named path: String
    ) throws(SystemError) {
        var temporary = ""
        let file = try create(&temporary, in: folder.descriptor, named: path)
        do throws(SystemError) {
            try file.writeAll(bytes, named: path)
            if facts.st_uid != geteuid() || facts.st_gid != getegid(),
                fchown(file.descriptor, facts.st_uid, facts.st_gid) != 0
            {
                throw SystemError.last("keep the owner of \(path)")
            }
            guard fchmod(file.descriptor, mode) == 0 else { throw SystemError.last("change mode of \(path)") }
            try file.sync(named: path)
            guard renameat(folder.descriptor, temporary, folder.descriptor, name) == 0 else {
                throw SystemError.last("replace \(path)")
            }
        } catch {
            unlinkat(folder.descriptor, temporary, 0)
            throw error
        }
        try file.closeChecked(named: path)
        try folder.sync(named: path)
    }

    /// - Parameter name: is set to the temporary file's.
    private static func create(
        _ name: inout String, in folder: Int32, named path: String
    ) throws(SystemError) -> OpenFile {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            name = prefix + String(UInt32.random(in: 0...UInt32.max, using: &random), radix: 36) + suffix
            let opened = retrying { openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
            if opened >= 0 { return OpenFile(owning: opened) }
            guard errno == EEXIST else { break }
        }
        throw .last("create temporary file for \(path)")
    }

    /// The folder is locked, so whatever bears the name was left by a kill. That they are there hurts nobody: what
    /// cannot be removed stays.
    private static func removeLeftovers(in folder: borrowing OpenFile, named path: String) {
        guard let names = try? FileTree.list(path) else { return }
        for name in names where name.hasPrefix(prefix) && name.hasSuffix(suffix) {
            unlinkat(folder.descriptor, name, 0)
        }
    }

    private static let prefix = "atomic-"
    private static let suffix = "-cfg"
}
