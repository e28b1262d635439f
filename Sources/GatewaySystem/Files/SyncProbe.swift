internal import Glibc

/// How long the file system of a folder takes to make a block durable: fdatasync(2) after each of a few appended blocks of
/// 4 KiB, as a journal does it.
public struct SyncProbe: Sendable, Hashable {
    /// In rising order; never empty.
    public var times: [Duration]

    /// The middle one; of an even number, the slower of the two in the middle.
    public var median: Duration { times[times.count / 2] }
    /// The longest one.
    public var slowest: Duration { times[times.count - 1] }

    init?(times: [Duration]) {
        guard !times.isEmpty else { return nil }
        self.times = times.sorted()
    }

    /// Writes into a file that has no name (O_TMPFILE, open(2)); where the file system knows none such, into
    /// `.gwe-probe`, whose name is taken away before the first byte is written. Nothing is left behind, but by a power cut
    /// between these two steps.
    ///
    /// - Parameter patience: no further block is written after that time.
    public init(folder: String, count: Int = 8, patience: Duration = .seconds(2)) throws(SystemError) {
        let file = try SyncProbe.file(in: folder)
        let block = [UInt8](repeating: 0x67, count: 4096)
        let start = MonotonicTime.now
        var times: [Duration] = []
        for _ in 0..<max(1, count) {
            try file.writeAll(block, named: "a probe in \(folder)")
            let before = MonotonicTime.now
            guard retrying({ fdatasync(file.descriptor) }) == 0 else { throw .last("sync a probe in \(folder)") }
            times.append(before.duration(to: .now))
            if start.duration(to: .now) > patience { break }
        }
        self.times = times.sorted()
    }

    private static func file(in folder: String) throws(SystemError) -> OpenFile {
        // __O_TMPFILE, whose macro Swift does not see; O_DIRECTORY differs between machines.
        let unnamed = 0o20000000 | O_DIRECTORY
        let opened = retrying { open(folder, unnamed | O_WRONLY | O_CLOEXEC, 0o600) }
        if opened >= 0 { return OpenFile(owning: opened) }
        guard [EOPNOTSUPP, EISDIR, ENOENT, EINVAL].contains(errno) else { throw .last("write into \(folder)") }
        let path = folder + "/.gwe-probe"
        unlink(path)
        let file = try OpenFile(path: path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        guard unlink(path) == 0 else { throw .last("remove \(path)") }
        return file
    }
}
