internal import CLinux
internal import Glibc

/// A log file and its rotated ones, seen from outside: how large they are, and ways to make them smaller. What is written to
/// them meanwhile goes on in a new file. The path is walked as `LogPlace` says, so that no link leads elsewhere.
public struct LogFiles: Sendable, Hashable {
    public var path: String
    /// The app's user; nil is this process's.
    public var owner: UserIdentity?

    public init(path: String, owner: UserIdentity?) {
        self.path = path
        self.owner = owner
    }

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

    /// Makes the file `<path>.1`, which takes its place, and keeps only the newer half of it, from the beginning of a line
    /// on. Any crash leaves either all of it or the half.
    public func cut() throws(LogTrouble) {
        let place = try place()
        let old = "\(place.name).1"
        try place.rename(place.name, to: old)
        let source = try place.open(old, O_RDONLY)
        defer { close(source) }
        var info = stat()
        guard fstat(source, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return }
        let temporary = ".\(place.name).cut"
        try place.remove(temporary)
        let target = try place.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: info.st_mode & 0o777)
        defer { close(target) }
        guard copy(source, target, from: lineStart(source, after: info.st_size / 2)) else {
            let error = LogTrouble(.last("cut log \(path)"))
            try place.remove(temporary)
            // There is no room for the half: then none of it.
            try place.remove(old)
            throw error
        }
        try place.rename(temporary, to: old)
    }

    /// The offset behind the first newline at or after an offset; the end without one.
    private func lineStart(_ fd: Int32, after offset: off_t) -> off_t {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var at = offset
        while case let count = pread(fd, &buffer, buffer.count, at), count > 0 {
            if let index = buffer[..<count].firstIndex(of: UInt8(ascii: "\n")) { return at + off_t(index) + 1 }
            at += off_t(count)
        }
        return at
    }

    private func copy(_ source: Int32, _ target: Int32, from start: off_t) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var at = start
        while true {
            let count = pread(source, &buffer, buffer.count, at)
            if count <= 0 { return count == 0 }
            guard write(target, buffer, count) == count else { return false }
            at += off_t(count)
        }
    }
}
