import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct UnpackTests {
    let scratch = TemporaryFolder()
    static let programs = ["gzip", "zstd", "xz"]

    private static let noise: [UInt8] = {
        var state: UInt32 = 1
        return (0..<300_000).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
    }()

    private func tar() -> [UInt8] {
        TarBytes.of {
            $0.add("./", .directory, mode: 0o700)
            $0.add("./bin/app", .file, "#!/bin/sh\n", mode: 0o755)
            $0.add(Array("./data/noise".utf8), .file, Self.noise, time: 1_234_567_890)
            $0.add("./empty")
            $0.add("./closed", .directory, mode: 0o500)
            $0.add("./closed/inside", .file, "x", mode: 0o400)
            $0.add("./link", .symlink, target: "bin/app")
        }
    }

    private func release() -> Inventory.Release {
        .init(app: "a", version: "1", artifactDigest: String(repeating: "0", count: 64), origin: "")
    }

    @Test("a package comes out with its content, modes and times, from each compression", arguments: programs)
    func whole(program: String) throws {
        let package = try scratch.compress(tar(), program)
        let unpacked = try Unpacker.unpack(from: .file(package), into: scratch("r"), hashesSource: true)
        #expect(unpacked.topFolder == nil)
        #expect(unpacked.byteCount == 300_011)
        #expect(try unpacked.sourceDigest == SHA256.hex(ofFile: package))
        #expect(FileTree.byteCount(package) == unpacked.sourceByteCount)
        #expect(try SHA256.hex(ofFile: scratch("r/data/noise")) == SHA256.hex(of: Self.noise))
        var status = stat()
        #expect(stat(scratch("r/data/noise"), &status) == 0 && status.st_mtim.tv_sec == 1_234_567_890)
        #expect(stat(scratch("r/closed"), &status) == 0 && status.st_mode & 0o7777 == 0o500)
        #expect(stat(scratch("r"), &status) == 0 && status.st_mode & 0o7777 == 0o755)
        #expect(stat(scratch("r/bin/app"), &status) == 0 && status.st_mode & 0o7777 == 0o755)
        try unpacked.barrier.sync(tree: scratch("r"))
        // What was noted while writing is what a scan of the disk finds.
        let noted = Inventory(release(), entries: unpacked.entries)
        #expect(try Inventory.scan(scratch("r"), as: release()) == noted)
        #expect(noted.verify(scratch("r"), deep: false).isEmpty)
    }

    @Test("a cut at any place is an error that leaves nothing", arguments: programs)
    func truncated(program: String) throws {
        let small = TarBytes.of { $0.add("f", .file, String(repeating: "content ", count: 40)) }
        let whole = try AtomicFile.read(scratch.compress(small, program), limit: 1 << 20)
        for length in 0..<whole.count {
            try AtomicFile.write(whole.prefix(length), to: scratch("cut"))
            #expect(throws: UnpackError.self, "\(length) of \(whole.count)") {
                try Unpacker.unpack(from: .file(scratch("cut")), into: scratch("r"))
            }
            #expect(!FileTree.exists(scratch("r")))
        }
        #expect(throws: UnpackError.damaged(reason: "it is cut off after \(whole.count - 1) bytes")) {
            try Unpacker.unpack(from: .file(scratch("cut")), into: scratch("r"))
        }
    }

    @Test("a changed checksum is an error, also behind the end of the tar file", arguments: programs)
    func checksum(program: String) throws {
        var padded = tar()
        padded += [UInt8](repeating: 0, count: 700_000)
        let bytes = try AtomicFile.read(
            scratch.compress(padded, program == "zstd" ? "zstd --check" : program), limit: 1 << 20)
        // gzip: CRC and length; zstd: XXH64 at the end; xz: the footer and the index before it.
        for back in [1, 3, 4] + (program == "gzip" ? [5, 8] : program == "xz" ? [9, 12, 20] : []) {
            var changed = bytes
            changed[changed.count - back] ^= 0x10
            try AtomicFile.write(changed, to: scratch("changed"))
            let error = try #require(throws: UnpackError.self, "\(back)") {
                try Unpacker.unpack(from: .file(scratch("changed")), into: scratch("r"))
            }
            guard case .damaged = error else { throw error }
            #expect(!FileTree.exists(scratch("r")))
        }
    }

    @Test("bytes behind the compressed data or behind the tar file are an error", arguments: programs)
    func trailing(program: String) throws {
        let package = try AtomicFile.read(scratch.compress(tar(), program), limit: 1 << 20)
        try AtomicFile.write(package + Array("garbage".utf8), to: scratch("after"))
        #expect(throws: UnpackError.self) {
            try Unpacker.unpack(from: .file(scratch("after")), into: scratch("r"))
        }
        for gap in [0, 1 << 20] {
            let tail = [UInt8](repeating: 0, count: gap) + [1]
            let inside = try scratch.compress(tar() + tail, program)
            let words = "data after the end of its tar file at byte \(tar().count + gap) of what it unpacks to"
            #expect(throws: UnpackError.damaged(reason: words)) {
                try Unpacker.unpack(from: .file(inside), into: scratch("r"))
            }
        }
        #expect(!FileTree.exists(scratch("r")))
    }

    @Test("several compressed streams in a row are one package", arguments: programs)
    func concatenated(program: String) throws {
        let all = tar()
        let first = try AtomicFile.read(scratch.compress(Array(all[..<100_000]), program), limit: 1 << 20)
        let second = try AtomicFile.read(scratch.compress(Array(all[100_000...]), program), limit: 1 << 20)
        try AtomicFile.write(first + second, to: scratch("both"))
        let unpacked = try Unpacker.unpack(from: .file(scratch("both")), into: scratch("r"))
        #expect(unpacked.byteCount == 300_011)
    }

    @Test("names are bytes: UTF-8 in pax headers, Latin-1, long ones")
    func names() throws {
        let long = String(repeating: "long/", count: 50) + "é"
        let pax = "path=grün/ü\n"
        let package = try scratch.compress(
            TarBytes.of {
                $0.add("x", .pax, "\(pax.utf8.count + 3) \(pax)")
                $0.add("fallback", .file, "1")
                $0.add([0x67, 0x72, 0xFC, 0x6E], .file, Array("2".utf8))
                $0.add("././@LongLink", .longName, long + "\0")
                $0.add("short", .file, "3")
                $0.add([0xE9], .symlink, target: [0x67, 0x72, 0xFC, 0x6E])
            })
        let unpacked = try Unpacker.unpack(from: .file(package), into: scratch("r"))
        let files = unpacked.entries.filter { $0.kind != .directory }.map(\.path)
        #expect(
            Set(files) == [
                Array("grün/ü".utf8), [0x67, 0x72, 0xFC, 0x6E], Array(long.utf8), [0xE9],
            ])
        #expect(Inventory(release(), entries: unpacked.entries).verify(scratch("r"), deep: true).isEmpty)
    }

    @Test("one top folder is taken away, also if what is in it has its name")
    func topFolder() throws {
        let package = try scratch.compress(
            TarBytes.of {
                $0.add("app/install.sh", .file, "#!/bin/sh\n", mode: 0o755)
                $0.add("app/app/app", .file, "x")
                $0.add("app/.top", .file, "y")
                $0.add("app", .directory, mode: 0o700)
            })
        let unpacked = try Unpacker.unpack(from: .file(package), into: scratch("r"))
        #expect(unpacked.topFolder == "app")
        #expect(scratch.names("r") == [".top", "app", "install.sh"])
        #expect(scratch.text("r/app/app") == "x")
        #expect(try Inventory.scan(scratch("r"), as: release()) == Inventory(release(), entries: unpacked.entries))
        for lone in [TarBytes.of { $0.add("only", .file, "x") }, TarBytes.of { $0.add("only", .directory) }] {
            try FileTree.removeTree(scratch("r"))
            let unpacked = try Unpacker.unpack(from: .file(scratch.compress(lone)), into: scratch("r"))
            #expect(unpacked.topFolder == nil)
            #expect(scratch.names("r") == ["only"])
        }
    }

    @Test("a file listed twice is there once, as the second time")
    func repeated() throws {
        let package = try scratch.compress(
            TarBytes.of {
                $0.add("f", .file, "first", mode: 0o755)
                $0.add("d", .directory)
                $0.add("l", .symlink, target: "f")
                $0.add("f", .file, "second")
                $0.add("d", .directory, mode: 0o700)
                $0.add("l", .symlink, target: "f")
            })
        let unpacked = try Unpacker.unpack(from: .file(package), into: scratch("r"))
        #expect(scratch.text("r/f") == "second")
        #expect(unpacked.entries.count == 3)
        #expect(unpacked.byteCount == 6)
        #expect(try Inventory.scan(scratch("r"), as: release()) == Inventory(release(), entries: unpacked.entries))
    }

    @Test("what is no package is told apart from what is damaged")
    func noPackage() throws {
        func reason(_ bytes: [UInt8]) throws -> UnpackError? {
            try AtomicFile.write(bytes, to: scratch("package"))
            return #expect(throws: UnpackError.self) {
                try Unpacker.unpack(from: .file(scratch("package")), into: scratch("r"))
            }
        }
        #expect(try reason([]) == .damaged(reason: "it is neither gzip, zstd nor xz"))
        #expect(try reason(Array("<html>".utf8)) == .damaged(reason: "it is neither gzip, zstd nor xz"))
        #expect(try reason(TarBytes.of { $0.add("f") }) == .damaged(reason: "it is neither gzip, zstd nor xz"))
        let empty = try AtomicFile.read(scratch.compress(TarBytes.of { _ in }), limit: 9999)
        #expect(try reason(empty) == .damaged(reason: "it is empty"))
        let text = try AtomicFile.read(scratch.compress(Array("no tar\n".utf8)), limit: 9999)
        guard case .damaged = try reason(text) else { throw CocoaError(.fileReadUnknown) }
        #expect(throws: UnpackError.system(SystemError("open \(scratch("none"))", code: ENOENT))) {
            try Unpacker.unpack(from: .file(scratch("none")), into: scratch("r"))
        }
        mkdir(scratch("there"), 0o755)
        #expect(throws: UnpackError.system(SystemError("create folder \(scratch("there"))", code: EEXIST))) {
            try Unpacker.unpack(from: .file(scratch("package")), into: scratch("there"))
        }
        #expect(FileTree.exists(scratch("there")))
    }

    @Test("a full disk is the machine's fault, and what was written is removed")
    func fullDisk() throws {
        mkdir(scratch("disk"), 0o755)
        guard mount("none", scratch("disk"), "tmpfs", 0, "size=256k") == 0 else { return }
        defer { umount2(scratch("disk"), Int32(MNT_DETACH)) }
        let package = try scratch.compress(tar())
        let error = try #require(throws: UnpackError.self) {
            try Unpacker.unpack(from: .file(package), into: scratch("disk/r"))
        }
        #expect(error == .system(SystemError("write data/noise", code: ENOSPC)))
        #expect(!error.isPermanent)
        #expect(scratch.names("disk").isEmpty)
    }
}
