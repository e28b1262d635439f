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
    public var isThere: Bool { heldByteCount >= byteCount }

    /// What it holds now: less than its size where there was no room for more.
    public var heldByteCount: Int64 {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_blocks > 0 else { return 0 }
        return Int64(status.st_size)
    }

    /// Makes the file, mode 0600, if it is not there whole and there is room for it. Best effort: without it, all goes on.
    /// - Parameters:
    ///   - leaving: bytes that have to be left free beside it.
    ///   - least: with less room than for the whole it may be so small; nil: then it is left as it is.
    /// - Returns: whether it is there now, whole.
    @discardableResult
    public func make(leaving: Int64 = 0, least: Int64? = nil) -> Bool {
        let held = heldByteCount
        if held >= byteCount { return true }
        guard let folder = try? PathParts(path).parent, let info = try? FileSystemInfo(containing: folder) else {
            return false
        }
        let room = held + min(info.availableByteCount, 1 << 40) - leaving
        let size = min(byteCount, room / 4_096 * 4_096)
        guard size > held, size >= least ?? byteCount else { return false }
        _ = giveUp()
        do throws(SystemError) {
            try allocate(size)
        } catch {
            unlink(path)
            return false
        }
        return size == byteCount
    }

    private func allocate(_ size: Int64) throws(SystemError) {
        let file = try OpenFile(path: path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        guard retrying({ gwe_allocate(file.descriptor, off_t(size)) }) != 0 else { return }
        guard errno == EOPNOTSUPP || errno == ENOSYS else { throw .last("allocate \(path)") }
        try file.writeAll(Ballast.noise(Int(clamping: size)), named: path)
        // Else a file system that allocates late has not taken the blocks yet.
        try file.sync(named: path)
    }

    /// Removes the file. Returns whether that gave anything back.
    public func giveUp() -> Bool { (try? FileTree.releaseFile(path)) ?? false }

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
