internal import Glibc

extension Inventory {
    /// Takes the inventory of a release folder as it is now.
    ///
    /// Every file is read, except those that `known` has with the same size, mtime, mode and inode: after an
    /// install step only what it touched is read. FIFOs, sockets and devices are left out. A symlink is never
    /// followed.
    /// - Throws: also when a file changes its size while it is read, when a folder is on another file system (EXDEV), and
    ///   for what lies deeper than `levelLimit` folders or has a path that no system call takes (ENAMETOOLONG), and beyond
    ///   `scanByteLimit` (E2BIG).
    public static func scan(
        _ directory: String, as release: Release, reusing known: Inventory? = nil
    ) throws(SystemError) -> Inventory {
        var byPath: [[UInt8]: Entry] = [:]
        for entry in known?.entries ?? [] { byPath[entry.path] = entry }
        let root = try OpenFile(path: directory, flags: O_RDONLY | O_DIRECTORY)
        let device = try root.status(named: directory).st_dev
        var scanner = InventoryScanner(directory: directory, device: device, known: byPath)
        try scanner.scan(root.descriptor, below: [])
        return Inventory(release, entries: scanner.entries)
    }

    /// Each level takes a descriptor and some of the stack while it is looked at. Four times what a package may have.
    public static let levelLimit = 4 * UnpackLimits().pathDepth

    /// Bytes of an inventory, and about as many of memory while it is made: some 400,000 files, folders and links, twice
    /// what a package may have. With all bytes of all names escaped it can still be read (`byteLimit`).
    public static let scanByteLimit = byteLimit / 4
}

private struct InventoryScanner {
    let directory: String
    let device: dev_t
    let known: [[UInt8]: Inventory.Entry]
    var entries: [Inventory.Entry] = []
    private var byteCount = 0
    /// Of a line without its path: a digest, and numbers.
    private static let factByteCount = 128
    private let buffer = ReadBuffer()

    init(directory: String, device: dev_t, known: [[UInt8]: Inventory.Entry]) {
        self.directory = directory
        self.device = device
        self.known = known
    }

    /// - Parameter prefix: the folder's path, with a slash at its end.
    mutating func scan(_ folder: Int32, below prefix: [UInt8], level: Int = 1) throws(SystemError) {
        for name in try FileTree.names(in: folder, called: words(prefix)) {
            let path = prefix + name
            var start: String { words(path.prefix(64)) }
            guard level <= Inventory.levelLimit else {
                throw SystemError(
                    "take stock of \(start)…, which has more than \(Inventory.levelLimit) folders one in another",
                    code: ENAMETOOLONG)
            }
            guard path.count < Int(PATH_MAX) else { throw SystemError("take stock of \(start)…", code: ENAMETOOLONG) }
            byteCount += InventoryScanner.factByteCount + path.count
            guard byteCount <= Inventory.scanByteLimit else {
                throw SystemError(
                    "take stock of \(directory), whose files have \(Inventory.scanByteLimit >> 20) MiB of names and facts",
                    code: E2BIG)
            }
            try add(name, in: folder, path: path, level: level)
        }
    }

    private func words(_ path: some Collection<UInt8>) -> String {
        "\(directory)/\(String(decoding: path, as: UTF8.self))"
    }

    private mutating func add(_ name: [UInt8], in folder: Int32, path: [UInt8], level: Int) throws(SystemError) {
        var status = stat()
        let found = name.withCString { fstatat(folder, $0, &status, AT_SYMLINK_NOFOLLOW) }
        guard found == 0 else { throw .last("examine \(words(path))") }
        switch FileTree.Kind(mode: status.st_mode) {
        case .directory:
            guard status.st_dev == device else { throw SystemError("examine \(words(path))", code: EXDEV) }
            entries.append(.init(path: path, mode: status.st_mode & 0o777, kind: .directory))
            let inner = try opened(name, O_DIRECTORY, in: folder, path)
            try scan(inner.descriptor, below: path + [47], level: level + 1)
        case .symlink:
            guard let target = name.withCString({ FileTree.linkTarget($0, in: folder) }) else {
                throw .last("read link \(words(path))")
            }
            entries.append(.init(path: path, mode: 0o777, kind: .symlink(target: target)))
        case .file:
            var state = Inventory.FileState(status)
            if case .file(let before) = known[path]?.kind, known[path]?.mode == status.st_mode & 0o7777,
                before.byteCount == state.byteCount, before.modified == state.modified, before.inode == state.inode
            {
                state.digest = before.digest
            } else {
                state.digest = try opened(name, O_NONBLOCK, in: folder, path).digest(
                    named: words(path), buffer: buffer)
            }
            entries.append(.init(path: path, mode: status.st_mode & 0o7777, kind: .file(state)))
        case .other: break
        }
    }

    private func opened(
        _ name: [UInt8], _ flags: Int32, in folder: Int32, _ path: [UInt8]
    ) throws(SystemError) -> OpenFile {
        let opened = retrying { name.withCString { openat(folder, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags) } }
        guard opened >= 0 else { throw .last("open \(words(path))") }
        return OpenFile(owning: opened)
    }
}

extension Inventory.FileState {
    /// Everything but the digest.
    init(_ status: stat) {
        self.init(
            byteCount: Int64(status.st_size),
            modified: Inventory.FileTime(
                seconds: Int64(status.st_mtim.tv_sec), nanoseconds: Int64(status.st_mtim.tv_nsec)),
            inode: UInt64(status.st_ino), digest: SHA256Digest())
    }
}
