import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite("Configuration files, replaced as AtomicConfigParser did") struct AtomicConfigFileTests {
    let scratch = TemporaryFolder()

    private func mode(_ name: String) -> mode_t {
        var status = stat()
        return lstat(scratch(name), &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    private func put(_ text: String, _ name: String = "a.cfg", isSecret: Bool = false) throws {
        try AtomicConfigFile.update(scratch(name), isSecret: isSecret) { _ in Array(text.utf8) }
    }

    @Test("the content is replaced, mode and owner stay, and leftovers of that folder go, but of no other")
    func replace() throws {
        try scratch.write("a.cfg", "old", mode: 0o640)
        try #require(chown(scratch("a.cfg"), 65534, 65534) == 0)
        try scratch.write("atomic-abc-cfg", "")
        try scratch.write("atomic-abc-cfg.txt", "")
        try scratch.write("sub/atomic-abc-cfg", "")
        try put("new")
        #expect(scratch.text("a.cfg") == "new")
        #expect(mode("a.cfg") == 0o640)
        var status = stat()
        #expect(stat(scratch("a.cfg"), &status) == 0)
        #expect(status.st_uid == 65534 && status.st_gid == 65534)
        #expect(scratch.names == ["a.cfg", "atomic-abc-cfg.txt", "sub"])
        #expect(scratch.names("sub") == ["atomic-abc-cfg"])
    }

    @Test(
        "a file that gets a credential is no more for everybody",
        arguments: [(0o644, 0o600), (0o640, 0o640), (0o604, 0o600), (0o600, 0o600)] as [(mode_t, mode_t)])
    func secret(before: mode_t, after: mode_t) throws {
        try scratch.write("a.cfg", "old", mode: before)
        try put("same mode")
        #expect(mode("a.cfg") == before)
        try put("secret", isSecret: true)
        #expect(mode("a.cfg") == after)
    }

    @Test("a symlink is followed and stays, and the temporary file is beside what it leads to")
    func symlinked() throws {
        try scratch.write("real/a.cfg", "old")
        try scratch.write("real/atomic-1-cfg", "")
        try scratch.write("atomic-1-cfg", "")
        try #require(symlink("real/a.cfg", scratch("a.cfg")) == 0)
        try put("new")
        #expect(scratch.text("real/a.cfg") == "new")
        #expect(FileTree.linkTarget(scratch("a.cfg")) == "real/a.cfg")
        #expect(scratch.names("real") == ["a.cfg"])
        #expect(scratch.names == ["a.cfg", "atomic-1-cfg", "real"])
    }

    @Test("a missing file and a folder are errors; a change that fails or wants nothing leaves the file alone")
    func failing() throws {
        #expect(throws: SystemError.self) { try put("x", "none.cfg") }
        #expect(throws: SystemError.self) { try put("x", ".") }
        try scratch.write("a.cfg", "old")
        var before = stat()
        stat(scratch("a.cfg"), &before)
        struct Refused: Error {}
        #expect(throws: Refused.self) { try AtomicConfigFile.update(scratch("a.cfg")) { _ in throw Refused() } }
        try AtomicConfigFile.update(scratch("a.cfg")) { _ in nil }
        var after = stat()
        stat(scratch("a.cfg"), &after)
        #expect(before.st_ino == after.st_ino)
        #expect(scratch.text("a.cfg") == "old")
        #expect(scratch.names == ["a.cfg"])
    }

    @Test("writers at once take turns: no change is lost")
    func turns() throws {
        try scratch.write("a.cfg", "")
        let path = scratch("a.cfg")
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<10 { try? AtomicConfigFile.update(path) { $0 + [UInt8(ascii: "x")] } }
        }
        #expect(scratch.text("a.cfg") == String(repeating: "x", count: 40))
        #expect(scratch.names == ["a.cfg"])
    }
}
