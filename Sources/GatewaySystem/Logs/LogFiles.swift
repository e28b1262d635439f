internal import CLinux
internal import Glibc

/// A log file and its rotated ones, seen from outside: how large they are, and ways to make them smaller. What is written to
/// them meanwhile goes on in a new file. The path is walked as `LogPlace` says, so that no link leads elsewhere.
public struct LogFiles: Sendable, Hashable {
    /// The log itself. Its rotated files are `<path>.1`, the newest, and so on.
    public var path: String
    /// The app's user; nil is this process's.
    public var owner: UserIdentity?

    /// Looks at nothing yet; each call finds the files anew.
    public init(path: String, owner: UserIdentity?) {
        self.path = path
        self.owner = owner
    }

    /// A larger file counts as one of this size (64 GiB): an app may make a file of any size out of nothing (truncate(2)), and
    /// sums of sizes must not overflow.
    static let largestCounted: Int64 = 1 << 36
    /// What `cut` keeps at most.
    static let longestKept: off_t = 32 << 20

    /// The bytes that a file of a size counts as.
    public static func counted(_ size: Int64) -> Int64 { min(max(0, size), largestCounted) }

    /// The agent's output is no log of an app, also where it is a file: whoever reads it would read another file, their own
    /// output, and whoever trims it would take the agent's.
    private func place() throws(LogTrouble) -> LogPlace {
        guard PipeLogFile.ownDescriptor(path) == nil else {
            throw LogTrouble(refused: path, "the lines are in the output of the daemon")
        }
        return try LogPlace(path, owner: owner, makesFolders: false)
    }

    /// Bytes by number: 0 is the file itself, 1 the newest rotated one. Empty when nothing is there or it cannot be read.
    public func sizes() -> [Int: Int64] { (try? place())?.sizes() ?? [:] }

    /// A descriptor to read a file with; the caller closes it.
    func open(_ number: Int) throws(LogTrouble) -> Int32 {
        let place = try place()
        return try place.open(number == 0 ? place.name : "\(place.name).\(number)", O_RDONLY)
    }

    /// Removes one file; no error when it is not there.
    public func remove(_ number: Int) throws(LogTrouble) {
        let place = try place()
        try place.remove(number == 0 ? place.name : "\(place.name).\(number)")
    }

    /// Empties the file in place.
    public func empty() throws(LogTrouble) {
        let place = try place()
        let fd = try place.open(place.name, O_WRONLY)
        defer { close(fd) }
        guard ftruncate(fd, 0) == 0 else { throw LogTrouble(.last("empty log \(path)")) }
    }

    /// Keeps only the newer half of a file, 32 MiB at most, from the beginning of a line on. The file itself becomes
    /// `<path>.1` with that, in the place of what was there; a rotated one stays where it is. What is appended meanwhile may
    /// be lost. Any crash leaves either all of it or the half.
    public func cut(_ number: Int) throws(LogTrouble) {
        let place = try place()
        let old = "\(place.name).\(max(1, number))"
        if number == 0 { try place.rename(place.name, to: old) }
        let source = try place.open(old, O_RDONLY)
        defer { close(source) }
        var info = stat()
        guard fstat(source, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return }
        let temporary = ".\(place.name).cut"
        try place.remove(temporary)
        let target = try place.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: info.st_mode & 0o777)
        defer { close(target) }
        let end = info.st_size
        let start = lineStart(source, after: max(end / 2, end - LogFiles.longestKept), before: end)
        guard copy(source, target, from: start, to: end) else {
            let error = LogTrouble(.last("cut log \(path)"))
            try place.remove(temporary)
            // There is no room for the half: then none of it.
            try place.remove(old)
            throw error
        }
        try place.rename(temporary, to: old)
    }

    /// The offset behind the first newline between two offsets; the second without one.
    private func lineStart(_ fd: Int32, after offset: off_t, before end: off_t) -> off_t {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var at = offset
        while at < end, case let count = pread(fd, &buffer, buffer.count, at), count > 0 {
            if let index = buffer[..<count].firstIndex(of: UInt8(ascii: "\n")) {
                return min(end, at + off_t(index) + 1)
            }
            at += off_t(count)
        }
        return end
    }

    private func copy(_ source: Int32, _ target: Int32, from start: off_t, to end: off_t) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var at = start
        while at < end {
            let count = pread(source, &buffer, min(buffer.count, Int(end - at)), at)
            if count <= 0 { return count == 0 }
            let written = write(target, buffer, count)
            if written >= 0, written < count { errno = ENOSPC }
            guard written == count else { return false }
            at += off_t(count)
        }
        return true
    }
}
