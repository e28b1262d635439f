/// A tar file (POSIX ustar) byte by byte, for archives that no honest program would write.
struct GatewayTar {
    private var bytes: [UInt8] = []

    enum Kind: UInt8 {
        case file = 0x30, hardLink, symlink, character, block, directory, fifo
    }

    mutating func add(
        _ name: String, _ kind: Kind = .file, _ content: String = "", target: String = "", mode: Int = 0o644
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            let value = Array(text.utf8)
            header.replaceSubrange(offset..<offset + value.count, with: value)
        }
        func octal(_ value: Int, digits: Int, at offset: Int) {
            let text = String(value, radix: 8)
            put(String(repeating: "0", count: digits - text.count) + text, at: offset)
        }
        put(name, at: 0)
        octal(mode, digits: 7, at: 100)
        octal(0, digits: 7, at: 108)
        octal(0, digits: 7, at: 116)
        octal(content.utf8.count, digits: 11, at: 124)
        octal(1_700_000_000, digits: 11, at: 136)
        header[156] = kind.rawValue
        put(target, at: 157)
        put("ustar\u{0}00", at: 257)
        put("        ", at: 148)
        octal(header.reduce(0) { $0 + Int($1) }, digits: 6, at: 148)
        header[154] = 0
        bytes += header + Array(content.utf8)
        bytes += [UInt8](repeating: 0, count: (512 - content.utf8.count % 512) % 512)
    }

    /// With the two blocks that end a tar file, in gzip's form without compression (RFC 1951, 3.2.4; RFC 1952).
    var gzipped: [UInt8] {
        let plain = bytes + [UInt8](repeating: 0, count: 1_024)
        var out: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        func little(_ value: UInt32, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        var rest = plain[...]
        repeat {
            let piece = rest.prefix(65_535)
            rest = rest.dropFirst(piece.count)
            let length = UInt32(piece.count)
            out += [rest.isEmpty ? 1 : 0] + little(length, 2) + little(~length, 2) + piece
        } while !rest.isEmpty
        var check: UInt32 = .max
        for byte in plain {
            check ^= UInt32(byte)
            for _ in 0..<8 { check = check >> 1 ^ (check & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return out + little(~check, 4) + little(UInt32(plain.count), 4)
    }
}
