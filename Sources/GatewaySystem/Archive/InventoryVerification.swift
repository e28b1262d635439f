internal import Glibc

extension Inventory {
    /// One way in which a release differs from its inventory.
    public struct Deviation: Sendable, Hashable, CustomStringConvertible {
        /// What a deviation is called in short: the entry is gone, or it is there and differs.
        public enum Kind: Sendable, Hashable { case missing, modified }
        /// What is different; the raw value is its text for people.
        public enum Change: String, Sendable, Hashable {
            /// Nothing is at the path.
            case missing = "missing"
            /// A folder where a file was, and the like.
            case type = "of another type"
            /// The permission bits differ.
            case mode = "mode changed"
            /// Of a file: another size, or another digest.
            case content = "content changed"
            /// The symlink leads elsewhere.
            case target = "link changed"
            /// It could not be examined or read: the disk is damaged there.
            case unreadable = "unreadable"
            /// This process could not look at it: no descriptor, no memory, not permitted. That says nothing of it.
            case unexamined = "not examined"

            /// Why a system call failed.
            init(code: Int32) {
                switch code {
                case EMFILE, ENFILE, ENOMEM, EAGAIN, EACCES, EPERM: self = .unexamined
                case ENOENT, ENOTDIR: self = .missing
                default: self = .unreadable
                }
            }
        }

        /// Relative to the release folder, for people: bytes that are not UTF-8 are shown as U+FFFD.
        public var path: String
        /// What is different.
        public var change: Change
        /// `missing` where nothing is there, `modified` for every other change.
        public var kind: Kind { change == .missing ? .missing : .modified }
        /// Path and change: "bin/app: content changed".
        public var description: String { "\(path): \(change.rawValue)" }
    }

    /// Compares a release folder with this inventory. Nothing is changed, and what an app added is no deviation.
    ///
    /// The quick check asks for size, mtime, mode and inode of each file; only where mtime or inode differ while the
    /// size is the same is the content read, so that a `touch` or a restored backup is no drift. `deep` reads every
    /// file. Below a folder that is missing, nothing more is reported.
    /// - Parameter limit: deviations after which the check ends.
    public func verify(_ directory: String, deep: Bool, limit: Int = .max) -> [Deviation] {
        let opened = retrying { open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard opened >= 0 else {
            return [Deviation(path: ".", change: .init(code: errno))]
        }
        let root = OpenFile(owning: opened)
        let descriptor = root.descriptor
        var copy = text
        return copy.withUnsafeMutableBytes { bytes in
            var reader = InventoryReader(UnsafeMutableRawBufferPointer(rebasing: bytes[body]))
            var verifier = InventoryVerifier(root: descriptor, isDeep: deep)
            while verifier.deviations.count < limit, let line = reader.next() { verifier.check(line) }
            return verifier.deviations
        }
    }
}

private struct InventoryVerifier {
    let root: Int32
    let isDeep: Bool
    var deviations: [Inventory.Deviation] = []
    private var missingFolders: [[UInt8]] = []
    private lazy var buffer = ReadBuffer()

    init(root: Int32, isDeep: Bool) {
        self.root = root
        self.isDeep = isDeep
    }

    mutating func check(_ line: InventoryReader.Line) {
        var status = stat()
        guard fstatat(root, line.pathText, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            let change = Inventory.Deviation.Change(code: errno)
            if missingFolders.contains(where: { line.path.starts(with: $0) }) { return }
            if line.kind == UInt8(ascii: "d") { missingFolders.append(Array(line.path) + [47]) }
            return report(line, change)
        }
        switch (line.kind, status.st_mode & S_IFMT) {
        case (UInt8(ascii: "d"), S_IFDIR):
            if status.st_mode & 0o777 != line.mode & 0o777 { report(line, .mode) }
        case (UInt8(ascii: "l"), S_IFLNK):
            guard let target = FileTree.linkTarget(line.pathText, in: root) else { return report(line, .unreadable) }
            if !(line.target?.elementsEqual(target) ?? false) { report(line, .target) }
        case (UInt8(ascii: "f"), S_IFREG): check(line, file: status)
        default:
            if line.kind == UInt8(ascii: "d") { missingFolders.append(Array(line.path) + [47]) }
            report(line, .type)
        }
    }

    private mutating func check(_ line: InventoryReader.Line, file status: stat) {
        guard Int64(status.st_size) == line.file.byteCount else { return report(line, .content) }
        let isUntouched =
            Int64(status.st_mtim.tv_sec) == line.file.modified.seconds
            && Int64(status.st_mtim.tv_nsec) == line.file.modified.nanoseconds
            && UInt64(status.st_ino) == line.file.inode
        if isDeep || !isUntouched {
            let digest: SHA256Digest
            do throws(SystemError) { digest = try self.digest(line) } catch {
                return report(line, .init(code: error.code))
            }
            guard digest == line.digestValue() else { return report(line, .content) }
        }
        if status.st_mode & 0o7777 != line.mode { report(line, .mode) }
    }

    private mutating func digest(_ line: InventoryReader.Line) throws(SystemError) -> SHA256Digest {
        let opened = retrying { openat(root, line.pathText, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard opened >= 0 else { throw .last("open \(String(decoding: line.path, as: UTF8.self))") }
        let file = OpenFile(owning: opened)
        return try file.digest(named: String(decoding: line.path, as: UTF8.self), buffer: buffer)
    }

    private mutating func report(_ line: InventoryReader.Line, _ change: Inventory.Deviation.Change) {
        deviations.append(.init(path: String(decoding: line.path, as: UTF8.self), change: change))
    }
}
