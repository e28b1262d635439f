/// The header of one entry: 512 bytes in the layout of POSIX.1-2017 (pax, ustar Interchange Format), of GNU tar, or of
/// the seventh edition of Unix.
struct TarBlock {
    static let byteCount = 512
    private let bytes: [UInt8]

    /// - Parameter bytes: 512 of them.
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Two of these end a tar file; the first is enough.
    var isZero: Bool { bytes.allSatisfy { $0 == 0 } }

    /// Whether the sum of its bytes is the one in it. Some old programs added them with their signs.
    var hasChecksum: Bool {
        guard let noted = number(148..<156) else { return false }
        var sum: Int64 = 0
        var signedSum: Int64 = 0
        for (index, byte) in bytes.enumerated() {
            let byte = (148..<156).contains(index) ? 32 : byte
            sum += Int64(byte)
            signedSum += Int64(Int8(bitPattern: byte))
        }
        return noted == sum || noted == signedSum
    }

    /// "ustar" and a NUL, whose name may go on in a prefix.
    private var isPOSIX: Bool { bytes[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0]) }

    /// "ustar" and two spaces, whose header has other fields in the place of the prefix.
    var isGNU: Bool { bytes[257..<265].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 32, 32, 0]) }

    /// What the entry is: a digit or a letter, or NUL for a file of the seventh edition.
    var type: UInt8 { bytes[156] }

    /// The path, not checked in any way.
    var name: [UInt8] {
        let name = text(0..<100)
        guard isPOSIX, bytes[345] != 0 else { return name }
        return text(345..<500) + [47] + name
    }

    var linkName: [UInt8] { text(157..<257) }
    /// Permission bits, also setuid, setgid and sticky.
    var mode: UInt32? { number(100..<108).map { UInt32(truncatingIfNeeded: $0 & 0o7777) } }
    var size: Int64? { number(124..<136) }
    /// Seconds since 1970.
    var modified: Int64? { number(136..<148) }

    /// The parts of a sparse file (GNU tar, "Old GNU Format"), and whether more of them follow in a block of their own.
    func sparseParts(isExtension: Bool) -> (parts: [TarSparse.Part], goesOn: Bool)? {
        let start = isExtension ? 0 : 386
        let count = isExtension ? 21 : 4
        var parts: [TarSparse.Part] = []
        for index in 0..<count {
            let place = start + 24 * index
            guard bytes[place] != 0 || bytes[place + 12] != 0 else { break }
            guard let offset = number(place..<place + 12), let size = number(place + 12..<place + 24)
            else { return nil }
            parts.append(TarSparse.Part(offset: offset, byteCount: size))
        }
        return (parts, bytes[start + 24 * count] != 0)
    }

    /// How long a sparse file is with its holes.
    var sparseSize: Int64? { number(483..<495) }

    /// A field up to its first NUL.
    private func text(_ range: Range<Int>) -> [UInt8] { Array(bytes[range].prefix { $0 != 0 }) }

    /// A number in octal digits, with spaces or NULs around them, or in base 256, which GNU tar has for large and
    /// negative ones. An empty field is zero.
    private func number(_ range: Range<Int>) -> Int64? {
        let field = bytes[range]
        guard let first = field.first else { return 0 }
        if first & 0x80 != 0 {
            var value = first & 0x40 != 0 ? Int64(Int8(bitPattern: first)) : Int64(first & 0x3F)
            for byte in field.dropFirst() {
                let (shifted, overflow) = value.multipliedReportingOverflow(by: 256)
                guard !overflow else { return nil }
                value = shifted + Int64(byte)
            }
            return value
        }
        var value: Int64 = 0
        let digits = field.drop { $0 == 32 || $0 == 0 }.prefix { $0 != 32 && $0 != 0 }
        for digit in digits {
            guard (48..<56).contains(digit), value <= Int64.max >> 3 else { return nil }
            value = value << 3 + Int64(digit - 48)
        }
        return value
    }
}
