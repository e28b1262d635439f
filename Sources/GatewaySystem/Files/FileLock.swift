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

        /// "gwe run, process 812, since …"; "process 4711 (python3)" for one that has not written down what it does, as
        /// gwe would; "another process" where nothing is known of it.
        public var description: String {
            guard processIdentifier != 0 else { return "another process" }
            guard purpose.isEmpty else { return "gwe \(purpose), process \(processIdentifier), since \(since)" }
            let program = KernelLocks.program(processIdentifier).map { " (\($0))" } ?? ""
            return "process \(processIdentifier)\(program)"
        }

        static let unknown = Holder(processIdentifier: 0, bootIdentifier: "", purpose: "", since: "")
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
    /// Whether the file said who holds the lock when it was taken. Where it could not be written, it does not.
    public let isNamed: Bool

    private init(descriptor: Int32, isNamed: Bool) {
        self.descriptor = descriptor
        self.isNamed = isNamed
    }

    /// The file stays, so that nobody can lock a file that has just lost its name.
    deinit { close(descriptor) }

    /// Takes the lock, making the file if needed. Does not wait for a holder.
    ///
    /// The file is 0600, and made so where it is not: whoever may read it can hold its lock. A process of another user that
    /// holds it all the same, because the file was open to it before, keeps an old file: a new one takes its name.
    /// - Parameter purpose: one word on what the holder does, for those who find it locked; nil where nothing is written, for a
    ///   holder that may well be gone before anybody asks (`write`).
    public static func acquire(_ path: String, purpose: String?) throws(Failure) -> FileLock {
        while true {
            var opened = retrying { open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600) }
            // What lacks for a moment, after a moment: a daemon that ends here leaves its apps alone.
            for _ in 0..<3 where opened < 0 && [EMFILE, ENFILE, ENOMEM, EIO].contains(errno) {
                usleep(100_000)
                opened = retrying { open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600) }
            }
            guard opened >= 0 else { throw .system(.last("open lock \(path)")) }
            var status = stat()
            if fstat(opened, &status) == 0, status.st_mode & 0o777 != 0o600 { _ = fchmod(opened, 0o600) }
            do throws(Failure) {
                try lock(opened, path)
            } catch {
                let isForeign = isHeldByStranger(status)
                close(opened)
                guard isForeign, replace(path, status) else { throw error }
                continue
            }
            let taken = FileLock(descriptor: opened, isNamed: purpose.map { write($0, into: opened) } ?? false)
            // A new file may have taken the name meanwhile.
            if isStill(path, status) { return taken }
        }
    }

    /// Takes the lock of a file that is there and cannot be written: flock(2) needs no more than a descriptor. Who holds it
    /// is not written down.
    static func acquireUnwritable(_ path: String) throws(Failure) -> FileLock {
        let opened = retrying { open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard opened >= 0 else { throw .system(.last("open lock \(path)")) }
        do throws(Failure) { try lock(opened, path) } catch {
            close(opened)
            throw error
        }
        return FileLock(descriptor: opened, isNamed: false)
    }

    private static func lock(_ opened: Int32, _ path: String) throws(Failure) {
        // A `probe` holds a shared lock for some microseconds: a few short waits tell it from a holder.
        var attempt = 0
        while flock(opened, LOCK_EX | LOCK_NB) != 0 {
            let error = SystemError.last("lock \(path)")
            guard [EWOULDBLOCK, EINTR, ENOLCK].contains(error.code) else { throw .system(error) }
            attempt += 1
            guard attempt <= 5 else {
                if error.code == ENOLCK { throw .system(error) }
                throw .held(path: path, by: holder(opened))
            }
            usleep(2000)
        }
    }

    /// Writes down who holds the lock.
    public func write(purpose: String) { _ = FileLock.write(purpose, into: descriptor) }

    private static func write(_ purpose: String, into opened: Int32) -> Bool {
        let text = "\(getpid())\n\(FileSystemInfo.bootIdentifier)\n\(purpose)\n\(utcNow())\n"
        let bytes = Array(text.utf8)
        // Held all the same where the file system is full: who holds it is then not told.
        return ftruncate(opened, 0) == 0
            && bytes.withUnsafeBytes { pwrite(opened, $0.baseAddress, $0.count, 0) } == bytes.count
    }

    private static func isStill(_ path: String, _ opened: stat) -> Bool {
        var named = stat()
        return lstat(path, &named) == 0 && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino
    }

    /// Whether all who hold the lock are processes of users that are neither ours, nor root, nor the owner of the file: a
    /// gwe of its own user is no stranger to root.
    private static func isHeldByStranger(_ file: stat) -> Bool {
        let friends: Set<UInt32> = [0, geteuid(), file.st_uid]
        let holders = KernelLocks.holders(of: file).filter(KernelLocks.isAlive)
        let users = (holders.isEmpty ? KernelLocks.openers(of: file) : holders).map(KernelLocks.user)
        return !users.isEmpty && users.allSatisfy { user in user.map { !friends.contains($0) } ?? false }
    }

    /// Puts a new file in the place of one that strangers hold. Of several processes that do so, the one that holds the
    /// new file renames it, and only while the old one still has the name.
    /// - Returns: whether it is worth to try again.
    private static func replace(_ path: String, _ old: stat) -> Bool {
        let new = path + ".new"
        let opened = retrying { open(new, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        guard opened >= 0 else { return false }
        defer { close(opened) }
        var status = stat()
        guard fchmod(opened, 0o600) == 0, flock(opened, LOCK_EX | LOCK_NB) == 0, fstat(opened, &status) == 0,
            isStill(new, status)
        else { return false }
        guard isStill(path, old) else {
            unlink(new)
            return true
        }
        return rename(new, path) == 0
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
        let isNamed = readHolder(descriptor).processIdentifier == getpid()
        return FileLock(descriptor: descriptor, isNamed: isNamed)
    }

    /// Who holds the lock now; nil if nobody does. Changes nothing on disk and makes no file.
    public static func probe(_ path: String) throws(SystemError) -> Holder? {
        let opened = retrying { open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        if opened < 0, errno == ENOENT || errno == ENOTDIR { return nil }
        guard opened >= 0 else { throw .last("open lock \(path)") }
        defer { close(opened) }
        if retrying({ flock(opened, LOCK_SH | LOCK_NB) }) == 0 { return nil }
        guard errno == EWOULDBLOCK else { throw .last("examine lock \(path)") }
        return holder(opened)
    }

    /// The process that holds the lock of any file or folder, which need not be readable; nil where the kernel does not
    /// tell, and where the process that took it has ended.
    public static func holder(of path: String) -> Int32? {
        var status = stat()
        return lstat(path, &status) == 0 ? KernelLocks.holders(of: status).first(where: KernelLocks.isAlive) : nil
    }

    /// Whether the kernel lists a lock on a file, which need not be readable.
    static func isListed(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && !KernelLocks.holders(of: status).isEmpty
    }

    /// Who holds the lock. What is written down counts only if that process lives and, as far as the kernel tells, has it.
    private static func holder(_ descriptor: Int32) -> Holder {
        var status = stat()
        let holders = fstat(descriptor, &status) == 0 ? KernelLocks.holders(of: status) : []
        let written = readHolder(descriptor)
        let isOfThisBoot = written.bootIdentifier.isEmpty || written.bootIdentifier == FileSystemInfo.bootIdentifier
        let isAlive = KernelLocks.isAlive(written.processIdentifier)
        if isOfThisBoot, isAlive, holders.isEmpty || holders.contains(written.processIdentifier) { return written }
        var unknown = Holder.unknown
        unknown.processIdentifier = holders.first(where: KernelLocks.isAlive) ?? 0
        return unknown
    }

    private static func readHolder(_ descriptor: Int32) -> Holder {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4, let process = Int32(lines[0]) else {
            return .unknown
        }
        return Holder(
            processIdentifier: process, bootIdentifier: String(lines[1]), purpose: String(lines[2]),
            since: String(lines[3]))
    }

    private static func utcNow() -> String { CivilTime(unixSeconds: Int64(time(nil))).description }
}
