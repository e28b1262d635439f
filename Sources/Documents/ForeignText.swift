/// Makes text of others safe by where it goes. Apps, installers, servers, brokers, packages and people may give any byte:
/// NUL, escape sequences, C1 controls, marks that turn the direction of writing, invalid UTF-8.
///
/// - On a terminal nothing may move the cursor, change a colour or a title, or hide what is written: ``TerminalText``.
/// - In JSON and to the cloud, NUL and invalid UTF-8 become U+FFFD, since many readers end at either (``inJSON(_:)``);
///   all other control characters are written as escapes by ``JSONValue``.
/// - In log files bytes stay as they came.
public enum ForeignText {
    /// Bytes as text that every reader of JSON takes: NUL and what is no UTF-8 become U+FFFD.
    public static func inJSON(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        guard bytes.contains(0) else { return String(decoding: bytes, as: UTF8.self) }
        return bytes.split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\u{FFFD}")
    }

    /// Whether a character steers a terminal, or cannot be seen and yet changes what is read: C0 and C1 controls, DEL
    /// (ECMA-48), marks of direction (Unicode Standard Annex #9), line and paragraph separators, zero-width spaces,
    /// the byte order mark, tags, noncharacters. The joiners U+200C and U+200D are letters' parts in many scripts and
    /// are none of these.
    public static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F,
            0xFDD0...0xFDEF,
            0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F:
            true
        case let value: value & 0xFFFE == 0xFFFE
        }
    }

    /// An unsafe character as less(1) and cat(1) show it: `^[` for ESC, `^?` for DEL, `<U+202E>` for the others.
    public static func shown(_ scalar: Unicode.Scalar) -> String {
        switch scalar.value {
        case 0..<0x20: return "^" + String(Character(Unicode.Scalar(UInt8(scalar.value) + 0x40)))
        case 0x7F: return "^?"
        case let value:
            let hex = String(value, radix: 16, uppercase: true)
            return "<U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex + ">"
        }
    }
}

/// A stream of foreign bytes on its way to a terminal. Line ends and tabs pass; a carriage return passes away before a
/// line end; every other control character is shown as less(1) shows it (``ForeignText/shown(_:)``), a byte that is no
/// UTF-8 as `<FF>`. A character may be cut by the border of two pieces; at most three bytes are held back for that.
public struct TerminalText: Sendable {
    private var held: [UInt8] = []

    /// A stream of which nothing has come yet.
    public init() {}

    /// A whole text at once.
    public static func safe(_ text: String) -> String {
        var text = text
        guard !text.withUTF8({ $0.allSatisfy(TerminalText.isPlain) }) else { return text }
        var stream = TerminalText()
        let bytes = stream.write(Array(text.utf8)) + stream.finish()
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The next piece, as it may be written.
    public mutating func write(_ piece: some Sequence<UInt8>) -> [UInt8] {
        let bytes = held + piece
        held = []
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            if TerminalText.isPlain(byte) {
                out.append(byte)
                at += 1
            } else if byte < 0x80 {
                if byte == UInt8(ascii: "\r") {
                    if at + 1 == bytes.count {
                        held = [byte]
                        return out
                    }
                    if bytes[at + 1] == UInt8(ascii: "\n") {
                        at += 1
                        continue
                    }
                }
                out += Array(ForeignText.shown(Unicode.Scalar(byte)).utf8)
                at += 1
            } else {
                let length = TerminalText.length(byte)
                let character = bytes[at..<min(at + length, bytes.count)]
                if let scalar = TerminalText.scalar(character, length) {
                    out += ForeignText.isUnsafe(scalar) ? Array(ForeignText.shown(scalar).utf8) : Array(character)
                    at += length
                } else if character.count < length, character.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 }) {
                    held = Array(character)
                    return out
                } else {
                    out += TerminalText.shown(byte)
                    at += 1
                }
            }
        }
        return out
    }

    /// What was held back, when nothing more comes.
    public mutating func finish() -> [UInt8] {
        defer { held = [] }
        return held.flatMap { $0 < 0x80 ? Array(ForeignText.shown(Unicode.Scalar($0)).utf8) : TerminalText.shown($0) }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x20..<0x7F).contains(byte) || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
    }

    private static func shown(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [UInt8(ascii: "<"), digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
    }

    /// How many bytes a character has that begins with this one (RFC 3629, 4); 1 for a byte that begins none.
    private static func length(_ byte: UInt8) -> Int {
        switch byte {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
    }

    private static func scalar(_ bytes: ArraySlice<UInt8>, _ length: Int) -> Unicode.Scalar? {
        guard length > 1, bytes.count == length, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        return text.unicodeScalars.first
    }
}
