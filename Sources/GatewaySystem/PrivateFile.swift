internal import Glibc

/// Files that only their owner reads: 0600, whatever the umask, and also where an earlier program or a hand has made them
/// wider. A file that others may read can be locked by them too (flock(2), fcntl(2)), and whoever holds a lock is waited for.
public enum PrivateFile {
    /// Takes the permissions of group and others away from a regular file. One that is missing, no regular file, or not
    /// ours is left alone. It is never opened: the process may hold locks on it, and closing would end them (fcntl(2)).
    public static func close(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0 else { return }
        _ = fchmodat(AT_FDCWD, path, status.st_mode & 0o700, 0)
    }

    /// Makes an empty file if there is none, and closes one that is there to others. A failure is left to whoever opens it.
    static func make(_ path: String) {
        if mknod(path, S_IFREG | 0o600, 0) == 0 {
            // Under a umask such as 0777 it would be nobody's.
            _ = chmod(path, 0o600)
        } else {
            close(path)
        }
    }

    /// Nobody else may write to the folder: who may, puts files of his own in the place of ours. What the group may do
    /// stays.
    public static func closeFolder(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_mode & 0o1002 == 0o002 else {
            return
        }
        _ = chmod(path, status.st_mode & 0o7775)
    }
}
