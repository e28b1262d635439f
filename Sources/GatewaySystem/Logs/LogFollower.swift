internal import Glibc

/// Follows logs across rotation, removal and truncation. It sleeps until the kernel tells of a change (inotify(7)); only where
/// the kernel has no instance or watch left for this user it looks each second.
public final class LogFollower {
    private struct Followed {
        var reader: LogReader
        var piece: LogReader.Piece?
        /// Files that are done with, in the order in which they were: those from before it was followed, and those that
        /// were given away. What merely lies in the folder is not asked: it may have come while the last line was shown.
        var done: [LogReader.Mark] = []

        /// The file that is open is read to its end, and another follows it.
        mutating func moveOn(to next: LogReader.Piece) {
            if let piece { done.append(piece.mark) }
            if done.count > LogFollower.furthest { done.removeFirst() }
            piece = next
        }
    }

    private var logs: [Followed]
    /// -1 where there is none.
    private let inotify: Int32
    /// Whether the kernel tells of all changes.
    private var isTold = true
    private var watches: Set<Int32> = []
    private var buffer = [UInt8](repeating: 0, count: 65_536)
    /// `name.1` and so on: further back nobody looks for the file that was read last.
    private static let furthest = 1_000

    /// Takes the logs in the order whose index `run` tells; nothing is opened yet.
    /// - Throws: when the kernel has no inotify(7).
    public init(_ readers: [LogReader]) throws(SystemError) {
        inotify = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard inotify >= 0 || LogFollower.isShortage else { throw .last("watch logs") }
        logs = readers.map { Followed(reader: $0) }
    }

    deinit { if inotify >= 0 { close(inotify) } }

    /// Whether the call before has failed because there are too many of its kind (inotify_init(2), inotify_add_watch(2)).
    private static var isShortage: Bool { [EMFILE, ENFILE, ENOSPC, ENOMEM].contains(errno) }

    /// Gives away the last lines of each log and then what is appended, with the log's index, until `write` says false or
    /// nobody reads `output` any more. A log that is not there yet is waited for.
    public func run(lines: Int?, output: Int32, to write: (Int, UnsafeRawBufferPointer) -> Bool) {
        watch()
        for index in logs.indices {
            var goesOn = true
            logs[index].done = marks(index)
            let pieces = logs[index].reader.lastPieces(lines) { bytes in
                goesOn = write(index, bytes)
                return goesOn
            }
            if !goesOn { return }
            logs[index].done += pieces.dropFirst().map(\.mark)
            logs[index].piece = pieces.first
        }
        while true {
            watch()
            for index in logs.indices where !advance(index, write) { return }
            if !wait(output) { return }
        }
    }

    /// Gives away what came since the last look.
    private func advance(_ index: Int, _ write: (Int, UnsafeRawBufferPointer) -> Bool) -> Bool {
        while true {
            if let piece = logs[index].piece {
                if piece.byteCount < piece.offset { piece.offset = 0 }
                if !piece.give(&buffer, to: { write(index, $0) }) { return false }
            }
            guard let next = next(index) else { return true }
            // What came into the old file between the two looks.
            if let piece = logs[index].piece, !piece.give(&buffer, to: { write(index, $0) }) { return false }
            logs[index].moveOn(to: next)
        }
    }

    /// The file after the one that is open: the log itself, or the oldest rotated file that is new. nil when nothing is new.
    private func next(_ index: Int) -> LogReader.Piece? {
        let reader = logs[index].reader
        let newest = try? reader.piece(0)
        let open = logs[index].piece
        if let newest, let open, newest.isSame(as: open) { return nil }
        var next = newest
        for number in backups(reader) {
            guard let piece = try? reader.piece(number) else { continue }
            if open.map({ piece.isSame(as: $0) }) == true || logs[index].done.contains(piece.mark) { break }
            next = piece
        }
        return next
    }

    private func backups(_ reader: LogReader) -> [Int] {
        reader.files.sizes().keys.filter { (1...LogFollower.furthest).contains($0) }.sorted()
    }

    /// Rotated files that are there.
    private func marks(_ index: Int) -> [LogReader.Mark] {
        let reader = logs[index].reader
        return backups(reader).compactMap { number in (try? reader.piece(number))?.mark }
    }

    // MARK: watching

    private static let folderEvents =
        IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF

    /// Watches what can change what a log's name leads to: the file, and its folder or the nearest one that is there.
    private func watch() {
        isTold = inotify >= 0
        guard isTold else { return }
        var now: Set<Int32> = []
        func add(_ path: String, _ mask: UInt32) -> Int32 {
            let watch = inotify_add_watch(inotify, path, mask)
            if watch < 0, LogFollower.isShortage { isTold = false }
            now.insert(watch)
            return watch
        }
        for log in logs {
            let path = log.reader.files.path
            _ = add(path, UInt32(IN_MODIFY | IN_ATTRIB))
            var folder = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
            while true {
                let watch = add(folder.isEmpty ? "/" : String(folder), UInt32(LogFollower.folderEvents))
                // The one above too: a folder that is renamed tells it there.
                if folder.isEmpty { break }
                folder = folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)]
                if watch >= 0 {
                    let mask = UInt32(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
                    _ = add(folder.isEmpty ? "/" : String(folder), mask | UInt32(IN_MASK_ADD))
                    break
                }
            }
        }
        for old in watches.subtracting(now) where old >= 0 { inotify_rm_watch(inotify, old) }
        watches = now
    }

    /// Sleeps until something changed; false when nobody reads the output any more.
    private func wait(_ output: Int32) -> Bool {
        var fds = [
            pollfd(fd: inotify, events: Int16(POLLIN), revents: 0), pollfd(fd: output, events: 0, revents: 0),
        ]
        while poll(&fds, 2, isTold ? -1 : 1_000) < 0 {
            guard errno == EINTR else { return false }
        }
        if fds[1].revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 { return false }
        while inotify >= 0, read(inotify, &buffer, buffer.count) > 0 {}
        return true
    }
}
