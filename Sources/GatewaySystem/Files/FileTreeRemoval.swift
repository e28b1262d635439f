internal import CLinux
internal import Glibc

extension FileTree {
    /// What a folder is renamed to before its content is deleted. Whoever lists releases skips these names.
    public static let trashPrefix = ".trash-"

    /// Deletes a file, symlink or folder with everything in it; if it is not there, nothing happens.
    ///
    /// It is first renamed to `.trash-…` beside it and the parent synced: from then on it is gone as a whole, and
    /// what a crash leaves behind can be found by that name (`emptyTrash`). Descriptors anchor every step, so a
    /// symlink is deleted, never followed, and another file system mounted inside is an error (EXDEV), not emptied.
    public static func removeTree(_ path: String) throws(SystemError) {
        guard let kind = try kind(path) else { return }
        let place = try PathParts(path)
        guard kind == .directory else {
            try removeFile(path)
            return try syncDirectory(place.parent)
        }
        var trash = path
        if !place.name.hasPrefix(trashPrefix) {
            var attempt = 0
            repeat {
                trash = "\(place.parent)/\(trashPrefix)\(place.name)-\(getpid())-\(attempt)"
                attempt += 1
            } while exists(trash)
            guard rename(path, trash) == 0 else { throw .last("remove \(path)") }
            try syncDirectory(place.parent)
        }
        let remover = try TreeRemover(path: trash)
        try remover.run()
    }

    /// Removes a file and gives its space back at once, though somebody may still have it open: they read nothing more. A
    /// file with another name elsewhere only loses this one; a symlink is removed, never followed.
    /// - Returns: whether there was one.
    @discardableResult
    public static func releaseFile(_ path: String) throws(SystemError) -> Bool {
        let opened = retrying { open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        if opened >= 0 {
            let file = OpenFile(owning: opened)
            var status = stat()
            if fstat(file.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 {
                _ = ftruncate(file.descriptor, 0)
            }
        }
        return try removeFile(path)
    }

    /// Deletes what interrupted removals left in `folder`.
    public static func emptyTrash(in folder: String) throws(SystemError) {
        for name in try list(folder) where name.hasPrefix(trashPrefix) { try removeTree("\(folder)/\(name)") }
    }
}

/// Deletes a tree of any depth with few open descriptors: what lies too deep is first moved up to the top.
private final class TreeRemover {
    private let path: String
    private let top: OpenFile
    private let device: dev_t
    private var moved = 0
    private static let depthLimit = 64

    init(path: String) throws(SystemError) {
        self.path = path
        let opened = TreeRemover.open(path, in: AT_FDCWD)
        guard opened >= 0 else { throw .last("open \(path)") }
        top = OpenFile(owning: opened)
        let status = try top.status(named: path)
        device = status.st_dev
        if status.st_mode & 0o700 != 0o700 { fchmod(opened, status.st_mode & 0o7777 | 0o700) }
    }

    /// A folder that even its owner may not read is made readable first: only root could empty it otherwise.
    /// - Returns: a descriptor, or -1 with errno.
    private static func open(_ name: UnsafePointer<CChar>, in folder: Int32) -> Int32 {
        func open() -> Int32 {
            retrying { openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        }
        let opened = open()
        guard opened < 0, errno == EACCES else { return opened }
        guard fchmodat(folder, name, 0o700, AT_SYMLINK_NOFOLLOW) == 0 else {
            errno = EACCES
            return -1
        }
        return open()
    }

    func run() throws(SystemError) {
        // Each round deletes down to the depth limit and moves what is deeper up, until nothing was moved.
        repeat {
            moved = 0
            try empty(top.descriptor, depth: 0)
        } while moved > 0
        guard rmdir(path) == 0 else { throw .last("remove folder \(path)") }
    }

    private func empty(_ folder: Int32, depth: Int) throws(SystemError) {
        for name in try FileTree.names(in: folder, called: path) {
            try remove(name, in: folder, depth: depth)
        }
    }

    private func remove(_ name: [UInt8], in folder: Int32, depth: Int) throws(SystemError) {
        var words: String { "\(String(decoding: name, as: UTF8.self)) in \(path)" }
        if unlink(name, 0, in: folder) { return }
        let refusal = errno
        guard refusal == EISDIR || refusal == EPERM || refusal == EACCES else { throw .last("remove \(words)") }
        if unlink(name, AT_REMOVEDIR, in: folder) { return }
        let opened = name.withCString { TreeRemover.open($0, in: folder) }
        guard opened >= 0 else {
            // No folder: then the first answer was about the file itself.
            guard errno != ENOTDIR && errno != ELOOP else {
                throw SystemError("remove \(words)\(immutability(name, in: folder))", code: refusal)
            }
            throw .last("open \(words)")
        }
        let inner = OpenFile(owning: opened)
        let status = try inner.status(named: words)
        guard status.st_dev == device else { throw SystemError("remove \(words)", code: EXDEV) }
        // A folder without write permission cannot be emptied or moved by its own owner, unless that is root.
        if status.st_mode & 0o700 != 0o700 { fchmod(inner.descriptor, status.st_mode & 0o7777 | 0o700) }
        if depth >= Self.depthLimit {
            // Back at the top it gets its turn in the next round.
            moved += 1
            let target = ".deep-\(moved)-\(status.st_ino)"
            guard name.withCString({ renameat(folder, $0, top.descriptor, target) }) == 0 else {
                throw .last("remove \(words)")
            }
            return
        }
        try empty(inner.descriptor, depth: depth + 1)
        guard unlink(name, AT_REMOVEDIR, in: folder) else { throw .last("remove folder \(words)") }
    }

    /// What chattr(1) has done to a file or to its folder, which keeps root from removing it too; asked, never guessed.
    private func immutability(_ name: [UInt8], in folder: Int32) -> String {
        let opened = retrying {
            name.withCString { openat(folder, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        }
        defer { if opened >= 0 { close(opened) } }
        if opened >= 0, gwe_is_immutable(opened) != 0 { return ", which is immutable ('chattr -i -a' ends that)" }
        return gwe_is_immutable(folder) != 0 ? ", a folder that is immutable ('chattr -i -a' ends that)" : ""
    }

    private func unlink(_ name: [UInt8], _ flags: Int32, in folder: Int32) -> Bool {
        name.withCString { unlinkat(folder, $0, flags) } == 0
    }
}
