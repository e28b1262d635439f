import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

// Elsewhere zlib decodes (D101).
#if arch(x86_64)
    private let isForThisProcessor = true
#else
    private let isForThisProcessor = false
#endif

/// gzip as ISA-L decodes it, held against zlib over the same bytes.
@Suite(.enabled(if: isForThisProcessor)) struct StreamDecoderTests {
    let scratch = TemporaryFolder()

    /// What came out, and how it ended.
    private struct Answer: Equatable {
        var bytes: [UInt8] = []
        var isWhole = false
        var error: UnpackError?
    }

    /// - Parameter step: how many bytes go in at once, and how many may come out.
    private func decode(_ package: [UInt8], isQuick: Bool, step: Int = 1 << 20, room: Int = 1 << 20) throws
        -> Answer
    {
        var answer = Answer()
        var output = [UInt8](repeating: 0, count: room)
        do {
            let decoder = try StreamDecoder(magic: package.prefix(6), memoryLimit: 1 << 20, isQuick: isQuick)
            #expect(decoder.isQuick == isQuick)
            var start = 0
            var end = min(step, package.count)
            while true {
                let wasAtBoundary = decoder.isAtBoundary
                let (consumed, produced) = try package[start..<end].withUnsafeBytes { input in
                    try output.withUnsafeMutableBytes {
                        try decoder.decode(input, isLast: end == package.count, into: $0)
                    }
                }
                answer.bytes += output[..<produced]
                start += consumed
                if start == end, end < package.count {
                    end = min(end + step, package.count)
                } else if consumed == 0, produced == 0, decoder.isAtBoundary == wasAtBoundary {
                    break
                }
            }
            answer.isWhole = decoder.isAtBoundary && start == package.count
        } catch let error as UnpackError {
            answer.error = error
        }
        return answer
    }

    private static func content(_ count: Int) -> [UInt8] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<count).map { index in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return index % 700 < 500 ? UInt8(truncatingIfNeeded: index % 97) : UInt8(truncatingIfNeeded: state)
        }
    }

    private func gzip(_ content: [UInt8], options: String = "-6") throws -> [UInt8] {
        try AtomicFile.read(scratch.compress(content, "gzip -n \(options)"), limit: 1 << 24)
    }

    @Test("ISA-L is there where gwe is tested, and decodes gzip alone")
    func isThere() throws {
        #expect(try StreamDecoder(magic: [0x1F, 0x8B, 8, 0, 0, 0], memoryLimit: 1 << 20, isQuick: true).isQuick)
        #expect(try !StreamDecoder(magic: [0x1F, 0x8B, 8, 0, 0, 0], memoryLimit: 1 << 20, isQuick: false).isQuick)
        #expect(
            try !StreamDecoder(magic: [0x28, 0xB5, 0x2F, 0xFD, 0, 0], memoryLimit: 1 << 20, isQuick: true).isQuick)
    }

    @Test("a package decodes to the same bytes, whatever pieces it comes in and goes out in")
    func pieces() throws {
        let content = Self.content(300_000)
        for package in [try gzip(content), try gzip(content, options: "-1"), try gzip([])] {
            let expected = try decode(package, isQuick: false)
            #expect(expected.isWhole)
            for (step, room) in [
                (1 << 20, 1 << 20), (1, 1 << 16), (7, 333), (4096, 1), (1 << 20, 1 << 15), (997, 40_000),
            ] {
                #expect(try decode(package, isQuick: true, step: step, room: room) == expected)
            }
        }
    }

    /// RFC 1952, 2.3: flags 1 text, 2 CRC of the header, 4 extra field, 8 name, 16 comment.
    private func header(_ flags: UInt8, crc: UInt16? = nil) -> [UInt8] {
        var bytes: [UInt8] = [0x1F, 0x8B, 8, flags, 1, 2, 3, 4, 2, 3]
        if flags & 4 != 0 { bytes += Array("\u{5}\0extra".utf8) }
        if flags & 8 != 0 { bytes += Array("a name\0".utf8) }
        if flags & 16 != 0 { bytes += Array("a comment\0".utf8) }
        guard flags & 2 != 0 else { return bytes }
        let sum = crc ?? UInt16(truncatingIfNeeded: Self.crc32(bytes))
        bytes.append(UInt8(truncatingIfNeeded: sum))
        bytes.append(UInt8(sum >> 8))
        return bytes
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 {
                let isOdd = sum & 1 == 1
                sum >>= 1
                if isOdd { sum ^= 0xEDB8_8320 }
            }
        }
        return ~sum
    }

    @Test("every field that a header may have is passed over, and a wrong header is refused as zlib refuses it")
    func headers() throws {
        let content = Self.content(5000)
        let body = try gzip(content).dropFirst(10)
        for flags in UInt8(0)..<32 {
            for step in [1, 3, 1 << 20] {
                let answer = try decode(header(flags) + body, isQuick: true, step: step)
                #expect(answer == Answer(bytes: content, isWhole: true, error: nil))
            }
        }
        var method = header(0)
        method[2] = 7
        let wrong: [[UInt8]] = [header(2, crc: 1), header(32), header(128), method]
        for header in wrong {
            let answer = try decode(header + body, isQuick: true)
            #expect(answer.error != nil)
            #expect(try answer == decode(header + body, isQuick: false))
        }
    }

    @Test("members in a row count as one, zeros behind the last are passed over, and anything else is refused")
    func members() throws {
        let content = Self.content(70_000)
        let member = try gzip(content)
        let empty = header(31) + (try gzip([])).dropFirst(10)
        let zeros = [UInt8](repeating: 0, count: 1000)
        var cases: [[UInt8]] = [member + member, member + empty + member, member + zeros]
        for end: [UInt8] in [[0, 0] + member, [1], [0, 7], Array(member.prefix(5)), Array(member.prefix(100))] {
            cases.append(member + end)
        }
        cases.append(member + Array("\u{1F}ello".utf8))
        for package in cases {
            for step in [1, 8, 333, 1 << 20] {
                let quick = try decode(package, isQuick: true, step: step)
                let zlib = try decode(package, isQuick: false, step: step)
                #expect(quick.isWhole == zlib.isWhole && quick.error == zlib.error)
                // Of a member that is cut off, one may give more than the other.
                #expect(quick.bytes.starts(with: content) && (!zlib.isWhole || quick.bytes == zlib.bytes))
            }
        }
        #expect(try decode(member + member, isQuick: true).bytes == content + content)
    }

    @Test("a wrong checksum, a wrong length and a cut at any of the last bytes are found")
    func ends() throws {
        let content = Self.content(100_000)
        let package = try gzip(content)
        for place in 1...8 {
            var damaged = package
            damaged[package.count - place] ^= 4
            for step in [1, 5, 1 << 20] {
                #expect(try decode(damaged, isQuick: true, step: step).error?.isOfBytes == true)
                let cut = try decode(Array(package.dropLast(place)), isQuick: true, step: step)
                #expect(!cut.isWhole && cut.error == nil && cut.bytes == content)
            }
        }
    }

    @Test("what is damaged at random is taken by both or by none, with the same bytes up to where zlib stops")
    func damage() throws {
        var random = SystemRandomNumberGenerator()
        let packages = [try gzip(Self.content(3000), options: "-9"), try gzip(Self.content(90_000), options: "-1")]
        for round in 0..<800 {
            var package = packages[round % 2]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<(round % 4 < 2 ? 200 : package.count), using: &random)
                package[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            if round % 5 == 0 { package.removeLast(Int.random(in: 1..<package.count - 6, using: &random)) }
            guard package.starts(with: [0x1F, 0x8B]) else { continue }
            let step = Int.random(in: 1...5000, using: &random)
            let quick = try decode(package, isQuick: true, step: step)
            let zlib = try decode(package, isQuick: false, step: step)
            let isSame = quick.isWhole == zlib.isWhole && (zlib.isWhole ? quick == zlib : true)
            let count = min(quick.bytes.count, zlib.bytes.count)
            #expect(
                isSame && quick.bytes[..<count] == zlib.bytes[..<count], "\(Data(package).base64EncodedString())")
        }
    }

    @Test("a damaged package is refused in the words that it would be without ISA-L, and leaves nothing")
    func words() throws {
        var random = SystemRandomNumberGenerator()
        let tar = TarBytes.of { tar in
            for index in 0..<40 { tar.add(Array("f\(index)".utf8), .file, Self.content(500 + 997 * index)) }
        }
        let whole = try gzip(tar)
        func refusal(isQuick: Bool) -> String? {
            do {
                _ = try Unpacker.unpack(
                    from: .file(scratch("damaged")), into: scratch("r"), limits: UnpackLimits(), hashesSource: true,
                    isQuick: isQuick)
                try FileTree.removeTree(scratch("r"))
                return nil
            } catch {
                #expect(!FileTree.exists(scratch("r")))
                return "\(error)"
            }
        }
        for round in 0..<120 {
            var package = whole
            let place = Int.random(in: 2..<(round % 2 == 0 ? 300 : package.count), using: &random)
            package[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            if round % 6 == 0 { package.removeLast(Int.random(in: 1..<package.count / 2, using: &random)) }
            try AtomicFile.write(package, to: scratch("damaged"))
            #expect(refusal(isQuick: true) == refusal(isQuick: false))
        }
    }

    @Test("a package that arrives is judged by zlib from its beginning, and its digest is that of all of it")
    func growing() throws {
        let tar = TarBytes.of { $0.add(Array("f".utf8), .file, Self.content(200_000)) }
        var package = try gzip(tar)
        package[package.count - 8] ^= 1
        try AtomicFile.write(package, to: scratch("partial"))
        let growing = GrowingFile()
        try growing.started(path: scratch("partial"), byteCount: Int64(package.count))
        growing.finish()
        let error = try #require(throws: UnpackError.self) {
            try Unpacker.unpack(from: .growing(growing), into: scratch("r"))
        }
        #expect(error == .damaged(reason: "the gzip data is damaged (incorrect data check)"))
        #expect(!FileTree.exists(scratch("r")))
    }
}
