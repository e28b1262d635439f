internal import CLinux
internal import Glibc

/// A file that holds space for the time when the disk is full: whoever has to write then gives it up first.
///
/// Its blocks are really there (fallocate(2), or bytes that no file system can compress), so that giving it up frees
/// them. A crash leaves it whole, missing, or shorter; the next `make` puts that right.
public struct Ballast: Sendable, Hashable {
    /// The file.
    public let path: String
    /// Its size.
    public let byteCount: Int64

    /// Names a ballast; makes nothing.
    public init(path: String, byteCount: Int64) {
        self.path = path
        self.byteCount = byteCount
    }

    /// Whether it is there, whole.
    public var isThere: Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && Int64(status.st_size) == byteCount
            && status.st_blocks > 0
    }

    /// Makes the file, mode 0600, if it is not there and so much is free beside it. Best effort: without it, all goes on.
    /// - Parameter freeByteCount: what has to be left free.
    /// - Returns: whether it is there now.
    @discardableResult
    public func make(leaving freeByteCount: Int64 = 0) -> Bool {
        if isThere { return true }
        _ = giveUp()
        guard let folder = try? PathParts(path).parent, let info = try? FileSystemInfo(containing: folder),
            info.availableByteCount >= byteCount + freeByteCount
        else { return false }
        do throws(SystemError) {
            let file = try OpenFile(path: path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            if retrying({ gwe_allocate(file.descriptor, off_t(byteCount)) }) != 0 {
                guard errno == EOPNOTSUPP || errno == ENOSYS else { throw .last("allocate \(path)") }
                try file.writeAll(Ballast.noise(Int(clamping: byteCount)), named: path)
                // Else a file system that allocates late has not taken the blocks yet.
                try file.sync(named: path)
            }
            return true
        } catch {
            unlink(path)
            return false
        }
    }

    /// Removes the file. Returns whether that gave anything back.
    public func giveUp() -> Bool {
        truncate(path, 0)
        return unlink(path) == 0
    }

    /// Bytes that do not compress (xorshift; G. Marsaglia, 2003).
    private static func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state)
        }
    }
}
