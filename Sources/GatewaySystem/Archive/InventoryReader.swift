internal import Glibc

/// Reads the entries of an inventory in place: fields are unescaped and ended with a NUL in the text itself, so that
/// a path can be handed to the kernel as it stands. The text's digest was checked before, so that no line is odd; one
/// that is anyway ends the reading and is reported by `isBroken`.
struct InventoryReader {
    struct Line {
        var kind: UInt8
        var mode: UInt32 = 0o777
        var file = Inventory.FileState(
            byteCount: 0, modified: Inventory.FileTime(seconds: 0, nanoseconds: 0), inode: 0, digest: SHA256Digest())
        /// The 64 digits, read only when they are needed.
        var digest: UnsafeRawBufferPointer?
        var target: UnsafeRawBufferPointer?
        /// Without the NUL that follows it.
        var path: UnsafeRawBufferPointer
        var pathText: UnsafePointer<CChar>

        func entry() -> Inventory.Entry {
            let kind: Inventory.Entry.Kind =
                switch kind {
                case UInt8(ascii: "f"): .file(state())
                case UInt8(ascii: "l"): .symlink(target: target.map { Array($0) } ?? [])
                default: .directory
                }
            return Inventory.Entry(path: Array(path), mode: mode, kind: kind)
        }

        func state() -> Inventory.FileState {
            var state = file
            state.digest = digestValue()
            return state
        }

        func digestValue() -> SHA256Digest {
            digest.flatMap { SHA256Digest(hex: String(decoding: $0, as: UTF8.self)) } ?? SHA256Digest()
        }
    }

    private let text: UnsafeMutableRawBufferPointer
    private var position = 0
    private(set) var isBroken = false

    init(_ text: UnsafeMutableRawBufferPointer) { self.text = text }

    mutating func next() -> Line? {
        guard position < text.count, !isBroken else { return nil }
        guard let line = parse() else {
            isBroken = true
            return nil
        }
        return line
    }

    private mutating func parse() -> Line? {
        let kind = text[position]
        guard position + 1 < text.count, text[position + 1] == 32 else { return nil }
        position += 2
        var mode: UInt32 = 0o777
        var file: Inventory.FileState?
        var digest: UnsafeRawBufferPointer?
        var target: UnsafeRawBufferPointer?
        switch kind {
        case UInt8(ascii: "d"):
            guard let value = number(radix: 8, until: 32) else { return nil }
            mode = UInt32(truncatingIfNeeded: value)
        case UInt8(ascii: "f"):
            guard let value = number(radix: 8, until: 32), let size = number(radix: 10, until: 32),
                let seconds = signedNumber(until: UInt8(ascii: ".")), let nanoseconds = number(radix: 10, until: 32),
                let inode = number(radix: 10, until: 32), position + 65 <= text.count, text[position + 64] == 32
            else { return nil }
            mode = UInt32(truncatingIfNeeded: value)
            digest = UnsafeRawBufferPointer(rebasing: text[position..<position + 64])
            position += 65
            file = Inventory.FileState(
                byteCount: Int64(truncatingIfNeeded: size),
                modified: Inventory.FileTime(seconds: seconds, nanoseconds: Int64(truncatingIfNeeded: nanoseconds)),
                inode: inode, digest: SHA256Digest())
        case UInt8(ascii: "l"):
            guard let field = field(until: 32) else { return nil }
            target = field
        default: return nil
        }
        guard let path = field(until: 10), let start = path.baseAddress else { return nil }
        var line = Line(
            kind: kind, mode: mode, digest: digest, target: target, path: path,
            pathText: start.assumingMemoryBound(to: CChar.self))
        if let file { line.file = file }
        return line
    }

    /// A field up to `end`, unescaped in place, with a NUL after it.
    private mutating func field(until end: UInt8) -> UnsafeRawBufferPointer? {
        let start = position
        guard let base = text.baseAddress,
            let found = memchr(base + start, Int32(end), text.count - start)
        else { return nil }
        let stop = UnsafeRawPointer(found) - UnsafeRawPointer(base)
        position = stop + 1
        var write = start
        if memchr(base + start, 92, stop - start) != nil {
            var read = start
            while read < stop {
                if text[read] == 92, read + 1 < stop {
                    read += 1
                    text[write] = text[read] == 115 ? 32 : text[read] == 110 ? 10 : text[read]
                } else {
                    text[write] = text[read]
                }
                read += 1
                write += 1
            }
        } else {
            write = stop
        }
        text[write] = 0
        return UnsafeRawBufferPointer(rebasing: text[start..<write])
    }

    private mutating func signedNumber(until end: UInt8) -> Int64? {
        guard position < text.count, text[position] == UInt8(ascii: "-") else {
            return number(radix: 10, until: end).map { Int64(truncatingIfNeeded: $0) }
        }
        position += 1
        return number(radix: 10, until: end).map { 0 &- Int64(truncatingIfNeeded: $0) }
    }

    private mutating func number(radix: UInt64, until end: UInt8) -> UInt64? {
        var value: UInt64 = 0
        let start = position
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte == end { return position - start > 1 ? value : nil }
            guard byte >= 48, byte < 48 + radix else { return nil }
            value = value &* radix &+ UInt64(byte - 48)
        }
        return nil
    }
}

extension Inventory {
    /// Why an inventory could not be read.
    public enum ReadError: Error, Sendable, Hashable, CustomStringConvertible {
        /// Torn, changed or of a version that this program does not know.
        case damaged(path: String, reason: String)
        /// The file could not be opened or read.
        case system(SystemError)

        /// A sentence for people that names the file.
        public var description: String {
            switch self {
            case .damaged(let path, let reason): "cannot read inventory \(path): \(reason)"
            case .system(let error): error.description
            }
        }
    }

    /// More than this is no inventory.
    static let byteLimit = 256 << 20

    /// Reads what `write(to:)` wrote. A file that is cut or changed anywhere is an error.
    public static func read(_ path: String) throws(ReadError) -> Inventory {
        let text: [UInt8]
        do { text = try AtomicFile.read(path, limit: byteLimit) } catch { throw .system(error) }
        guard let inventory = Inventory(text: text) else {
            let isKnown = text.starts(with: Array("gwe-inventory 1\n".utf8))
            throw .damaged(
                path: path, reason: isKnown ? "it is damaged" : "it is no inventory, or one of another version")
        }
        return inventory
    }

    init?(text: [UInt8]) {
        // "end ", 64 digits, line feed.
        let trailer = text.count - 69
        guard trailer > 0, text[trailer - 1] == 10, text.last == 10,
            text[trailer..<trailer + 4].elementsEqual("end ".utf8)
        else { return nil }
        let digest = String(decoding: text[(trailer + 4)..<(text.count - 1)], as: UTF8.self)
        guard SHA256.hex(of: text[..<trailer]) == digest else { return nil }
        var copy = Array(text.prefix(64 << 10))
        var values: [String] = []
        var position = 0
        for key in ["gwe-inventory", "app", "version", "artifact", "origin", "size"] {
            guard let end = copy[position...].firstIndex(of: 10), copy[position..<end].starts(with: (key + " ").utf8)
            else { return nil }
            values.append(Self.unescaped(copy[(position + key.utf8.count + 1)..<end]))
            position = end + 1
        }
        guard position < copy.count, copy[position] == 10, values[0] == "1", let size = Int64(values[5]) else {
            return nil
        }
        copy = []
        release = Release(app: values[1], version: values[2], artifactDigest: values[3], origin: values[4])
        byteCount = size
        self.digest = digest
        self.text = text
        body = (position + 1)..<trailer
    }

    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        var result: [UInt8] = []
        var isEscaped = false
        for byte in bytes {
            if isEscaped {
                result.append(byte == 115 ? 32 : byte == 110 ? 10 : byte)
                isEscaped = false
            } else if byte == 92 {
                isEscaped = true
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
