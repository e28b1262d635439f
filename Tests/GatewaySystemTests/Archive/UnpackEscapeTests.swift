import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

/// An archive that tries to escape is refused with its entry named, and leaves nothing behind.
@Suite struct UnpackEscapeTests {
    let scratch = TemporaryFolder()

    struct Attack: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var entry: String
        var reason: String
        var build: @Sendable (inout TarBytes) -> Void

        init(_ name: String, _ entry: String, _ reason: String, _ build: @escaping @Sendable (inout TarBytes) -> Void) {
            testDescription = name
            self.entry = entry
            self.reason = reason
            self.build = build
        }
    }

    static let attacks = [
        Attack("absolute path", "/etc/cron.d/x", "its path is absolute; pack it with relative names") {
            $0.add("/etc/cron.d/x")
        },
        Attack("dot-dot", "../x", "its path has '..' in it; pack it from its own folder") { $0.add("../x") },
        Attack("dot-dot inside", "a/../../x", "its path has '..' in it; pack it from its own folder") {
            $0.add("a/../../x")
        },
        Attack("dot-dot folder", "a/..", "its path has '..' in it; pack it from its own folder") {
            $0.add("a/..", .directory)
        },
        Attack("dot-dot in a long GNU name", "../x", "its path has '..' in it; pack it from its own folder") {
            $0.add("././@LongLink", .longName, "../x\0")
            $0.add("harmless")
        },
        Attack("dot-dot in a pax name", "../x", "its path has '..' in it; pack it from its own folder") {
            $0.add("pax", .pax, "13 path=../x\n")
            $0.add("harmless")
        },
        Attack("absolute symlink", "l", "a symlink to the absolute path '/etc'; leave it out, install.sh can make it") {
            $0.add("l", .symlink, target: "/etc")
            $0.add("f")
        },
        Attack(
            "symlink out", "a/l",
            "a symlink that leads out of the package: '../../x'; leave it out, install.sh can make it"
        ) {
            $0.add("a/l", .symlink, target: "../../x")
            $0.add("f")
        },
        Attack(
            "symlink out of the folder that is taken away", "l",
            "a symlink that leads out of the package: '../x'; leave it out, install.sh can make it"
        ) {
            $0.add("top/l", .symlink, target: "../x")
            $0.add("top/f")
        },
        Attack(
            "symlink out by way of another", "t",
            "a symlink that leads out of the package: 'a/b/s/..'; leave it out, install.sh can make it"
        ) {
            $0.add("a/b/s", .symlink, target: "../..")
            $0.add("t", .symlink, target: "a/b/s/..")
        },
        Attack(
            "symlink out by way of one that comes later", "t",
            "a symlink that leads out of the package: 'q/..'; leave it out, install.sh can make it"
        ) {
            $0.add("t", .symlink, target: "q/..")
            $0.add("q", .symlink, target: ".")
        },
        Attack("file through a symlink", "l/x", "it leads through 'l', which is no folder; pack it at its real place") {
            $0.add("l", .symlink, target: "/tmp")
            $0.add("l/x", .file, "attack")
        },
        Attack(
            "folder over a symlink", "l",
            "something else has its name already; pack one of the two"
        ) {
            $0.add("l", .symlink, target: "..")
            $0.add("l", .directory)
        },
        Attack(
            "file over a symlink of its name", "l",
            "something else has its name already; pack one of the two"
        ) {
            $0.add("l", .symlink, target: "/tmp/victim")
            $0.add("l", .file, "attack")
        },
        Attack(
            "symlink over a file", "f",
            "something else has its name already; pack one of the two"
        ) {
            $0.add("f")
            $0.add("f", .symlink, target: "g")
        },
        Attack(
            "file over a folder", "d",
            "something else has its name already; pack one of the two"
        ) {
            $0.add("d", .directory)
            $0.add("d", .file, "x")
        },
        Attack(
            "hard link out", "h",
            "a hard link that leads out of the package: '../../etc/passwd'; pack a copy of the file"
        ) {
            $0.add("h", .hardLink, target: "../../etc/passwd")
        },
        Attack(
            "absolute hard link", "h",
            "a hard link that leads out of the package: '/etc/passwd'; pack a copy of the file"
        ) {
            $0.add("h", .hardLink, target: "/etc/passwd")
        },
        Attack(
            "hard link to a symlink", "h",
            "a hard link to 'l', which is no file that came before it; pack a copy of the file"
        ) {
            $0.add("l", .symlink, target: "f")
            $0.add("f")
            $0.add("h", .hardLink, target: "l")
        },
        Attack(
            "hard link through a symlink", "h",
            "a hard link to 'l/passwd', which is no file that came before it; pack a copy of the file"
        ) {
            $0.add("l", .symlink, target: "/etc")
            $0.add("h", .hardLink, target: "l/passwd")
        },
        Attack("character device", "n", "it is a device node; leave it out, install.sh can make it") {
            $0.add("n", .character)
        },
        Attack("block device", "n", "it is a device node; leave it out, install.sh can make it") {
            $0.add("n", .block)
        },
        Attack("FIFO", "n", "it is a FIFO; leave it out, install.sh can make it") { $0.add("n", .fifo) },
        Attack("setuid", "s", "it is setuid or setgid; take the bit away, or set allow_setuid in the policy") {
            $0.add("s", .file, "x", mode: 0o4755)
        },
        Attack("setgid", "s", "it is setuid or setgid; take the bit away, or set allow_setuid in the policy") {
            $0.add("s", .file, "x", mode: 0o2755)
        },
        Attack("line feed in a name", "a\\x0ab", "its name holds control characters; rename it") { $0.add("a\nb") },
        Attack("escape sequence in a name", "\\x1b[2J", "its name holds control characters; rename it") {
            $0.add("\u{1B}[2J")
        },
        Attack(
            "a name too long", String(repeating: "n", count: 200) + "…",
            "a name in its path is longer than 255 bytes; shorten it"
        ) {
            $0.add("././@LongLink", .longName, String(repeating: "n", count: 256) + "\0")
            $0.add("short")
        },
        Attack(
            "a path too deep", String(repeating: "d/", count: 65), "it lies more than 64 folders deep; pack it flatter"
        ) {
            $0.add("././@LongLink", .longName, String(repeating: "d/", count: 65) + "\0")
            $0.add("short", .directory)
        },
    ]

    @Test("is refused by its entry's name and leaves nothing", arguments: attacks)
    func refused(attack: Attack) throws {
        let package = try scratch.compress(
            TarBytes.of {
                $0.add("first/file", .file, "innocent")
                if attack.testDescription.contains("taken away") { $0 = TarBytes() }
                attack.build(&$0)
            })
        try FileTree.makeDirectory(scratch("stage"))
        let error = try #require(throws: UnpackError.self) {
            try Unpacker.unpack(from: .file(package), into: scratch("stage/release"))
        }
        #expect(error.description == "cannot unpack entry '\(attack.entry)': \(attack.reason)")
        #expect(error.isPermanent)
        #expect(scratch.names("stage").isEmpty)
        #expect(scratch.names == ["package", "stage"])
    }

    @Test("setuid is kept where policy allows it, and not otherwise")
    func setuid() throws {
        let package = try scratch.compress(TarBytes.of { $0.add("s", .file, "x", mode: 0o4755) })
        var limits = UnpackLimits()
        limits.allowsSetuid = true
        let unpacked = try Unpacker.unpack(from: .file(package), into: scratch("r"), limits: limits)
        var status = stat()
        #expect(stat(scratch("r/s"), &status) == 0 && status.st_mode & 0o7777 == 0o4755)
        #expect(unpacked.entries.first?.mode == 0o4755)
    }

    @Test("links that stay inside are fine, a dangling one and a loop too")
    func harmlessLinks() throws {
        let package = try scratch.compress(
            TarBytes.of {
                $0.add("lib/real", .file, "content")
                $0.add("bin/tool", .symlink, target: "../lib/real")
                $0.add("bin/up", .symlink, target: "..")
                $0.add("bin/dangling", .symlink, target: "up/none")
                $0.add("loop", .symlink, target: "loop")
                $0.add("again", .hardLink, target: "lib/real")
                $0.add("./lib//third", .hardLink, target: "./again")
            })
        let unpacked = try Unpacker.unpack(from: .file(package), into: scratch("r"))
        #expect(scratch.text("r/bin/tool") == "content")
        #expect(scratch.text("r/lib/third") == "content")
        #expect(unpacked.byteCount == 21)
        var a = stat()
        var b = stat()
        #expect(stat(scratch("r/again"), &a) == 0 && stat(scratch("r/lib/third"), &b) == 0 && a.st_ino == b.st_ino)
        let inventory = Inventory(
            .init(app: "a", version: "1", artifactDigest: "", origin: ""), entries: unpacked.entries)
        #expect(inventory.verify(scratch("r"), deep: true).isEmpty)
    }

    @Test("more entries, bytes or compression than allowed end the unpacking early")
    func limits() throws {
        let many = try scratch.compress(TarBytes.of { for n in 0..<50 { $0.add("f\(n)") } }, as: "many")
        let big = try scratch.compress(
            TarBytes.of { $0.add("f", .file, String(repeating: "x", count: 5000)) }, as: "big")
        let zeros = [UInt8](repeating: 0, count: 70 << 20)
        let bomb = try scratch.compress(TarBytes.of { $0.add(Array("f".utf8), .file, zeros) }, as: "bomb")
        let padding = try scratch.compress(TarBytes.of { $0.add("f") } + zeros, as: "padding")
        var limits = UnpackLimits()
        limits.entryCount = 49
        limits.byteCount = 4999
        func reason(_ package: String, _ limits: UnpackLimits) -> String? {
            var text: String?
            do { _ = try Unpacker.unpack(from: .file(package), into: scratch("r"), limits: limits) } catch {
                text = error.description
            }
            #expect(!FileTree.exists(scratch("r")))
            return text
        }
        #expect(reason(many, limits) == "cannot unpack package: it has more than 49 entries")
        #expect(reason(big, limits) == "cannot unpack package: it unpacks to more than 4999 bytes")
        let ratio = "cannot unpack package: it unpacks to more than 200 times its size"
        #expect(reason(bomb, UnpackLimits()) == ratio)
        #expect(reason(padding, UnpackLimits()) == ratio)
        limits.entryCount = 10
        #expect(reason(padding, limits) == "cannot unpack package: it unpacks to more than 4999 bytes")
    }

    @Test("a sparse file's holes count against the limit before anything is written")
    func sparse() throws {
        let file = open(scratch("huge"), O_CREAT | O_WRONLY, 0o600)
        ftruncate(file, 1 << 40)
        close(file)
        try TestProcess.run("tar", ["-C", scratch.path, "-Sczf", scratch("package"), "huge"])
        #expect(throws: UnpackError.tooLarge(reason: "it unpacks to more than 8589934592 bytes")) {
            try Unpacker.unpack(from: .file(scratch("package")), into: scratch("r"))
        }
    }
}
