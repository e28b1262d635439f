internal import Glibc

/// Files that are whole or not there, whatever moment the power fails.
///
/// The recipe: a temporary file in the same folder, all bytes written, owner and mode set, fsync, close checked,
/// rename, fsync of the folder. UBIFS and JFFS2 have no heuristic that would forgive leaving out one of these.
public enum AtomicFile {
    /// Replaces or creates the file `path` with `bytes`.
    ///
    /// When this returns, the content survives power loss. When it throws, or the process is killed, the old
    /// content is still there, and at most a temporary file `.<name>.new` lies beside it, which the next write of
    /// the same file removes. Two writers at once take turns. A symlink at `path` is replaced, not followed.
    /// - Parameters:
    ///   - mode: permission bits, exactly; the umask does not apply.
    ///   - owner: user and group, or nil for the process's own.
    ///   - isDurable: false where a sync of the whole file system follows before anybody relies on the file. Until then a
    ///     power cut may leave the old content, the new one, or an empty file.
    public static func write(
        _ bytes: some Collection<UInt8>, to path: String, mode: UInt32 = 0o644,
        owner: (user: UInt32, group: UInt32)? = nil, isDurable: Bool = true
    ) throws(SystemError) {
        let place = try PathParts(path)
        let folder = try OpenFile(path: place.parent, flags: O_RDONLY | O_DIRECTORY)
        let temporary = ".\(place.name).new"
        let file = try createTemporary(temporary, in: folder, of: path)
        do throws(SystemError) {
            try file.writeAll(Array(bytes), named: path)
            if let owner, fchown(file.descriptor, owner.user, owner.group) != 0 {
                throw SystemError.last("change owner of \(path)")
            }
            guard fchmod(file.descriptor, mode) == 0 else { throw SystemError.last("change mode of \(path)") }
            if isDurable { try file.sync(named: path) }
        } catch {
            unlinkat(folder.descriptor, temporary, 0)
            throw error
        }
        // The rename comes before the close, which ends the lock that keeps other writers away from the name; fsync
        // has already reported what close could.
        guard renameat(folder.descriptor, temporary, folder.descriptor, place.name) == 0 else {
            let error = SystemError.last("replace \(path)")
            unlinkat(folder.descriptor, temporary, 0)
            throw error
        }
        try file.closeChecked(named: path)
        if isDurable { try folder.sync(named: place.parent) }
    }

    /// Replaces or creates the file `path` with the UTF-8 bytes of `text`. See `write(_:to:mode:owner:isDurable:)`.
    public static func write(
        _ text: String, to path: String, mode: UInt32 = 0o644, owner: (user: UInt32, group: UInt32)? = nil,
        isDurable: Bool = true
    ) throws(SystemError) {
        try write(Array(text.utf8), to: path, mode: mode, owner: owner, isDurable: isDurable)
    }

    /// The whole content of a file of at most `limit` bytes.
    ///
    /// A larger file is an error (EFBIG) after `limit` + 1 bytes; anything that is not a regular file is an error
    /// (EINVAL) at once, so that a FIFO cannot make the caller wait.
    public static func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let file = try OpenFile(path: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let status = try file.status(named: path)
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SystemError("read \(path)", code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
        }
        guard status.st_size <= limit else { throw tooLarge(path, limit) }
        // One byte more than expected, so that the end is seen in one read: of the size that the file said, with room
        // left. Files of /proc say 0, some of /sys more than they have; they are read on.
        var content = [UInt8](repeating: 0, count: min(limit, max(Int(status.st_size), 4095)) + 1)
        var count = 0
        while true {
            let got = try file.readSome(into: &content, from: count, named: path)
            count += got
            if got == 0 || count == Int(status.st_size) { break }
            guard count <= limit else { throw tooLarge(path, limit) }
            if count == content.count {
                content.append(contentsOf: repeatElement(0, count: min(limit + 1 - count, count)))
            }
        }
        content.removeSubrange(count...)
        return content
    }

    private static func tooLarge(_ path: String, _ limit: Int) -> SystemError {
        SystemError("read \(path), of which at most \(limit) bytes are taken", code: EFBIG)
    }

    /// Creates the temporary file and locks it, so that a leftover (unlocked) differs from another writer's (locked).
    private static func createTemporary(
        _ name: String, in folder: borrowing OpenFile, of path: String
    ) throws(SystemError) -> OpenFile {
        while true {
            let descriptor = retrying {
                openat(folder.descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            }
            if descriptor >= 0 {
                let file = OpenFile(owning: descriptor)
                guard retrying({ flock(file.descriptor, LOCK_EX) }) == 0 else {
                    let error = SystemError.last("lock temporary file of \(path)")
                    unlinkat(folder.descriptor, name, 0)
                    throw error
                }
                // Between creation and lock another writer may have taken it for a leftover.
                if try file.status(named: path).st_nlink > 0 { return file }
                continue
            }
            guard errno == EEXIST else { throw .last("create temporary file for \(path)") }
            let old = retrying { openat(folder.descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
            if old < 0, errno == ENOENT { continue }
            if old >= 0 {
                let leftover = OpenFile(owning: old)
                _ = retrying { flock(leftover.descriptor, LOCK_EX) }
                var now = stat()
                let isThere = fstatat(folder.descriptor, name, &now, AT_SYMLINK_NOFOLLOW) == 0
                let status = try leftover.status(named: path)
                if !isThere || status.st_ino != now.st_ino || status.st_dev != now.st_dev { continue }
            }
            guard unlinkat(folder.descriptor, name, 0) == 0 || errno == ENOENT else {
                throw .last("remove leftover temporary file of \(path)")
            }
        }
    }
}

/// A path cut into its folder and its last component.
struct PathParts {
    var parent: String
    var name: String

    /// - Throws: EINVAL if the last component is empty, `.` or `..`, or the path holds a NUL.
    init(_ path: String) throws(SystemError) {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        if let slash = trimmed.lastIndex(of: "/") {
            parent = slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
            name = String(trimmed[trimmed.index(after: slash)...])
        } else {
            parent = "."
            name = String(trimmed)
        }
        guard !name.isEmpty, name != ".", name != "..", !path.utf8.contains(0) else {
            throw SystemError("use path '\(path)'", code: EINVAL)
        }
    }
}
