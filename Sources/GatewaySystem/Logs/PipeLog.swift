internal import CLinux
internal import Glibc

/// An app's output: a named pipe that the app itself holds open for reading and writing, so that it outlives the agent, and
/// the file that lines of it are moved to (D20): whole ones at once, the beginning of one when it has waited for its end.
/// Bytes leave the pipe only when they are in the file: a killed agent loses nothing and doubles nothing, the next one goes
/// on where this one stopped.
///
/// The app blocks only when the pipe (1 MiB where the system allows it) is full and nobody moves. What cannot be written is
/// taken from the pipe and dropped in whole lines; how much it was is said by a line of the log once it can be written again.
/// Nothing is ever synced.
public struct PipeLog: ~Copyable {
    /// What `move` did.
    public struct Moved: Sendable, Hashable {
        /// Bytes taken out of the pipe, dropped ones among them.
        public var byteCount = 0
        /// Lines written; a piece of a line that is too long counts as one.
        public var lineCount = 0
        /// Bytes of an unfinished line that stay in the pipe.
        public var left = 0
        /// Whether more lines wait than the limit allowed.
        public var isLimited = false
        /// Whether whoever reads the log is slow: what waits should be tried again soon.
        public var isBusy = false

        /// Nothing was moved.
        public init() {}
    }

    /// What was dropped.
    public struct Loss: Sendable, Hashable {
        /// Lines; a line of more than `longestLine` bytes counts once for each piece in which it was dropped.
        public var lineCount: Int64 = 0
        /// Bytes, newlines included.
        public var byteCount: Int64 = 0

        /// So many lines and bytes, none without an argument.
        public init(lineCount: Int64 = 0, byteCount: Int64 = 0) {
            self.lineCount = lineCount
            self.byteCount = byteCount
        }

        /// Adds another loss.
        public static func += (a: inout Loss, b: Loss) {
            a.lineCount += b.lineCount
            a.byteCount += b.byteCount
        }
    }

    /// How often the file was touched.
    public struct Counts: Sendable, Hashable {
        /// Writes, whatever their size.
        public var appends = 0
        /// Attempts to rotate, failed ones too.
        public var rotations = 0
    }

    /// A line longer than this is written in pieces as it comes.
    public static let longestLine = 65_536
    /// A line that never ends is cut when its file is so much larger than it may be.
    private static let longestOver: Int64 = 1 << 20
    /// Bytes after which `move` returns although more is there.
    private static let fairShare = 1 << 20

    /// The named pipe's place. The pipe stays there when this value is gone.
    public let pipePath: String
    /// Of the pipe; for an event loop.
    public let descriptor: Int32
    /// Dropped because it could not be written, since this value was made.
    public private(set) var lost = Loss()
    private var trouble: String?
    private var rotationTrouble: String?
    /// What was dropped and is not said in the log yet.
    private var unsaid = Loss()
    /// An empty path: what comes is dropped.
    private var file = PipeLogFile(path: "", maxByteCount: 0, backups: 0, owner: nil)
    /// The file ends inside a line, and its rest is still to come.
    private var midLine = false
    /// The file ends inside a line, and its rest will not come.
    private var needsNewline = false
    /// The app ran before this value was made, so that a line that the file ends in may be its own.
    private var goesOn = false
    /// The rest of a line that was begun to be dropped is to be dropped too.
    private var skipsRest = false

    /// Opens the pipe, and makes it if there is none. What an app wrote before is still in it if the app is still there.
    /// - Parameter owner: who may open the pipe by its name too, as /dev/stdout does; nil is this process's user.
    public init(pipePath: String, owner: UserIdentity?) throws(SystemError) {
        var info = stat()
        if lstat(pipePath, &info) != 0 || info.st_mode & S_IFMT != S_IFIFO {
            unlink(pipePath)
            guard mkfifo(pipePath, 0o600) == 0 else { throw .last("make pipe \(pipePath)") }
        }
        // For writing too: no end of file, and no endless "hung up", while no app is there.
        let fd = gwe_open(pipePath, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0)
        guard fd >= 0 else { throw .last("open pipe \(pipePath)") }
        if let owner { fchown(fd, owner.uid, owner.gid) }
        _ = gwe_set_pipe_size(fd, 1 << 20)
        self.pipePath = pipePath
        descriptor = fd
    }

    deinit { close(descriptor) }

    /// Where the lines go from now on; nil drops them.
    /// - Parameters:
    ///   - owner: the app's user, who may be the owner of the file; nil is this process's user.
    ///   - goesOn: whether the app has written to the file before, by way of an agent that is gone: what comes is then the
    ///     rest of a line that the file ends in.
    public mutating func setFile(
        path: String?, maxByteCount: Int64, backups: Int, owner: UserIdentity? = nil, goesOn: Bool = false
    ) {
        self.goesOn = goesOn
        file = PipeLogFile(path: path ?? "", maxByteCount: maxByteCount, backups: backups, owner: owner)
        trouble = nil
        rotationTrouble = nil
    }

    /// A descriptor for the app: it blocks when the pipe is full, and keeps the pipe alive. The caller closes it.
    public func appEnd() throws(SystemError) -> Int32 {
        let fd = gwe_open(pipePath, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0)
        guard fd >= 0 else { throw .last("open pipe \(pipePath)") }
        return fd
    }

    /// Bytes that the pipe holds.
    public var capacity: Int { max(4_096, Int(gwe_pipe_size(descriptor))) }
    /// Bytes in the pipe.
    public var waiting: Int { max(0, Int(gwe_bytes_waiting(descriptor))) }
    /// Why the last bytes could not be written, or the file not be rotated; nil when all is well.
    public var problem: String? {
        guard let trouble else { return rotationTrouble }
        return lost.byteCount == 0 ? trouble : "\(trouble); dropped \(PipeLog.text(lost))"
    }
    /// Whether lines go to a file. Without one `move` drops what comes, and does not count it as lost.
    public var hasFile: Bool { !file.path.isEmpty }
    /// Descriptors that the file will take when something is written to it.
    public var descriptorsToCome: Int { hasFile && !file.isOpen ? 2 : 0 }
    /// Of the file as it was last seen.
    public var fileByteCount: Int64 { file.byteCount }
    /// Counted since the last `setFile`.
    public var counts: Counts { file.counts }

    /// The sizes of files that were rotated since this was last asked, the oldest first.
    public mutating func takeRotated() -> [Int64] { file.takeRotated() }

    // MARK: moving

    /// Moves the whole lines that wait, about 1 MiB at most; with `all` also an unfinished one, because nobody is left to
    /// finish it.
    /// - Parameter unfinished: whether the beginning of a line is moved too, so that a person sees it; its rest follows when
    ///   it comes. Only to a regular file: elsewhere lines of several apps may come together.
    public mutating func move(
        all: Bool, unfinished: Bool = false, lineLimit: Int = .max, byteLimit: Int = .max, scratch: PipeScratch
    ) -> Moved {
        var moved = Moved()
        let waiting = self.waiting
        guard waiting > 0 else {
            if all { endLine() }
            return moved
        }
        guard hasFile else {
            moved.byteCount = scratch.drop(descriptor, waiting)
            return moved
        }
        if skipsRest {
            skipRest(scratch, &moved)
            if skipsRest && !all { return moved }
            skipsRest = false
        }
        do throws(LogTrouble) {
            try prepare()
            let takesPieces = all || (unfinished && file.isRegular)
            while moved.byteCount < min(PipeLog.fairShare, byteLimit) {
                if try !step(all: takesPieces, lineLimit, byteLimit, scratch, &moved) { break }
            }
        } catch {
            failed(error, all: all, scratch, &moved)
        }
        if all, !moved.isBusy { endLine() }
        return moved
    }

    /// The rest of a line that was begun will not come.
    private mutating func endLine() {
        guard midLine else { return }
        midLine = false
        needsNewline = true
    }

    /// Another process begins to write: a line that the file ends in, if there is a file, is ended.
    public mutating func begin() {
        var info = stat()
        guard hasFile, !midLine, stat(file.path, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return }
        do throws(LogTrouble) { try prepare() } catch { trouble = error.description }
    }

    /// Opens the file, and says in it what is missing.
    private mutating func prepare() throws(LogTrouble) {
        try file.open()
        if let isInside = file.endsInsideStrangeLine(), !midLine {
            midLine = goesOn && isInside
            needsNewline = !goesOn && isInside
        }
        goesOn = false
        if needsNewline, file.byteCount > 0 || !file.isRegular { try file.append("\n") }
        needsNewline = false
        guard unsaid.byteCount > 0, !midLine else { return }
        try file.append("gwe: dropped \(PipeLog.text(unsaid)): \(trouble ?? "cannot write the log")\n")
        unsaid = Loss()
        trouble = nil
    }

    /// Writes a line of the agent's own, unless the log is in the middle of a line or cannot be written.
    public mutating func note(_ line: String) -> Bool {
        guard hasFile, !midLine else { return false }
        do throws(LogTrouble) {
            try prepare()
            try file.append(line + "\n")
            return true
        } catch {
            trouble = error.description
            return false
        }
    }

    /// One look and one move, or one rotation; whether to go on.
    private mutating func step(
        all: Bool, _ lineLimit: Int, _ byteLimit: Int, _ scratch: PipeScratch, _ moved: inout Moved
    ) throws(LogTrouble) -> Bool {
        let room = file.room
        if room > 0 {
            let limit = min(room, byteLimit - moved.byteCount)
            let look =
                lineLimit == .max
                ? scratch.look(descriptor, limit: limit)
                : scratch.count(descriptor, limit: limit, lineLimit: max(0, lineLimit - moved.lineCount))
            if look.byteCount == 0 { return false }
            if look.whole > 0 {
                moved.lineCount += look.lines
                try take(look.whole, endsLine: true, scratch, &moved)
            }
            if look.hasMore {
                moved.isLimited = true
                return false
            }
            if look.whole > 0 { return true }
        }
        return try longStep(all: all, room: room, scratch, &moved)
    }

    /// No line fits into the rest of the file.
    private mutating func longStep(
        all: Bool, room: Int, _ scratch: PipeScratch, _ moved: inout Moved
    ) throws(LogTrouble) -> Bool {
        let look = scratch.look(descriptor, limit: .max)
        if look.byteCount == 0 { return false }
        let isPiece = all || look.byteCount >= PipeLog.longestLine
        if look.whole == 0, !isPiece {
            moved.left = look.byteCount
            return false
        }
        if room < look.byteCount, !midLine, file.byteCount > 0 {
            rotate()
            return true
        }
        moved.lineCount += 1
        if look.whole > 0 {
            // One line that is longer than a file may be, or the rest of one.
            let first = scratch.count(descriptor, limit: .max, lineLimit: 1).whole
            try take(first, endsLine: true, scratch, &moved)
            return true
        }
        if room == 0, midLine, file.byteCount - file.maxByteCount >= PipeLog.longestOver {
            try file.append("\n")
            midLine = false
            rotate()
            return true
        }
        try take(look.byteCount, endsLine: false, scratch, &moved)
        return true
    }

    private mutating func take(
        _ wanted: Int, endsLine: Bool, _ scratch: PipeScratch, _ moved: inout Moved
    ) throws(LogTrouble) {
        let taken = try file.append(from: descriptor, wanted, scratch: scratch)
        // In between the two, the file ends inside a line.
        if taken > 0 { midLine = !endsLine || taken < wanted }
        moved.byteCount += taken
        guard taken > 0 else { throw LogTrouble(SystemError("write log \(file.path)", code: EAGAIN)) }
        trouble = nil
    }

    private mutating func rotate() {
        do throws(LogTrouble) {
            try file.rotate()
            rotationTrouble = nil
        } catch {
            rotationTrouble = error.description
        }
    }

    // MARK: dropping

    private mutating func failed(_ error: LogTrouble, all: Bool, _ scratch: PipeScratch, _ moved: inout Moved) {
        // A reader that is slow gets time as long as the app has room to write.
        if error.isBusy, waiting < scratch.capacity / 2 {
            moved.isBusy = true
            return
        }
        trouble = error.description
        var loss = Loss()
        if midLine {
            midLine = false
            if let bytes = file.takeBackLine() {
                if bytes > 0 { loss.lineCount += 1 }
                loss.byteCount += bytes
            } else {
                needsNewline = true
            }
            skipsRest = true
            skipRest(scratch, &moved)
        }
        let dropped = drop(all: all, scratch, &moved)
        loss += dropped
        lost += loss
        unsaid += loss
    }

    /// Drops the whole lines that wait, and tells how many they were.
    public mutating func drop(all: Bool, _ scratch: PipeScratch, _ moved: inout Moved) -> Loss {
        var loss = Loss()
        while true {
            let look = scratch.count(descriptor, limit: .max, lineLimit: .max)
            var bytes = look.whole
            var lines = look.lines
            if bytes == 0, look.byteCount > 0, all || look.byteCount >= PipeLog.longestLine {
                bytes = look.byteCount
                lines = 1
                skipsRest = !all
            }
            let taken = bytes == 0 ? 0 : scratch.drop(descriptor, bytes)
            moved.byteCount += taken
            moved.left = bytes == 0 ? look.byteCount : 0
            guard taken > 0 else { return loss }
            loss += Loss(lineCount: Int64(lines), byteCount: Int64(taken))
            if loss.byteCount >= PipeLog.fairShare { return loss }
        }
    }

    private mutating func skipRest(_ scratch: PipeScratch, _ moved: inout Moved) {
        let look = scratch.count(descriptor, limit: .max, lineLimit: 1)
        let taken = scratch.drop(descriptor, look.whole > 0 ? look.whole : look.byteCount)
        if look.whole > 0 { skipsRest = false }
        moved.byteCount += taken
        lost.byteCount += Int64(taken)
        unsaid.byteCount += Int64(taken)
    }

    private static func text(_ loss: Loss) -> String {
        "\(loss.lineCount) line\(loss.lineCount == 1 ? "" : "s") (\(loss.byteCount) bytes)"
    }
}
