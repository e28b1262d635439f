internal import CLinux
internal import Glibc

/// Whether somebody is writing a file at this moment.
public enum FileWriting {
    /// How long a reader may wait for the end of it.
    public static let patience: Duration = .seconds(5)
    /// A file that was changed within this time may be changed again: tools write in pieces, and close in between.
    private static let settling: Duration = .seconds(1)

    /// Whether a file is open for writing, or was changed within the last second. False for one that does not exist; true
    /// while it cannot be looked at for lack of descriptors, memory or by an input/output error.
    ///
    /// The kernel grants a read lease only on a file that nobody has open for writing (fcntl(2), F_SETLEASE). It grants
    /// none to those who neither own the file nor have CAP_LEASE, and none on network file systems; then only the time
    /// of the change counts.
    public static func isGoingOn(_ path: String) -> Bool {
        let fd = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard fd >= 0 else { return [EMFILE, ENFILE, ENOMEM, EIO].contains(errno) }
        defer { close(fd) }
        var info = stat()
        guard fstat(fd, &info) == 0 else { return true }
        guard info.st_mode & S_IFMT == S_IFREG else { return false }
        if gwe_file_is_open_for_writing(fd) != 0 { return true }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let age =
            Duration.seconds(now.tv_sec - info.st_mtim.tv_sec)
            + .nanoseconds(now.tv_nsec - info.st_mtim.tv_nsec)
        // A time in the future is of a clock that was set since.
        return age >= .zero && age < settling
    }
}
