internal import Documents

/// What gwe wants to know of an X.509 certificate (RFC 5280, 4.1): when it is valid. Nothing is verified here.
public struct CertificateFacts: Sendable, Hashable {
    /// Unix time in seconds, both inclusive.
    public var notBefore: Int64
    /// The last second in which it is valid, as Unix time.
    public var notAfter: Int64

    /// The certificates of a PEM text (RFC 7468), in its order. Blocks of other kinds and text between are passed over.
    ///
    /// - Returns: nil in place of a block that is no certificate.
    public static func inPEM(_ bytes: some Collection<UInt8>) -> [CertificateFacts?] {
        var found: [CertificateFacts?] = []
        var base64: [UInt8]?
        for line in bytes.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
            let text = String(decoding: line.prefix(80), as: UTF8.self)
            if text.hasPrefix("-----BEGIN CERTIFICATE") || text.hasPrefix("-----BEGIN TRUSTED CERTIFICATE") {
                base64 = []
            } else if text.hasPrefix("-----END"), let block = base64 {
                found.append(Base64Text.decode(block).flatMap { CertificateFacts(der: $0) })
                base64 = nil
            } else if base64 != nil {
                base64?.append(contentsOf: line)
            }
        }
        return found
    }

    /// A certificate in DER; nil when it is none.
    public init?(der: [UInt8]) {
        // Certificate > TBSCertificate > [0] version, serialNumber, signature, issuer, validity
        var outer = DERReader(der[...])
        guard var certificate = outer.enter(0x30), var body = certificate.enter(0x30) else { return nil }
        _ = body.enter(0xA0)
        guard body.enter(0x02) != nil, body.enter(0x30) != nil, body.enter(0x30) != nil,
            var validity = body.enter(0x30), let start = validity.time(), let end = validity.time()
        else { return nil }
        notBefore = start
        notAfter = end
    }
}

/// Distinguished encoding rules (X.690), as far as a validity needs them.
private struct DERReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The content of the next element if it has that tag; then it has been passed.
    mutating func enter(_ tag: UInt8) -> DERReader? {
        guard rest.first == tag else { return nil }
        var after = rest.dropFirst()
        guard let first = after.popFirst() else { return nil }
        var count = Int(first)
        if first & 0x80 != 0 {
            let digits = Int(first & 0x7F)
            guard (1...3).contains(digits), after.count >= digits else { return nil }
            count = after.prefix(digits).reduce(0) { $0 << 8 | Int($1) }
            after = after.dropFirst(digits)
        }
        guard after.count >= count else { return nil }
        rest = after.dropFirst(count)
        return DERReader(after.prefix(count))
    }

    /// UTCTime (`YYMMDDhhmmssZ`, 1950 to 2049) or GeneralizedTime (`YYYYMMDDhhmmssZ`) as Unix seconds.
    mutating func time() -> Int64? {
        let isShort = rest.first == 0x17
        guard let content = enter(isShort ? 0x17 : 0x18)?.rest, content.last == UInt8(ascii: "Z") else { return nil }
        let digits = content.dropLast().map { Int64($0) - 48 }
        guard digits.count == (isShort ? 12 : 14), digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
        var pairs = stride(from: 0, to: digits.count, by: 2).map { digits[$0] * 10 + digits[$0 + 1] }
        var year = pairs.removeFirst()
        if isShort { year += year < 50 ? 2000 : 1900 } else { year = year * 100 + pairs.removeFirst() }
        guard pairs.count == 5, (1...12).contains(pairs[0]), (1...31).contains(pairs[1]) else { return nil }
        let date = CivilDate(year: Int(year), month: Int(pairs[0]), day: Int(pairs[1]))
        return CivilTime(date: date, hour: Int(pairs[2]), minute: Int(pairs[3]), second: Int(pairs[4])).unixSeconds
    }
}

/// RFC 4648, 4.
public enum Base64Text {
    /// Blanks are passed over; nil when another character is none of the alphabet or the length is wrong.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.count * 3 / 4)
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for byte in text where byte != 32 && byte != 9 {
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(byte) else { return nil }
            bits = bits << 6 | value
            count += 1
            guard count % 4 == 0 else { continue }
            out += [
                UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8),
                UInt8(truncatingIfNeeded: bits),
            ]
        }
        switch (count % 4, padding) {
        case (0, 0): return out
        case (2, 2): return out + [UInt8(truncatingIfNeeded: bits >> 4)]
        case (3, 1): return out + [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)]
        default: return nil
        }
    }

    private static func value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
