internal import Glibc

/// Folders and what is in them. Paths are the caller's own; nothing below them is ever followed through a symlink.
public enum FileTree {
    /// What a name stands for; `other` is a device, a FIFO or a socket.
    public enum Kind: Sendable, Hashable {
        case file, directory, symlink, other
    }

    /// What is at `path`, a symlink itself rather than its target; nil if nothing is there.
    public static func kind(_ path: String) throws(SystemError) -> Kind? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .last("examine \(path)")
        }
        return Kind(mode: status.st_mode)
    }

    /// Whether something is at `path`: a dangling symlink counts; what cannot be looked at does not.
    public static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Makes the folder `path` and those above it that are missing, each with `mode` (the umask does not apply), and
    /// syncs the folders that gained one, so that they survive power loss.
    /// - Parameter isDurable: false where a sync of the whole file system follows before anybody relies on them.
    /// - Returns: whether `path` had to be made.
    /// - Throws: ENOTDIR if something else is in the way.
    @discardableResult
    public static func makeDirectory(
        _ path: String, mode: UInt32 = 0o755, isDurable: Bool = true
    ) throws(SystemError) -> Bool {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw SystemError("create folder \(path)", code: ENOTDIR) }
            return false
        }
        guard errno == ENOENT else { throw .last("create folder \(path)") }
        let place = try PathParts(path)
        if place.parent != "/", place.parent != "." {
            try makeDirectory(place.parent, mode: mode, isDurable: isDurable)
        }
        guard mkdir(path, mode) == 0 else {
            // Somebody else may have been quicker.
            if errno == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return false }
            throw .last("create folder \(path)")
        }
        guard chmod(path, mode) == 0 else { throw .last("change mode of \(path)") }
        if isDurable { try syncDirectory(place.parent) }
        return true
    }

    /// Gives the folder `path` itself, and nothing in it, to a user and a group. A symlink there is an error.
    public static func setOwner(ofDirectory path: String, user: UInt32, group: UInt32) throws(SystemError) {
        let folder = try OpenFile(path: path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        guard fchown(folder.descriptor, user, group) == 0 else { throw .last("change owner of \(path)") }
    }

    /// fsync(2) of a folder: names that were created, renamed or removed in it are durable.
    public static func syncDirectory(_ path: String) throws(SystemError) {
        try OpenFile(path: path, flags: O_RDONLY | O_DIRECTORY).sync(named: path)
    }

    /// fsync(2) of a file: its content and its length are durable.
    public static func syncFile(_ path: String) throws(SystemError) {
        try OpenFile(path: path, flags: O_RDONLY | O_NOFOLLOW).sync(named: path)
    }

    /// Renames `source` to `target` on the same file system, replacing a file or an empty folder there, and syncs
    /// both folders, unless a sync of one of them or of the whole file system follows before anybody relies on it.
    public static func move(_ source: String, to target: String, isDurable: Bool = true) throws(SystemError) {
        guard rename(source, target) == 0 else { throw .last("rename \(source) to \(target)") }
        guard isDurable else { return }
        let from = try PathParts(source).parent
        let to = try PathParts(target).parent
        try syncDirectory(to)
        if from != to { try syncDirectory(from) }
    }

    /// Removes a file or symlink; one that is not there is fine. Not synced.
    /// - Returns: whether there was one.
    @discardableResult
    public static func removeFile(_ path: String) throws(SystemError) -> Bool {
        if unlink(path) == 0 { return true }
        guard errno == ENOENT || errno == ENOTDIR else { throw .last("remove \(path)") }
        return false
    }

    /// The names in a folder, sorted, without `.` and `..`. Bytes that are not UTF-8 are shown as U+FFFD.
    public static func list(_ path: String) throws(SystemError) -> [String] {
        var folder = try FolderReader(path)
        var names: [String] = []
        while let entry = try folder.next() { names.append(entry.name) }
        return names.sorted()
    }

    /// The text of a symlink; nil if `path` is none.
    public static func linkTarget(_ path: String) -> String? {
        linkTarget(path, in: AT_FDCWD).map { String(decoding: $0, as: UTF8.self) }
    }

    static func linkTarget(_ name: UnsafePointer<CChar>, in folder: Int32) -> [UInt8]? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = target.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { readlinkat(folder, name, $0, text.count) } ?? -1
            }
        }
        guard count >= 0 else { return nil }
        target.removeSubrange(count...)
        return target
    }

    /// The names in an open folder as bytes, in no order.
    static func names(in folder: Int32, called path: String) throws(SystemError) -> [[UInt8]] {
        var folder = try FolderReader(in: folder, called: path)
        var names: [[UInt8]] = []
        while let entry = try folder.next() { names.append(entry.bytes) }
        return names
    }
}

extension FileTree.Kind {
    init(mode: mode_t) {
        switch mode & S_IFMT {
        case S_IFREG: self = .file
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .symlink
        default: self = .other
        }
    }
}

extension Array where Element == UInt8 {
    /// Calls `body` with these bytes as a C string. A NUL within them ends it early: callers have refused those.
    func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (self + [0]).withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                // The array holds at least the NUL, so it has an address.
                text.baseAddress.map(body) ?? "".withCString(body)
            }
        }
    }
}
