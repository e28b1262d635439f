import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct SHA256Tests {
    // The first two are the examples of FIPS 180-4 (NIST, "SHA256.pdf"), the third is the empty message.
    static let known = [
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ]

    @Test("digests agree with the standard's examples", arguments: known)
    func standard(message: String, digest: String) {
        #expect(SHA256.hex(of: Array(message.utf8)) == digest)
        #expect(SHA256.hex(of: message.utf8.reversed().reversed()) == digest)
    }

    @Test("a digest does not depend on how the content is cut, and a hasher starts anew after each")
    func pieces() {
        let content = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let whole = SHA256.hex(of: content)
        var hasher = SHA256Hasher()
        for size in [1, 63, 64, 65, 999] {
            var rest = content[...]
            while !rest.isEmpty {
                Array(rest.prefix(size)).withUnsafeBytes { hasher.update($0) }
                rest = rest.dropFirst(size)
            }
            #expect(hasher.finish() == whole)
        }
    }

    @Test("a file's digest is that of its content")
    func file() throws {
        let scratch = TemporaryFolder()
        let content = String(repeating: "0123456789", count: 60_000)
        let path = try scratch.write("file", content)
        #expect(try SHA256.hex(ofFile: path) == SHA256.hex(of: content.utf8))
        #expect(throws: SystemError("open \(scratch("none"))", code: 2)) { try SHA256.hex(ofFile: scratch("none")) }
    }

    @Test("digests are read from 64 hexadecimal digits and from nothing else")
    func parsing() {
        let hex = Self.known[0].1
        #expect(SHA256Digest(hex: hex)?.hex == hex)
        #expect(SHA256Digest(hex: hex.uppercased())?.hex == hex)
        for bad in ["", String(hex.dropLast()), hex + "0", hex + "00", "g" + hex.dropFirst(), " " + hex.dropFirst()] {
            #expect(SHA256Digest(hex: bad) == nil, "\(bad)")
        }
    }
}
