import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

/// What people's machines and tools put into tar files, and what comes out of it.
@Suite struct UnpackHabitTests {
    let scratch = TemporaryFolder()
    static let programs = ["gzip", "zstd", "xz"]

    private func release() -> Inventory.Release {
        .init(app: "a", version: "1", artifactDigest: String(repeating: "0", count: 64), origin: "")
    }

    private func unpack(_ tar: [UInt8], as folder: String = "r") throws -> Unpacked {
        try Unpacker.unpack(from: .file(scratch.compress(tar)), into: scratch(folder))
    }

    private func reason(_ package: String) throws -> String {
        let error = try #require(throws: UnpackError.self) {
            try Unpacker.unpack(from: .file(package), into: scratch("r"))
        }
        #expect(!FileTree.exists(scratch("r")))
        return error.description
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(scratch(path), &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    // MARK: Macs

    /// AppleDouble: the magic number, the version, and filler.
    private static let fork: [UInt8] = [0, 5, 0x16, 7, 0, 2, 0, 0] + [UInt8](repeating: 0x20, count: 155)

    @Test("the files that a Mac's tar adds beside the top folder are left out, and the folder is still the only one")
    func appleDouble() throws {
        let unpacked = try unpack(
            TarBytes.of {
                $0.add(Array("._myapp".utf8), .file, Self.fork)
                $0.add("myapp/", .directory, mode: 0o755)
                $0.add(Array("myapp/._install.sh".utf8), .file, Self.fork, mode: 0o755)
                $0.add("myapp/install.sh", .file, "#!/bin/sh\n", mode: 0o755)
                $0.add(Array("myapp/._supervisor.conf".utf8), .file, Self.fork)
                $0.add("myapp/supervisor.conf", .file, "[supervisord]\n")
            })
        #expect(unpacked.topFolder == "myapp")
        #expect(scratch.names("r") == ["install.sh", "supervisor.conf"])
        #expect(unpacked.notes.leftOut.count == 3)
        #expect(
            unpacked.notes.sentences == [
                "left out '._myapp' and 2 more, which a Mac adds: pack with COPYFILE_DISABLE=1, or 'tar --no-mac-metadata'"
            ])
        #expect(Inventory(release(), entries: unpacked.entries).verify(scratch("r"), deep: true).isEmpty)
    }

    @Test("so are __MACOSX and .DS_Store, and a folder or a link with such a name is not")
    func finder() throws {
        let unpacked = try unpack(
            TarBytes.of {
                $0.add(".DS_Store", .file, "x")
                $0.add("__MACOSX/", .directory)
                $0.add("__MACOSX/app/._run", .file, "x")
                $0.add("./._.", .file, "x")
                $0.add("app/run", .file, "x", mode: 0o755)
                $0.add("app/._", .file, "a file of this name")
                $0.add("app/._d/f", .file, "x")
                $0.add("app/._l", .symlink, target: "run")
            })
        #expect(unpacked.topFolder == "app")
        // Foundation's FileManager does not list "._".
        #expect(scratch.names("r") == ["._d", "._l", "run"] && FileTree.exists(scratch("r/._")))
        #expect(unpacked.notes.leftOut.count == 4)
        let package = try scratch.compress(TarBytes.of { $0.add("._app", .file, "x") }, as: "none")
        try FileTree.removeTree(scratch("r"))
        #expect(try reason(package) == "cannot unpack package: it has only files of a Mac")
    }

    // MARK: Padding

    @Test("zeros behind the compressed data are passed over, up to a block of any size", arguments: programs)
    func zeros(program: String) throws {
        let tar = TarBytes.of { $0.add("f", .file, String(repeating: "content ", count: 999)) }
        let package = try AtomicFile.read(scratch.compress(tar, program), limit: 1 << 20)
        for block in [1, 512, 4096, 1 << 20] {
            let count = block - package.count % block
            try AtomicFile.write(package + [UInt8](repeating: 0, count: count), to: scratch("padded"))
            let unpacked = try Unpacker.unpack(from: .file(scratch("padded")), into: scratch("r-\(block)"))
            #expect(unpacked.sourceByteCount == Int64(package.count + count))
            #expect(scratch.text("r-\(block)/f")?.utf8.count == 7992)
        }
    }

    @Test("anything else there is refused with its place, also behind zeros", arguments: programs)
    func noise(program: String) throws {
        let tar = TarBytes.of { $0.add("f", .file, "content") }
        let package = try AtomicFile.read(scratch.compress(tar, program), limit: 1 << 20)
        let other = try AtomicFile.read(scratch.compress(tar, program == "xz" ? "gzip" : "xz"), limit: 1 << 20)
        let zeros = [UInt8](repeating: 0, count: 512)
        // The last one begins as a stream of the same kind does.
        let begun: [UInt8] = [package[0]] + Array("garbage of some length".utf8)
        let tails: [[UInt8]] = [[10], Array("garbage".utf8), other, zeros + [1], begun]
        for tail in tails {
            try AtomicFile.write(package + tail, to: scratch("padded"))
            let place = package.count + (tail.first == 0 ? 512 : 0)
            let words = "cannot unpack package: data after the end of the archive at byte \(place)"
            #expect(try reason(scratch("padded")) == words)
        }
    }

    @Test("zeros within xz data, and a frame to be skipped before zstd data, are part of the format")
    func formats() throws {
        let tar = TarBytes.of { $0.add("f", .file, "content") }
        let first = try AtomicFile.read(scratch.compress(Array(tar[..<700]), "xz"), limit: 1 << 20)
        let second = try AtomicFile.read(scratch.compress(Array(tar[700...]), "xz"), limit: 1 << 20)
        let padding = [UInt8](repeating: 0, count: 8)
        try AtomicFile.write(first + padding + second, to: scratch("xz"))
        _ = try Unpacker.unpack(from: .file(scratch("xz")), into: scratch("r"))
        #expect(scratch.text("r/f") == "content")
        let frame = try AtomicFile.read(scratch.compress(tar, "zstd"), limit: 1 << 20)
        let skipped: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0] + Array("size".utf8)
        try AtomicFile.write(skipped + frame, to: scratch("zstd"))
        _ = try Unpacker.unpack(from: .file(scratch("zstd")), into: scratch("s"))
        #expect(scratch.text("s/f") == "content")
    }

    @Test(
        "data without a checksum is taken with a note",
        arguments: [("zstd --no-check", false), ("zstd --check", true), ("xz --check=none", false), ("gzip", true)])
    func checksum(program: String, hasChecksum: Bool) throws {
        let tar = TarBytes.of { $0.add("f", .file, String(repeating: "content ", count: 999)) }
        let package = try scratch.compress(tar, program)
        let unpacked = try Unpacker.unpack(from: .file(package), into: scratch("r"))
        #expect(unpacked.notes.hasChecksum == hasChecksum)
        #expect((unpacked.notes.checksumSentence == nil) == hasChecksum)
        // Several streams in a row count as one.
        let first = try AtomicFile.read(package, limit: 1 << 20)
        let second = try AtomicFile.read(scratch.compress([], program), limit: 1 << 20)
        try AtomicFile.write(first + second, to: scratch("two"))
        let two = try Unpacker.unpack(from: .file(scratch("two")), into: scratch("s"))
        #expect(two.notes.hasChecksum == hasChecksum)
    }

    // MARK: Links

    @Test("of a virtual environment the absolute link is named, not the harmless one that leads to it")
    func virtualEnvironment() throws {
        let package = try scratch.compress(
            TarBytes.of {
                $0.add("venv/bin/python", .symlink, target: "python3")
                $0.add("venv/bin/python3", .symlink, target: "/usr/bin/python3")
                $0.add("venv/pyvenv.cfg", .file, "home = /usr/bin\n")
                $0.add("supervisor.conf", .file, "[supervisord]\ncommand=venv/bin/python app.py\n")
            })
        let words =
            "cannot unpack entry 'venv/bin/python3': a symlink to the absolute path '/usr/bin/python3'; it belongs to "
            + "a virtual environment of Python: make that in install.sh, or with 'python3 -m venv --copies'"
        #expect(try reason(package) == words)
    }

    @Test("the link whose own target leads out is named, whatever leads to it")
    func culprit() throws {
        let package = try scratch.compress(
            TarBytes.of {
                $0.add("a", .symlink, target: "b/x")
                $0.add("b", .symlink, target: "c")
                $0.add("c", .symlink, target: "../out")
                $0.add("f")
            })
        #expect(
            try reason(package).hasPrefix("cannot unpack entry 'c': a symlink that leads out of the package: '../out'"))
    }

    @Test("a hard link to itself is nothing where the file is there, and an error where it is not")
    func itself() throws {
        let unpacked = try unpack(
            TarBytes.of {
                $0.add("f", .file, "content")
                $0.add("f", .hardLink, target: "f")
                $0.add("./f", .hardLink, target: "f")
                $0.add("l", .symlink, target: "f")
                $0.add("l", .hardLink, target: "./l")
            })
        #expect(unpacked.entries.count == 2 && scratch.text("r/f") == "content")
        #expect(FileTree.linkTarget(scratch("r/l")) == "f")
        try FileTree.removeTree(scratch("r"))
        let lost = try scratch.compress(
            TarBytes.of {
                $0.add("keep")
                $0.add("f", .hardLink, target: "f")
            })
        #expect(
            try reason(lost)
                == "cannot unpack entry 'f': a hard link to 'f', which is no file that came before it; "
                + "pack a copy of the file")
    }

    @Test("a link that comes again counts as it is the last time")
    func repeatedLinks() throws {
        let unpacked = try unpack(
            TarBytes.of {
                $0.add("one", .file, "1")
                $0.add("two", .file, "2")
                $0.add("l", .symlink, target: "one")
                $0.add("l", .symlink, target: "two")
                $0.add("h", .hardLink, target: "one")
                $0.add("h", .hardLink, target: "two")
                $0.add("two", .file, "second")
            })
        #expect(scratch.text("r/l") == "second")
        #expect(scratch.text("r/h") == "2")
        #expect(unpacked.entries.count == 4)
        #expect(unpacked.byteCount == 8)
        #expect(try Inventory.scan(scratch("r"), as: release()) == Inventory(release(), entries: unpacked.entries))
    }

    // MARK: Names

    private func pax(_ key: String, _ value: [UInt8]) -> [UInt8] {
        var body = Array(" \(key)=".utf8)
        body += value
        body.append(10)
        var length = body.count + 1
        while "\(length)".utf8.count + body.count != length { length += 1 }
        return Array("\(length)".utf8) + body
    }

    @Test("a NUL in a pax header's name is refused, not cut off")
    func nul() throws {
        func package(_ key: String, _ value: String, _ kind: TarBytes.Kind) throws -> String {
            try scratch.compress(
                TarBytes.of {
                    $0.add("keep", .file, "x")
                    $0.add(Array("P".utf8), .pax, pax(key, Array(value.utf8)))
                    $0.add("x", kind, target: "keep")
                })
        }
        #expect(
            try reason(package("path", "run\0.txt", .file))
                == "cannot unpack entry 'run\\x00.txt': its name holds a NUL; rename it")
        #expect(
            try reason(package("linkpath", "keep\0", .symlink))
                == "cannot unpack entry 'x': a symlink without a target that can be")
        #expect(try reason(package("linkpath", "ke\0ep", .hardLink)).contains("a hard link that leads out"))
    }

    @Test("a character that nobody sees is named by its code point")
    func invisible() throws {
        let package = try scratch.compress(TarBytes.of { $0.add("../\u{202E}x") })
        #expect(
            try reason(package)
                == "cannot unpack entry '../<U+202E>x': its path has '..' in it; pack it from its own folder")
    }

    // MARK: Modes

    @Test("group and others lose write permission, and an access control list in the package gives none")
    func modes() throws {
        let acl = pax("SCHILY.acl.access", Array("user::rwx,group::rwx,other::rwx".utf8))
        var unpacked = try unpack(
            TarBytes.of {
                $0.add("r.sh", .file, "#!/bin/sh\n", mode: 0o777)
                $0.add("data", .file, "x", mode: 0o666)
                $0.add(Array("P".utf8), .pax, acl)
                $0.add("listed", .file, "x", mode: 0o700)
                $0.add("d/", .directory, mode: 0o1777)
                $0.add("d/e/", .directory, mode: 0o775)
                $0.add("d/e/f", .file, "x", mode: 0o600)
            })
        #expect(mode("r/r.sh") == 0o755 && mode("r/data") == 0o644 && mode("r/listed") == 0o700)
        #expect(mode("r/d") == 0o755 && mode("r/d/e") == 0o755 && mode("r/d/e/f") == 0o600)
        #expect(
            unpacked.notes.sentences == [
                "group and others lose write permission on 'r.sh' and 1 more (mode 0777): chmod go-w before packing",
                "group and others lose write permission on the folder 'd' and 1 more (mode 0777), unless the app has a "
                    + "user: chmod go-w before packing",
            ])
        #expect(try Inventory.scan(scratch("r"), as: release()) == Inventory(release(), entries: unpacked.entries))
        try unpacked.restoreFolderModes(in: scratch("r"))
        #expect(mode("r/d") == 0o777 && mode("r/d/e") == 0o775 && mode("r/r.sh") == 0o755)
        #expect(try Inventory.scan(scratch("r"), as: release()) == Inventory(release(), entries: unpacked.entries))
    }

    @Test("folders get their write permission back below a top folder, too")
    func modesBelowTop() throws {
        var unpacked = try unpack(
            TarBytes.of {
                $0.add("app/", .directory, mode: 0o777)
                $0.add("app/d/", .directory, mode: 0o777)
                $0.add("app/f", .file, "x")
            })
        #expect(unpacked.topFolder == "app" && mode("r") == 0o755 && mode("r/d") == 0o755)
        try unpacked.restoreFolderModes(in: scratch("r"))
        #expect(mode("r") == 0o755 && mode("r/d") == 0o777)
        #expect(try Inventory.scan(scratch("r"), as: release()) == Inventory(release(), entries: unpacked.entries))
    }

    /// Runs what an ordinary user may: the kernel judges this thread's access to files as that user's.
    private func asOrdinaryUser(_ body: () throws -> Void) throws {
        try LogUser(uid: 65_534, hint: nil).acting { Result { try body() } }.get()
    }

    @Test("what its owner may not look into is opened, so that an ordinary user's gwe can watch and remove it")
    func unreadable() throws {
        try FileTree.makeDirectory(scratch("home"))
        try FileTree.setOwner(ofDirectory: scratch("home"), user: 65_534, group: 65_534)
        let package = try scratch.compress(
            TarBytes.of {
                $0.add("closed/", .directory, mode: 0)
                $0.add("closed/f", .file, "x", mode: 0)
                $0.add("plain/", .directory, mode: 0o644)
                $0.add("plain/f", .file, "x")
            })
        try asOrdinaryUser {
            try #require(open("/etc/shadow", O_RDONLY) < 0)
            let unpacked = try Unpacker.unpack(from: .file(package), into: scratch("home/r"))
            #expect(mode("home/r/closed") == 0o500 && mode("home/r/plain") == 0o744)
            #expect(mode("home/r/closed/f") == 0o400)
            #expect(
                unpacked.notes.sentences == [
                    "the owner gets read permission on 'closed' and 2 more (mode 0000): chmod u+rX before packing"
                ])
            let inventory = Inventory(release(), entries: unpacked.entries)
            #expect(inventory.verify(scratch("home/r"), deep: true).isEmpty)
            #expect(try Inventory.scan(scratch("home/r"), as: release()) == inventory)
            try FileTree.removeTree(scratch("home/r"))
            #expect(scratch.names("home").isEmpty)
        }
    }

    @Test("a tree with closed folders, as an installer may leave it, can be removed by its ordinary owner")
    func removal() throws {
        for closed in ["tree", "tree/a", "tree/a/b"] {
            for mode: mode_t in [0, 0o100, 0o300, 0o500] {
                try FileTree.makeDirectory(scratch("home/tree/a/b"))
                try scratch.write("home/tree/a/b/f", "x")
                try TestProcess.shell("chown -R 65534:65534 \"$1\"", scratch("home"))
                try #require(chmod(scratch("home/\(closed)"), mode) == 0)
                try asOrdinaryUser {
                    try FileTree.removeTree(scratch("home/tree"))
                    #expect(scratch.names("home").isEmpty, "\(closed) \(String(mode, radix: 8))")
                }
            }
        }
    }
}
