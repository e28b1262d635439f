internal import Glibc

extension FileTree {
    /// Bytes of a regular file; nil when the path names none.
    public static func byteCount(ofFile path: String) -> Int64? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }
}
