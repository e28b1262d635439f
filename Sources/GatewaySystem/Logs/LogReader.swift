internal import CLinux
internal import Glibc

/// A log and its rotated files for readers. They are opened as `LogPlace` says, so that a root who reads is not led elsewhere.
public struct LogReader: Sendable {
    /// The log's files, which are found anew by each call.
    public let files: LogFiles

    /// Opens nothing yet.
    public init(_ files: LogFiles) { self.files = files }

    /// One of the files, with the descriptor; closed with it.
    final class Piece {
        let fd: Int32
        let identity: (device: UInt64, inode: UInt64)
        var offset: off_t

        init?(_ fd: Int32, offset: off_t = 0) {
            var info = stat()
            guard fd >= 0, fstat(fd, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
                if fd >= 0 { close(fd) }
                return nil
            }
            self.fd = fd
            self.offset = offset
            identity = (UInt64(info.st_dev), UInt64(info.st_ino))
        }

        deinit { close(fd) }

        /// Tells it from a later file with the same inode; a rotated file changes no more.
        var mark: Mark {
            var info = stat()
            fstat(fd, &info)
            return Mark(
                device: UInt64(info.st_dev), inode: UInt64(info.st_ino), byteCount: Int64(info.st_size),
                seconds: Int64(info.st_mtim.tv_sec), nanoseconds: Int64(info.st_mtim.tv_nsec))
        }

        func isSame(as other: Piece) -> Bool { identity == other.identity }

        var byteCount: off_t {
            var info = stat()
            return fstat(fd, &info) == 0 ? info.st_size : 0
        }

        /// Gives away what follows `offset`, and moves it on. False when the taker wants no more.
        func give(_ buffer: inout [UInt8], to write: (UnsafeRawBufferPointer) -> Bool) -> Bool {
            while true {
                let count = pread(fd, &buffer, buffer.count, offset)
                guard count > 0 else { return true }
                offset += off_t(count)
                let wantsMore = buffer.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                if !wantsMore { return false }
            }
        }

        /// Moves `offset` to where the last `lines` lines begin; the number that are there, at most `lines`. It looks back
        /// over little more than `byteLimit` bytes: a file may be of any size without a single line.
        func seek(lines: Int, byteLimit: Int64, _ buffer: inout [UInt8]) -> Int {
            var at = byteCount
            offset = at
            let first = at - min(at, off_t(byteLimit))
            var found = 0
            var isFirst = true
            while at > first, lines > 0 {
                let length = Int(min(at, off_t(buffer.count)))
                guard pread(fd, &buffer, length, at - off_t(length)) == length else { break }
                at -= off_t(length)
                var end = length
                // A newline at the very end closes the last line and begins none.
                if isFirst, buffer[length - 1] == UInt8(ascii: "\n") { end -= 1 }
                isFirst = false
                while case let index = gwe_last_index(buffer, end, UInt8(ascii: "\n")), index >= 0 {
                    found += 1
                    if found == lines {
                        offset = at + off_t(index) + 1
                        return lines
                    }
                    end = Int(index)
                }
                offset = at
            }
            return offset == 0 && byteCount > 0 && lines > 0 ? found + 1 : found
        }
    }

    struct Mark: Sendable, Hashable {
        var device: UInt64
        var inode: UInt64
        var byteCount: Int64
        var seconds: Int64
        var nanoseconds: Int64
    }

    /// Opens the file with a number, 0 the log itself.
    func piece(_ number: Int) throws(LogTrouble) -> Piece? { Piece(try files.open(number)) }

    /// Why the log cannot be read; nil when it can, or when there is none.
    public func problem() -> LogTrouble? {
        do throws(LogTrouble) { _ = try piece(0) } catch { return error.isAbsent ? nil : error }
        return nil
    }

    /// Whether there is the log or one of its rotated files; false also where its folder cannot be read.
    public var exists: Bool { !files.sizes().isEmpty }

    /// Gives away the last lines, those of rotated files first; nil gives all. What is appended meanwhile may or may not come
    /// too. `write` gets pieces of any size, and stops it with false.
    /// - Parameter byteLimit: of each file little more than so many bytes are looked at for the beginning of the lines.
    public func tail(_ lines: Int?, byteLimit: Int64 = .max, to write: (UnsafeRawBufferPointer) -> Bool) {
        _ = lastPieces(lines, byteLimit: byteLimit, to: write)
    }

    /// As `tail`; the files that were looked at, the newest first, each read to its end.
    func lastPieces(
        _ lines: Int?, byteLimit: Int64 = .max, to write: (UnsafeRawBufferPointer) -> Bool
    ) -> [Piece] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var pieces: [Piece] = []
        var missing = lines ?? .max
        for number in files.sizes().keys.sorted() {
            guard missing > 0 || number == 0 else { break }
            guard let piece = try? piece(number), !pieces.contains(where: { $0.isSame(as: piece) }) else { continue }
            if lines != nil { missing -= piece.seek(lines: missing, byteLimit: byteLimit, &buffer) }
            pieces.append(piece)
        }
        for piece in pieces.reversed() {
            if !piece.give(&buffer, to: write) { break }
        }
        return pieces
    }
}
