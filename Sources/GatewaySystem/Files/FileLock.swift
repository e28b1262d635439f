internal import Documents
internal import Glibc

/// The one lock of a state folder: flock(2) on the file `lock` in it, held until this object is gone or the process
/// dies. Never a PID file: what is written into it only names the holder, it does not make one.
public final class FileLock: Sendable {
    /// Who holds a lock, as it wrote down itself.
    public struct Holder: Sendable, Hashable, CustomStringConvertible {
        /// 0 if the holder has not written yet.
        public var processIdentifier: Int32
        /// The boot in which it took the lock, as `FileSystemInfo.bootIdentifier` says; empty where that is not known.
        public var bootIdentifier: String
        /// What it is doing: "reconcile", "run".
        public var purpose: String
        /// UTC, as 2026-11-22T15:04:05Z.
        public var since: String

        /// "gwe run, process 812, since …", or "another process" if the holder has not written yet.
        public var description: String {
            guard processIdentifier != 0 else { return "another process" }
            return "gwe \(purpose), process \(processIdentifier), since \(since)"
        }
    }

    /// Why the lock was not taken.
    public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// Somebody has it, perhaps this process through another descriptor.
        case held(path: String, by: Holder)
        /// The file could not be opened or locked.
        case system(SystemError)

        /// A sentence for people that names the holder.
        public var description: String {
            switch self {
            case .held(let path, let holder): "cannot lock \(path): held by \(holder)"
            case .system(let error): error.description
            }
        }
    }

    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// The file stays, so that nobody can lock a file that has just lost its name.
    deinit { close(descriptor) }

    /// Takes the lock, making the file if needed (mode 0644). Does not wait for a holder.
    /// - Parameter purpose: one word on what the holder does, for those who find it locked.
    public static func acquire(_ path: String, purpose: String) throws(Failure) -> FileLock {
        let opened = retrying { open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o644) }
        guard opened >= 0 else { throw .system(.last("open lock \(path)")) }
        let lock = FileLock(descriptor: opened)
        // A `probe` holds a shared lock for some microseconds: a few short waits tell it from a holder.
        var attempt = 0
        while flock(opened, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw .system(.last("lock \(path)")) }
            attempt += 1
            guard attempt <= 5 else { throw .held(path: path, by: readHolder(opened)) }
            usleep(2000)
        }
        let text = "\(getpid())\n\(FileSystemInfo.bootIdentifier)\n\(purpose)\n\(utcNow())\n"
        let bytes = Array(text.utf8)
        // Held all the same where the file system is full: who holds it is then not told.
        if ftruncate(opened, 0) == 0 { _ = bytes.withUnsafeBytes { pwrite(opened, $0.baseAddress, $0.count, 0) } }
        return lock
    }

    /// The descriptor that holds the lock, for whoever hands it on through exec; it stays this object's.
    public var heldDescriptor: Int32 { descriptor }

    /// Takes over a lock that this process held before it executed itself anew; flock(2) locks go with the descriptor, so
    /// that nobody else can have had it in between. nil when the descriptor is no lock on this file: it is left alone.
    public static func inherit(_ descriptor: Int32, of path: String) -> FileLock? {
        var (open, named) = (stat(), stat())
        guard descriptor > 2, fstat(descriptor, &open) == 0, lstat(path, &named) == 0,
            open.st_dev == named.st_dev, open.st_ino == named.st_ino, flock(descriptor, LOCK_EX | LOCK_NB) == 0
        else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return FileLock(descriptor: descriptor)
    }

    /// Who holds the lock now; nil if nobody does. Changes nothing on disk and makes no file.
    public static func probe(_ path: String) throws(SystemError) -> Holder? {
        let opened = retrying { open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        if opened < 0, errno == ENOENT || errno == ENOTDIR { return nil }
        guard opened >= 0 else { throw .last("open lock \(path)") }
        defer { close(opened) }
        if retrying({ flock(opened, LOCK_SH | LOCK_NB) }) == 0 { return nil }
        guard errno == EWOULDBLOCK else { throw .last("examine lock \(path)") }
        return readHolder(opened)
    }

    private static func readHolder(_ descriptor: Int32) -> Holder {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4, let process = Int32(lines[0]) else {
            return Holder(processIdentifier: 0, bootIdentifier: "", purpose: "", since: "")
        }
        return Holder(
            processIdentifier: process, bootIdentifier: String(lines[1]), purpose: String(lines[2]),
            since: String(lines[3]))
    }

    private static func utcNow() -> String { CivilTime(unixSeconds: Int64(time(nil))).description }
}
