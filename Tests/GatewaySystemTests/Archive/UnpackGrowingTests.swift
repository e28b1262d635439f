import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct UnpackGrowingTests {
    let scratch = TemporaryFolder()

    private func package() throws -> [UInt8] {
        let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
        let path = try scratch.compress(TarBytes.of { $0.add(Array("f".utf8), .file, content) }, as: "whole")
        return try AtomicFile.read(path, limit: 1 << 20)
    }

    /// Runs `write` on a thread of its own while the package is unpacked on this one.
    private func unpack(_ write: @escaping @Sendable (GrowingFile) throws -> Void) throws -> Unpacked {
        let growing = GrowingFile()
        let writer = try BackgroundThread("writer") {
            do { try write(growing) } catch { Issue.record(error) }
        }
        defer { writer.join() }
        return try Unpacker.unpack(from: .growing(growing), into: scratch("r"), hashesSource: true)
    }

    @Test("a package is unpacked while it is still being written, in pieces of any size", arguments: [1, 7, 4096])
    func grows(step: Int) throws {
        let bytes = try package()
        let path = scratch("partial")
        let unpacked = try unpack { growing in
            let file = open(path, O_CREAT | O_WRONLY, 0o600)
            defer { close(file) }
            try growing.started(path: path, byteCount: 0)
            var written = 0
            while written < bytes.count {
                let piece = Array(bytes[written..<min(written + (written > 50 ? max(step, 97) : step), bytes.count)])
                write(file, piece, piece.count)
                written += piece.count
                growing.appended(byteCount: Int64(written))
            }
            growing.finish()
        }
        #expect(unpacked.sourceDigest == SHA256.hex(of: bytes))
        #expect(unpacked.byteCount == 200_000)
    }

    @Test("bytes beyond what is announced are not read")
    func unannounced() throws {
        let bytes = try package()
        try AtomicFile.write(bytes + [1, 2, 3], to: scratch("partial"))
        let path = scratch("partial")
        let unpacked = try unpack { growing in
            try growing.started(path: path, byteCount: Int64(bytes.count))
            growing.finish()
        }
        #expect(unpacked.sourceByteCount == Int64(bytes.count))
    }

    @Test("a download that fails or begins anew ends the unpacking and leaves nothing", arguments: [true, false])
    func ends(fails: Bool) throws {
        let bytes = try package()
        try AtomicFile.write(bytes, to: scratch("partial"))
        let path = scratch("partial")
        let error = #expect(throws: UnpackError.self) {
            try unpack { growing in
                try growing.started(path: path, byteCount: 1000)
                if !fails { growing.restarted() }
                growing.fail("the download failed")
            }
        }
        // The restart may come before the unpacker looks: then there is nothing yet that could change.
        let reasons = ["the download failed"] + (fails ? [] : ["its content changed while it was fetched"])
        #expect(reasons.map { UnpackError.sourceEnded(reason: $0) }.contains(error))
        #expect(!FileTree.exists(scratch("r")))
    }

    @Test("a refused entry ends the unpacking at once, although more is to come")
    func refusedEarly() throws {
        var tar = TarBytes()
        tar.add("../x", .file, "attack")
        tar.add(Array("big".utf8), .file, (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 9) })
        let path = try scratch.compress(tar.whole)
        let size = try #require(FileTree.byteCount(path))
        let error = #expect(throws: UnpackError.self) {
            // Never finished: an unpacker that waited for the rest would hang here.
            try unpack { growing in try growing.started(path: path, byteCount: size / 2) }
        }
        #expect(error == .refused(entry: "../x", reason: "its path has '..' in it; pack it from its own folder"))
    }
}
