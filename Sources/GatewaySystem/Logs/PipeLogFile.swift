internal import CLinux
internal import Glibc

/// A log file with rotation by size: `<path>`, `<path>.1` the newest of the old ones, and so on. It is opened when something
/// is to be written, and again when somebody moved or removed it. What is no regular file (a terminal, a pipe, /dev/null) is
/// written as it comes and never rotated.
struct PipeLogFile: ~Copyable {
    let path: String
    /// 0: never rotated.
    let maxByteCount: Int64
    let backups: Int
    private let owner: UserIdentity?
    private var fd: Int32 = -1
    private var place: LogPlace?
    private(set) var byteCount: Int64 = 0
    /// Whether the file was opened just now, or somebody else has changed its size: its end is not what this wrote.
    private var isEndUnknown = false
    /// No rotation and no offsets otherwise.
    private(set) var isRegular = true
    /// The agent's own output, where that is one.
    private var isSocket = false
    /// Sizes of the files that were rotated since somebody asked.
    private(set) var rotated: [Int64] = []
    private(set) var counts = PipeLog.Counts()

    init(path: String, maxByteCount: Int64, backups: Int, owner: UserIdentity?) {
        self.path = path
        self.maxByteCount = maxByteCount
        self.backups = backups
        self.owner = owner
    }

    deinit { if fd >= 0 { Glibc.close(fd) } }

    var isOpen: Bool { fd >= 0 }

    var room: Int { maxByteCount <= 0 || !isRegular ? .max : Int(clamping: max(0, maxByteCount - byteCount)) }

    mutating func takeRotated() -> [Int64] {
        defer { rotated = [] }
        return rotated
    }

    mutating func close() {
        if fd >= 0 { Glibc.close(fd) }
        fd = -1
        place = nil
    }

    // MARK: opening

    /// Makes sure that the open file is the one at `path`; makes the file and its folder.
    mutating func open() throws(LogTrouble) {
        var there = stat()
        var held = stat()
        if fd >= 0, place == nil { return }
        if fd >= 0, fstat(fd, &held) == 0, stat(path, &there) == 0, there.st_ino == held.st_ino,
            there.st_dev == held.st_dev
        {
            if isRegular, byteCount != Int64(held.st_size) { isEndUnknown = true }
            byteCount = Int64(held.st_size)
            return
        }
        close()
        if let own = PipeLogFile.ownDescriptor(path) { return try openOwn(own) }
        let place = try LogPlace(path, owner: owner)
        fd = try place.open(place.name, O_WRONLY | O_CREAT)
        self.place = consume place
        guard fstat(fd, &held) == 0 else { throw LogTrouble(.last("open log \(path)")) }
        isRegular = held.st_mode & S_IFMT == S_IFREG
        isSocket = false
        byteCount = isRegular ? Int64(held.st_size) : 0
        isEndUnknown = byteCount > 0
    }

    /// Whether the file ends inside a line, where its end is not what this wrote; nil where it is. To be asked once after
    /// `open`.
    mutating func endsInsideStrangeLine() -> Bool? {
        guard isEndUnknown else { return nil }
        isEndUnknown = false
        guard isRegular, byteCount > 0, let reader = try? place?.open(place?.name ?? "", O_RDONLY) else { return false }
        defer { Glibc.close(reader) }
        var last: UInt8 = 0
        guard pread(reader, &last, 1, off_t(byteCount - 1)) == 1 else { return false }
        return last != UInt8(ascii: "\n")
    }

    /// The agent's own output, by the names that people write in `stdout_logfile`.
    static func ownDescriptor(_ path: String) -> Int32? {
        switch path {
        case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1": 1
        case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2": 2
        default: nil
        }
    }

    /// A pipe or terminal is opened anew, so that a write that would wait can be refused without changing what others
    /// share; a file is shared with its offset; a socket cannot be opened by name.
    private mutating func openOwn(_ own: Int32) throws(LogTrouble) {
        var info = stat()
        guard fstat(own, &info) == 0 else { throw LogTrouble(.last("open log \(path)")) }
        let kind = info.st_mode & S_IFMT
        isSocket = kind == S_IFSOCK
        if kind == S_IFREG || kind == S_IFSOCK {
            fd = gwe_duplicate(own)
        } else {
            fd = gwe_open("/proc/self/fd/\(own)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0)
        }
        guard fd >= 0 else { throw LogTrouble(.last("open log \(path)")) }
        isRegular = false
        byteCount = 0
        isEndUnknown = false
    }

    // MARK: writing

    /// Moves up to `wanted` bytes from a pipe to the end of the file, in the kernel where the file can do that; the number
    /// moved. A failure may leave the beginning of a line in the file.
    mutating func append(from pipe: Int32, _ wanted: Int, scratch: PipeScratch) throws(LogTrouble) -> Int {
        counts.appends += 1
        if isRegular {
            var offset = byteCount
            let moved = gwe_splice(pipe, fd, &offset, wanted)
            if moved >= 0 {
                byteCount = offset
                return moved
            }
        } else if !isSocket {
            let moved = gwe_splice(pipe, fd, nil, wanted)
            if moved >= 0 { return moved }
        }
        guard isSocket || errno == EINVAL else { throw failure(errno) }
        // A file system or a device without splice, or one that is only appended to. A crash here may double a piece.
        var code: Int32 = 0
        let moved = scratch.give(pipe, wanted) { bytes in
            let count = put(bytes)
            if count < bytes.count { code = count < 0 ? errno : ENOSPC }
            return max(0, count)
        }
        if isRegular { byteCount += Int64(moved) }
        if moved == 0, code != 0 { throw failure(code) }
        return moved
    }

    private func put(_ bytes: UnsafeRawBufferPointer) -> Int {
        // The agent's own output may be a blocking socket of the journal's, which splice(2) would wait for.
        if isSocket {
            return send(fd, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        }
        return isRegular
            ? pwrite(fd, bytes.baseAddress, bytes.count, off_t(byteCount)) : write(fd, bytes.baseAddress, bytes.count)
    }

    private mutating func failure(_ code: Int32) -> LogTrouble {
        let trouble = LogTrouble(SystemError("write log \(path)", code: code))
        if !isRegular, !trouble.isBusy { close() }
        return trouble
    }

    /// Writes a text of our own, or nothing of it.
    mutating func append(_ text: String) throws(LogTrouble) {
        let bytes = Array(text.utf8)
        let count = bytes.withUnsafeBytes { put($0) }
        if count == bytes.count {
            if isRegular { byteCount += Int64(count) }
            return
        }
        let code = count < 0 ? errno : count == 0 ? ENOSPC : shortage(behind: count)
        if isRegular, count > 0 { ftruncate(fd, off_t(byteCount)) }
        throw failure(code)
    }

    /// Why only so many bytes were written: the disk is full, or the file may not grow. What this adds is taken back.
    private func shortage(behind count: Int) -> Int32 {
        var byte = UInt8(ascii: "\n")
        return isRegular && pwrite(fd, &byte, 1, off_t(byteCount) + off_t(count)) < 0 ? errno : ENOSPC
    }

    /// Takes the beginning of a line at the file's end away again; the number of bytes, nil when that is not possible.
    mutating func takeBackLine() -> Int64? {
        guard isRegular, fd >= 0, let reader = try? place?.open(place?.name ?? "", O_RDONLY) else { return nil }
        defer { Glibc.close(reader) }
        var info = stat()
        guard fstat(fd, &info) == 0 else { return nil }
        let end = Int64(info.st_size)
        var start = end
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while start > 0, end - start < 2 << 20 {
            let length = Int(min(start, Int64(buffer.count)))
            guard pread(reader, &buffer, length, off_t(start) - off_t(length)) == length else { return nil }
            let last = gwe_last_index(buffer, length, UInt8(ascii: "\n"))
            start = last < 0 ? start - Int64(length) : start - Int64(length) + last + 1
            if last >= 0 { break }
        }
        guard start == end || ftruncate(fd, off_t(start)) == 0 else { return nil }
        byteCount = start
        return end - start
    }

    // MARK: rotation

    /// Makes room: old files move up by one, the oldest goes. Where they cannot be moved, the file begins anew, because a
    /// full disk is worse than a lost log.
    mutating func rotate() throws(LogTrouble) {
        counts.rotations += 1
        let size = byteCount
        guard backups > 0, let name = place?.name else { return begin() }
        for number in stride(from: backups, to: 0, by: -1) {
            let newer = number == 1 ? name : "\(name).\(number - 1)"
            do throws(LogTrouble) { try place?.rename(newer, to: "\(name).\(number)", isLast: number == backups) } catch
            {
                begin()
                throw error
            }
        }
        rotated.append(size)
        try open()
    }

    private mutating func begin() {
        ftruncate(fd, 0)
        byteCount = 0
    }
}
