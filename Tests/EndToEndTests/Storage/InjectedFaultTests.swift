import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Single system calls that fail once, as Scripts/inject-campaign fails all of them.
@Suite("One system call that fails") struct InjectedFaultTests {
    private func gateway() throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let ran = try gateway.gwe("reconcile")
        try #require(ran.code == 0, "\(ran)")
        return gateway
    }

    /// Starts gwe under strace, which is its child: the process is gwe itself.
    private func start(_ gateway: GatewayFixture, failing what: String, of path: String? = nil, _ arguments: String...)
        throws -> TestProcess
    {
        let call = String(what.prefix { $0 != ":" })
        let place = path.map { ["-P", $0] } ?? []
        let options = ["-D", "-f", "-qq", "-o", gateway.root + "/trace", "-e", "trace=\(call)", "-e", "inject=\(what)"]
        return try TestProcess(
            "/usr/bin/strace", options + place + [Repository.products + "/gwe"] + arguments,
            environment: gateway.variables, scratch: gateway.root + "/scratch")
    }

    /// strace writes beside gwe, and ends after it.
    private func isHit(_ gateway: GatewayFixture) -> Bool {
        TestSupport.eventually { gateway.read(gateway.root + "/trace")?.contains("(INJECTED)") == true }
    }

    @Test("a write to the journal that fails once for the quota says so, and not SQL", arguments: 1...8)
    func quota(number: Int) throws {
        let gateway = try gateway()
        try gateway.services([.quickService("web", "2")])
        let ran = try start(
            gateway, failing: "pwrite64:error=EDQUOT:when=\(number)", of: gateway.stateFolder + "/journal.db-journal",
            "reconcile"
        ).wait()
        let text = ran.out + ran.err
        #expect(!text.contains("disk I/O error") && !text.contains("COMMIT"), "\(ran)")
        if ran.code != 0 { #expect(text.contains("quota"), "\(ran)") }
        let next = try gateway.gwe("reconcile")
        #expect(next.code == 0, "\(next)")
        #expect(gateway.current("web")?.hasPrefix("2-") == true)
    }

    @Test("a sync of the journal that is interrupted is called that")
    func interrupted() throws {
        let gateway = try gateway()
        try gateway.services([.quickService("web", "2")])
        let ran = try start(
            gateway, failing: "fdatasync:error=EINTR:when=1", of: gateway.stateFolder + "/journal.db-journal",
            "reconcile"
        ).wait()
        #expect(ran.code != 0, "\(ran)")
        #expect((ran.out + ran.err).contains("was interrupted"), "\(ran)")
        #expect(try gateway.gwe("reconcile").code == 0)
    }

    @Test(
        "a journal that cannot be opened to write says why, though SQLite tries again to read",
        arguments: [
            ("EIO", "input/output error", "journal.db.new"), ("ENOSPC", "is full", "journal.db.new-journal"),
            ("EIO", "input/output error", "journal.db-journal"),
            ("EMFILE", "too many open files", "journal.db-journal"),
        ])
    func opened(error: String, words: String, name: String) throws {
        // The first pass makes the journal under another name.
        let gateway = try name.contains(".new") ? GatewayFixture(hasCloud: false) : gateway()
        try gateway.services([.quickService("web", "2")])
        var failed = 0
        // The first calls may be those that look for a hot journal, and one that fails may be tried again.
        for number in 1...6 {
            let ran = try start(
                gateway, failing: "openat:error=\(error):when=\(number)", of: gateway.stateFolder + "/" + name,
                "reconcile"
            ).wait()
            guard ran.code != 0 else { continue }
            failed += 1
            #expect((ran.out + ran.err).contains(words), "\(number): \(ran)")
        }
        #expect(failed > 0, "no call was reached")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(gateway.current("web")?.hasPrefix("2-") == true)
    }

    @Test("a read of the journal that fails is no damage, whichever it is, and is told as what it is")
    func read() throws {
        let gateway = try gateway()
        for number in 1...40 {
            let ran = try start(
                gateway, failing: "pread64:error=EIO:when=\(number)", of: gateway.stateFolder + "/journal.db",
                "reconcile"
            ).wait()
            if number == 5 { #expect(isHit(gateway), "the call was not reached") }
            guard ran.code != 0 else { continue }
            let text = ran.out + ran.err
            #expect(text.contains("input/output error") && !text.contains("malformed"), "\(number): \(ran)")
        }
        #expect(gateway.names(gateway.stateFolder).filter { $0.contains(".broken-") }.isEmpty)
        #expect(try gateway.gwe("reconcile").code == 0)
    }

    @Test("a read of usage.db that fails does not begin the counting anew")
    func usage() throws {
        let gateway = try GatewayFixture()
        try #require(gateway.gwe("reconcile").code == 0)
        try #require(gateway.names(gateway.stateFolder).contains("usage.db"))
        for number in 1...20 {
            let ran = try start(
                gateway, failing: "pread64:error=EIO:when=\(number)", of: gateway.stateFolder + "/usage.db", "reconcile"
            ).wait()
            if number == 3 { #expect(isHit(gateway), "the call was not reached") }
            #expect(!gateway.names(gateway.stateFolder).contains("usage.db.broken"), "\(number): \(ran)")
        }
    }

    @Test(
        "a daemon that lacks a thread, a descriptor or a lock for a moment comes up all the same",
        arguments: [
            "clone3:error=EAGAIN:when=1", "clone3:error=EAGAIN:when=2", "socket:error=EMFILE:when=2",
            "flock:error=ENOLCK:when=1", "pipe2:error=EMFILE:when=1",
        ])
    func start(what: String) throws {
        let gateway = try gateway()
        let daemon = try start(gateway, failing: what, "run")
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            gateway.killApps()
        }
        try gateway.eventually("the app runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
        #expect(isHit(gateway), "the call was not reached")
        #expect(daemon.isRunning)
    }
}
