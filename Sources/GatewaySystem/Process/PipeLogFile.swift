internal import CLinux
internal import Glibc

/// A log file with rotation by size: `<path>`, `<path>.1` the newest of the old ones, and so on. It is opened when something
/// is to be written, and again when somebody moved or removed it.
struct PipeLogFile: ~Copyable {
    let path: String
    /// 0: never rotated.
    let maxByteCount: Int64
    let backups: Int
    private var fd: Int32 = -1
    private(set) var byteCount: Int64 = 0
    /// No rotation and no offsets: a terminal or a device.
    private var isRegular = true

    init(path: String, maxByteCount: Int64, backups: Int) {
        self.path = path
        self.maxByteCount = maxByteCount
        self.backups = backups
    }

    deinit { if fd >= 0 { close(fd) } }

    var room: Int { maxByteCount <= 0 || !isRegular ? .max : Int(clamping: max(0, maxByteCount - byteCount)) }

    /// Makes sure that the open file is the one at `path`; makes the file and its folder.
    mutating func open() throws(SystemError) {
        var there = stat()
        var held = stat()
        if fd >= 0, fstat(fd, &held) == 0, stat(path, &there) == 0, there.st_ino == held.st_ino,
            there.st_dev == held.st_dev
        {
            byteCount = Int64(held.st_size)
            return
        }
        if fd >= 0 { close(fd) }
        fd = make()
        if fd < 0, errno == ENOENT {
            PipeLogFile.makeFolder(of: path)
            fd = make()
        }
        guard fd >= 0, fstat(fd, &held) == 0 else { throw .last("open log \(path)") }
        isRegular = held.st_mode & S_IFMT == S_IFREG
        byteCount = Int64(held.st_size)
    }

    /// O_NONBLOCK: a log that is a pipe without a reader must not stop us. No O_APPEND: splice(2) refuses it.
    private func make() -> Int32 { gwe_open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0o644) }

    private static func makeFolder(of path: String) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let folder = String(path[..<slash])
        guard mkdir(folder, 0o755) != 0, errno == ENOENT else { return }
        makeFolder(of: folder)
        mkdir(folder, 0o755)
    }

    /// Moves up to `wanted` bytes from a pipe to the end of the file, in the kernel where the file can do that.
    mutating func append(from pipe: Int32, _ wanted: Int, scratch: PipeScratch) throws(SystemError) -> Int {
        var offset = byteCount
        let spliced = isRegular ? gwe_splice(pipe, fd, &offset, wanted) : -1
        if spliced > 0 {
            byteCount = offset
            return spliced
        }
        guard !isRegular || errno == EINVAL else { throw .last("write log \(path)") }
        // A terminal, a device, or a file system without splice. A crash here may lose what was taken.
        var failure: Int32?
        let taken = scratch.take(pipe, min(wanted, 65_536)) { bytes in
            let written =
                isRegular
                ? pwrite(fd, bytes.baseAddress, bytes.count, off_t(offset)) : write(fd, bytes.baseAddress, bytes.count)
            if written < bytes.count { failure = written < 0 ? errno : ENOSPC }
            offset += Int64(max(0, written))
        }
        byteCount = offset
        if let failure { throw SystemError("write log \(path)", code: failure) }
        return taken
    }

    /// Makes room: old files move up by one, the oldest goes. Where they cannot be moved, the file begins anew, because a
    /// full disk is worse than a lost log.
    mutating func rotate() throws(SystemError) {
        for number in stride(from: backups, to: 0, by: -1) {
            let older = "\(path).\(number)"
            let newer = number == 1 ? path : "\(path).\(number - 1)"
            guard rename(newer, older) == 0 || errno == ENOENT else {
                let error = SystemError.last("rotate log \(newer)")
                ftruncate(fd, 0)
                byteCount = 0
                throw error
            }
        }
        if backups == 0 {
            ftruncate(fd, 0)
            byteCount = 0
        } else {
            try open()
        }
    }
}
