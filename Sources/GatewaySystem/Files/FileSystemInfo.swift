internal import CLinux
internal import Glibc
internal import Synchronization

/// The file system that holds a path, and how it is made durable.
public struct FileSystemInfo: Sendable, Hashable {
    /// Bytes and inodes that this process may still use (statvfs(3); root's reserve counts for root only). A file
    /// system that does not count its inodes (btrfs, for one) has Int64.max of them.
    public var availableByteCount: Int64
    /// How many files, folders and links this process may still make; Int64.max where that is not counted.
    public var availableInodeCount: Int64
    /// How many files, folders and links there may be in all; Int64.max where that is not counted.
    public var totalInodeCount: Int64
    /// Size of the whole file system, in bytes.
    public var totalByteCount: Int64
    /// Whether it is mounted read-only.
    public var isReadOnly: Bool
    /// Whether it is mounted noexec: no program on it can run (mount(8)).
    public var isNoExec: Bool

    /// Asks the kernel once; the values do not follow later changes.
    /// - Throws: ENOENT when nothing is at the path.
    public init(containing path: String) throws(SystemError) {
        var status = statvfs()
        guard retrying({ statvfs(path, &status) }) == 0 else { throw .last("examine file system of \(path)") }
        let isRoot = geteuid() == 0
        availableByteCount = Self.product(isRoot ? status.f_bfree : status.f_bavail, status.f_frsize)
        totalByteCount = Self.product(status.f_blocks, status.f_frsize)
        availableInodeCount =
            status.f_files == 0 ? .max : Int64(clamping: isRoot ? status.f_ffree : status.f_favail)
        totalInodeCount = status.f_files == 0 ? .max : Int64(clamping: status.f_files)
        isReadOnly = status.f_flag & UInt(ST_RDONLY) != 0
        isNoExec = status.f_flag & FileSystemInfo.noExec != 0
    }

    /// ST_NOEXEC of <bits/statvfs.h>, which Swift does not import.
    private static let noExec: UInt = 8

    /// What a download whose length nobody knows leaves free: 2 MiB, or a fiftieth of the file system if that is more.
    public var downloadReserveByteCount: Int64 { max(2 << 20, totalByteCount / 50) }

    /// Inodes that unpacking leaves free: 64, or a fiftieth of the file system's if that is more; 0 where they are not
    /// counted.
    public var inodeReserve: Int64 { totalInodeCount == .max ? 0 : max(64, totalInodeCount / 50) }

    private static func product(_ a: UInt, _ b: UInt) -> Int64 {
        let (value, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? .max : Int64(clamping: value)
    }

    /// A random UUID that the kernel draws at each boot (random(4)); empty where /proc is missing.
    public static var bootIdentifier: String {
        guard let bytes = try? AtomicFile.read("/proc/sys/kernel/random/boot_id", limit: 64) else { return "" }
        return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
    }
}

/// One sync for a whole tree of new files, instead of one for each (D18).
///
/// Make it before the first write: syncfs(2) then reports every failed write-back since, even one that another
/// process's sync saw first. On kernels before 5.8, where syncfs reports no errors, every file and folder of the
/// tree is synced on its own.
public final class FileSystemBarrier: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Opens the folder, and so notes from when on errors are to be told. Keeps a descriptor until it is released.
    /// - Parameter path: any folder of the file system.
    public init(directory path: String) throws(SystemError) {
        let opened = retrying { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard opened >= 0 else { throw .last("open \(path)") }
        descriptor = opened
        self.path = path
    }

    deinit { close(descriptor) }

    /// Makes everything in the tree durable: contents, metadata and names, but not the name of `tree` itself in
    /// its parent. A failure is final: unpack again into a new folder.
    public func sync(tree: String) throws(SystemError) {
        if Self.syncfsReportsErrors {
            guard gwe_syncfs(descriptor) == 0 else { throw .last("sync file system of \(path)") }
            var status = stat()
            if fstat(descriptor, &status) == 0 { Self.syncs.withLock { $0[status.st_dev, default: 0] += 1 } }
        } else {
            try FileTree.syncEach(in: tree)
        }
    }

    /// How often this process has synced each file system as a whole.
    fileprivate static let syncs = Lock<[dev_t: Int]>([:])

    /// Whether one `sync` makes everything durable that was written before below all these folders, whoever wrote it, and
    /// tells of errors: they lie on one file system. Otherwise it is the tree alone.
    public static func covers(_ folders: [String]) -> Bool {
        guard syncfsReportsErrors else { return false }
        var devices: Set<dev_t> = []
        for folder in folders {
            var status = stat()
            if stat(folder, &status) == 0 { devices.insert(status.st_dev) }
        }
        return devices.count == 1
    }

    /// Whether the running kernel is 5.8 or later (syncfs(2), "BUGS").
    static let syncfsReportsErrors: Bool = {
        var name = utsname()
        guard uname(&name) == 0 else { return false }
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return isAtLeast5_8(release)
    }()

    static func isAtLeast5_8(_ release: String) -> Bool {
        let numbers = release.split { !$0.isASCII || !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return false }
        return (numbers[0], numbers[1]) >= (5, 8)
    }
}

/// A file's name that was there once, and is durable once its file system was synced since. What is synced needs no sync of its
/// folder any more.
struct DurableName: Sendable {
    private let path: String
    private let file: FileIdentity
    private let syncCount: Int

    /// nil where nothing is there.
    init?(_ path: String) {
        guard let file = FileIdentity(path) else { return nil }
        (self.path, self.file) = (path, file)
        syncCount = FileSystemBarrier.syncs.withLock { $0[file.device] ?? 0 }
    }

    var isDurable: Bool {
        FileIdentity(path) == file && FileSystemBarrier.syncs.withLock { $0[file.device] ?? 0 } > syncCount
    }
}

/// Which file has a name at the moment, lstat(2).
public struct FileIdentity: Sendable, Hashable {
    let device: dev_t
    private let inode: ino_t

    /// nil where nothing is there, or it cannot be looked at.
    public init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        (device, inode) = (status.st_dev, status.st_ino)
    }
}

extension FileTree {
    /// Makes the file system that holds `path` durable as a whole, with the errors it has to report. To sync what
    /// one is about to write, make a `FileSystemBarrier` first.
    public static func syncFileSystem(containing path: String) throws(SystemError) {
        try FileSystemBarrier(directory: path).sync(tree: path)
    }

    /// fsync of each regular file, then of its folder, bottom up.
    static func syncEach(in path: String) throws(SystemError) {
        let folder = try OpenFile(path: path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try syncEach(folder, called: path)
    }

    private static func syncEach(_ folder: borrowing OpenFile, called path: String) throws(SystemError) {
        for name in try names(in: folder.descriptor, called: path) {
            let words = "\(path)/\(String(decoding: name, as: UTF8.self))"
            var status = stat()
            let found = name.withCString { fstatat(folder.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }
            guard found == 0 else { throw .last("examine \(words)") }
            let kind = Kind(mode: status.st_mode)
            guard kind == .file || kind == .directory else { continue }
            let opened = retrying {
                name.withCString { openat(folder.descriptor, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
            }
            guard opened >= 0 else { throw .last("open \(words)") }
            let inner = OpenFile(owning: opened)
            if kind == .directory { try syncEach(inner, called: words) } else { try inner.sync(named: words) }
        }
        try folder.sync(named: path)
    }
}
