/// Bodies and queries of the device API: `application/x-www-form-urlencoded`, as real clients send it.
///
/// Decoding is lenient: raw spaces and UTF-8 stand for themselves, a `%` that begins no escape is a percent sign, and
/// empty pairs are skipped.
enum Form {
    struct Pair: Equatable {
        var name: String
        /// nil without an equals sign. Bytes, because nothing says that they are UTF-8.
        var value: [UInt8]?
    }

    static func decode(_ bytes: some Collection<UInt8>) -> [Pair] {
        bytes.split(separator: UInt8(ascii: "&")).map { pair in
            guard let mark = pair.firstIndex(of: UInt8(ascii: "=")) else {
                return Pair(name: String(decoding: unescape(pair), as: UTF8.self), value: nil)
            }
            return Pair(
                name: String(decoding: unescape(pair[..<mark]), as: UTF8.self),
                value: unescape(pair[pair.index(after: mark)...]))
        }
    }

    static func decode(query: String?) -> [Pair] { decode(Array((query ?? "").utf8)) }

    /// Undoes `+` (if asked) and percent-escapes.
    static func unescape(_ bytes: some Collection<UInt8>, plusIsSpace: Bool = true) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index != bytes.endIndex {
            let byte = bytes[index]
            bytes.formIndex(after: &index)
            switch byte {
            case UInt8(ascii: "+") where plusIsSpace: out.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                let digits = bytes[index...].prefix(2).compactMap(hexDigit)
                if digits.count == 2 {
                    out.append(digits[0] << 4 | digits[1])
                    bytes.formIndex(&index, offsetBy: 2)
                } else {
                    out.append(byte)
                }
            default: out.append(byte)
            }
        }
        return out
    }

    /// Escapes everything that RFC 3986 does not call unreserved.
    static func escape(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.append(byte)
            default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    static func encode(_ pairs: [(name: String, value: [UInt8])]) -> String {
        pairs.map { "\(escape($0.name.utf8))=\(escape($0.value))" }.joined(separator: "&")
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
