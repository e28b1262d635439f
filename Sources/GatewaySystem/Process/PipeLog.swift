internal import CLinux
internal import Glibc

/// An app's output: a named pipe that the app itself holds open for reading and writing, so that it outlives the agent, and
/// the file that whole lines of it are moved to (rules 20). Bytes leave the pipe only when they are in the file: a killed
/// agent loses nothing and doubles nothing, the next one goes on where this one stopped.
///
/// The app blocks only when the pipe (1 MiB where the system allows it) is full and nobody moves. What cannot be written is
/// taken from the pipe and dropped.
public struct PipeLog: ~Copyable {
    /// What `move` did.
    public struct Moved: Sendable, Hashable {
        /// Bytes taken out of the pipe.
        public var byteCount = 0
        /// Bytes of an unfinished line that stay in the pipe.
        public var left = 0
    }

    /// A line longer than this is cut into pieces.
    private static let longestLine = 65_536
    /// Bytes after which `move` returns although more is there.
    private static let fairShare = 4 << 20

    public let pipePath: String
    /// Of the pipe; for an event loop.
    public let descriptor: Int32
    /// Why the last bytes could not be written; nil when they were.
    public private(set) var problem: String?
    /// Bytes dropped because they could not be written.
    public private(set) var droppedByteCount: Int64 = 0
    private var file: PipeLogFile?
    private var midLine = false

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
        file = nil
    }

    deinit { close(descriptor) }

    /// Where the lines go from now on; nil drops them.
    public mutating func setFile(path: String?, maxByteCount: Int64, backups: Int) {
        if let path {
            file = PipeLogFile(path: path, maxByteCount: maxByteCount, backups: backups)
        } else {
            file = nil
        }
        problem = nil
    }

    /// A descriptor for the app: it blocks when the pipe is full, and keeps the pipe alive. The caller closes it.
    public func appEnd() throws(SystemError) -> Int32 {
        let fd = gwe_open(pipePath, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0)
        guard fd >= 0 else { throw .last("open pipe \(pipePath)") }
        return fd
    }

    /// Moves the whole lines that wait; with `all` also an unfinished one, because nobody is left to finish it.
    public mutating func move(all: Bool, scratch: PipeScratch) -> Moved {
        var moved = Moved()
        var opened = false
        var canWrite = false
        while moved.byteCount < PipeLog.fairShare {
            let waiting = Int(gwe_bytes_waiting(descriptor))
            guard waiting > 0 else { break }
            if !opened {
                opened = true
                canWrite = openFile()
            }
            guard canWrite else {
                let taken = scratch.take(descriptor, waiting)
                if file != nil { droppedByteCount += Int64(taken) }
                moved.byteCount += taken
                if taken == 0 { break }
                continue
            }
            let step = moveOnce(all: all, scratch: scratch)
            moved.byteCount += step.taken
            canWrite = step.canWrite
            if step.finished {
                moved.left = step.left
                break
            }
        }
        return moved
    }

    private mutating func openFile() -> Bool {
        guard file != nil else { return false }
        do throws(SystemError) {
            try file?.open()
            problem = nil
            return true
        } catch {
            problem = error.description
            return false
        }
    }

    private struct Step {
        var taken = 0
        var left = 0
        var finished = false
        var canWrite = true
    }

    /// One look and one move, or one rotation.
    private mutating func moveOnce(all: Bool, scratch: PipeScratch) -> Step {
        let room = file?.room ?? .max
        let look = scratch.look(descriptor, limit: max(room, PipeLog.longestLine), room: room)
        guard look.byteCount > 0 else { return Step(finished: true) }
        var wanted = look.last
        if wanted == 0, all || look.byteCount >= PipeLog.longestLine { wanted = look.byteCount }
        if wanted == 0 { return Step(left: look.byteCount, finished: true) }
        if wanted > room, !midLine {
            if look.lastInRoom > 0 {
                wanted = look.lastInRoom
            } else if (file?.byteCount ?? 0) > 0 {
                rotate()
                return Step()
            } else if look.first > 0 {
                wanted = look.first  // one line that is longer than a file may be
            }
        } else if wanted > room, look.first > 0 {
            wanted = look.first  // the rest of a line that was begun in this file
        }
        do throws(SystemError) {
            let taken = try file?.append(from: descriptor, wanted, scratch: scratch) ?? 0
            midLine = ![look.first, look.lastInRoom, look.last].contains(taken)
            return Step(taken: taken, finished: taken == 0)
        } catch {
            problem = error.description
            return Step(canWrite: false)
        }
    }

    private mutating func rotate() {
        do throws(SystemError) { try file?.rotate() } catch {
            problem = error.description
        }
    }
}
