import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Causes of this machine, told as what they are: never as SQL, never as damage, never as a fault of the release.
@Suite("Causes of the machine") struct MachineCauseTests {
    private func gateway(_ version: String = "1") throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", version)])
        return gateway
    }

    /// Runs gwe with system calls that fail.
    private func gwe(_ gateway: GatewayFixture, failing what: [String], _ arguments: String...) throws -> Ran {
        let options = ["-f", "-qq", "-o", gateway.root + "/trace"] + what
        return try TestProcess(
            "/usr/bin/strace", options + [Repository.products + "/gwe"] + arguments, environment: gateway.variables,
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    // tursodatabase/libsql#580, rhashimoto/wa-sqlite#336: a full disk, told as an input/output error.
    @Test(
        "a journal that cannot be written says which disk and why, without SQL",
        arguments: [
            ("ENOSPC", "fdatasync", 60, "is full"), ("EDQUOT", "fdatasync", 60, "quota"),
            ("EROFS", "fdatasync", 77, "is read-only"), ("EIO", "fdatasync", 74, "input/output error"),
            ("EDQUOT", "pwrite64", 60, "quota"), ("ENOSPC", "pwrite64", 60, "is full"),
            ("EIO", "pwrite64", 74, "input/output error"),
        ])
    func commit(error: String, call: String, code: Int, words: String) throws {
        let gateway = try gateway()
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.services([.quickService("web", "2")])
        let ran = try gwe(
            gateway,
            failing: [
                "-e", "trace=\(call)", "-e", "inject=\(call):error=\(error)", "-P", gateway.stateFolder + "/journal.db",
                "-P", gateway.stateFolder + "/journal.db-journal",
            ],
            "reconcile")
        #expect(ran.code == Int32(code), "\(ran)")
        let text = ran.out + ran.err
        #expect(text.contains(words) && text.contains(gateway.stateFolder), "\(ran)")
        for sql in ["INSERT", "UPDATE", "BEGIN", "COMMIT", "SELECT", "in database"] {
            #expect(!text.contains(sql), "\(ran)")
        }
        // Nothing was lost, and nothing counts against the release.
        let next = try gateway.gwe("reconcile")
        #expect(next.code == 0, "\(next)")
        #expect(gateway.current("web")?.hasPrefix("2-") == true)
    }

    @Test(
        "an inventory that cannot be read is no damage: nothing is repaired, and it is told",
        arguments: ["EIO", "EMFILE"])
    func inventory(error: String) throws {
        let gateway = try gateway()
        #expect(try gateway.gwe("reconcile").code == 0)
        let folder = try #require(gateway.current("web"))
        let path = "\(gateway.stateFolder)/releases/web/\(folder).inventory"
        let ran = try gwe(
            gateway, failing: ["-P", path, "-e", "trace=openat", "-e", "inject=openat:error=\(error)"], "reconcile")
        #expect(ran.code == 0, "\(ran)")
        #expect(ran.err.contains("cannot open \(path): "), "\(ran)")
        #expect(!ran.out.contains("repair:"), "\(ran)")
        #expect(gateway.current("web") == folder, "no other release was made")
        try #require(unlink(path) == 0)
        let repaired = try gateway.gwe("reconcile")
        #expect(repaired.code == 0 && repaired.out.contains("\(folder).inventory is missing"), "\(repaired)")
    }

    // cfengine/core#6236: the bit is asked for, and never guessed from the number of the error.
    @Test("a file that may not be removed is named, with the cause and the cure")
    func immutable() throws {
        let folder = TemporaryFolder()
        try folder.write("tree/sub/f", "x")
        // Some file systems have no such bit.
        guard try TestProcess.run("chattr", ["+i", folder("tree/sub/f")]).code == 0 else { return }
        defer { _ = try? TestProcess.shell("chattr -R -i '\(folder.path)'") }
        let error = try #require(throws: SystemError.self) { try FileTree.removeTree(folder("tree")) }
        #expect(error.code == EPERM, "\(error)")
        #expect(error.description.hasPrefix("cannot remove f in "), "\(error)")
        #expect(error.description.contains("chattr -i"), "\(error)")
    }

    @Test("an installer that cannot be started for lack of a process counts against nobody")
    func noProcess() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.oneOff("tool", "1")])
        for _ in 0..<4 {
            let ran = try gwe(
                gateway,
                failing: [
                    "-e", "trace=clone,clone3,fork,vfork", "-e", "inject=clone,clone3,fork,vfork:error=EAGAIN:when=1+",
                ],
                "reconcile")
            #expect(ran.code == 1 || ran.code == 71, "\(ran)")
        }
        #expect(try gateway.row("tool")["sync"]?.string == "drifted")
        #expect(try gateway.gwe("reconcile").code == 0)
    }
}
