internal import CCrypto
internal import Glibc

/// The 32 bytes of a SHA-256 (FIPS 180-4).
public struct SHA256Digest: Sendable, Hashable, CustomStringConvertible {
    var words: (UInt64, UInt64, UInt64, UInt64)

    /// All zero: the digest of nothing that exists.
    init() { words = (0, 0, 0, 0) }

    /// From 64 hexadecimal digits of either case; nil for anything else.
    public init?(hex: some StringProtocol) {
        var bytes: [UInt8] = []
        var high: UInt8?
        for unit in hex.utf8 {
            guard let nibble = Self.nibble(unit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
        guard bytes.count == 32, high == nil else { return nil }
        self.init()
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
    }

    /// 64 lower-case hexadecimal digits.
    public var hex: String {
        withUnsafeBytes(of: words) { bytes in
            String(unsafeUninitializedCapacity: 64) { text in
                for (index, byte) in bytes.enumerated() {
                    text[2 * index] = Self.digit(byte >> 4)
                    text[2 * index + 1] = Self.digit(byte & 15)
                }
                return 64
            }
        }
    }

    /// As `hex`.
    public var description: String { hex }

    /// Whether all 32 bytes are the same.
    public static func == (a: Self, b: Self) -> Bool { a.words == b.words }

    /// By the first eight bytes, which are as evenly spread as all of them.
    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    private static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 48 + nibble : 87 + nibble }

    private static func nibble(_ unit: UInt8) -> UInt8? {
        switch unit {
        case 48...57: unit - 48
        case 97...102: unit - 87
        case 65...70: unit - 55
        default: nil
        }
    }
}

/// SHA-256 over bytes that arrive in pieces, by OpenSSL (SHA256_Init(3)), which uses the processor's instructions for
/// it.
public struct SHA256Hasher: ~Copyable {
    private var context = SHA256_CTX()

    /// Begins with no bytes.
    public init() { SHA256_Init(&context) }

    /// Adds the bytes that come next. They are not kept.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count > 0 { SHA256_Update(&context, bytes.baseAddress, bytes.count) }
    }

    /// The digest of everything since the beginning or the last finish, as 64 lower-case hexadecimal digits.
    /// The hasher starts anew.
    public mutating func finish() -> String { finishDigest().hex }

    /// As `finish()`, as bytes.
    public mutating func finishDigest() -> SHA256Digest {
        var digest = SHA256Digest()
        withUnsafeMutableBytes(of: &digest.words) { bytes in
            _ = SHA256_Final(bytes.assumingMemoryBound(to: UInt8.self).baseAddress, &context)
        }
        SHA256_Init(&context)
        return digest
    }
}

/// SHA-256 (FIPS 180-4) of something that is there as a whole.
public enum SHA256 {
    /// The SHA-256 of bytes in memory, as 64 lower-case hexadecimal digits.
    public static func hex(of bytes: some Collection<UInt8>) -> String { digest(of: bytes).hex }

    /// The SHA-256 of bytes in memory.
    public static func digest(of bytes: some Collection<UInt8>) -> SHA256Digest {
        var hasher = SHA256Hasher()
        let contiguous: Void? = bytes.withContiguousStorageIfAvailable { hasher.update(UnsafeRawBufferPointer($0)) }
        if contiguous == nil { Array(bytes).withUnsafeBytes { hasher.update($0) } }
        return hasher.finishDigest()
    }

    /// The SHA-256 of a file's content, in constant memory. A symlink at the end of the path is followed.
    public static func hex(ofFile path: String) throws(SystemError) -> String {
        let file = try OpenFile(path: path, flags: O_RDONLY)
        return try file.digest(named: path, buffer: ReadBuffer()).hex
    }
}
