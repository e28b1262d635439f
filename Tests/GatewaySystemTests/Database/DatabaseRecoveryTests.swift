import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Opening a database beside which a crash has left a log, where something stands in the way: it is told, nothing is lost,
/// and the next try succeeds.
@Suite("The log that a crash has left") struct DatabaseRecoveryTests {
    /// Opening fails with these words, and changes nothing that counts.
    private func refused(_ bench: DatabaseBench, _ words: String..., mode: String = "write") throws {
        let log = try bench.bytes(bench.redo)
        let answer = try bench.answers(["\(mode) \(bench.path)"]).first ?? ""
        #expect(answer.hasPrefix("failed: "), "\(answer)")
        for word in words + [bench.path] { #expect(answer.contains(word), "\(answer)") }
        #expect(try bench.bytes(bench.redo) == log)
    }

    private func opens(_ bench: DatabaseBench, _ values: String) throws {
        #expect(try bench.answers(["write \(bench.path)", "values", "notice"]) == ["ok", "ok \(values)", "ok "])
        #expect(bench.byteCount(bench.redo) == 0)
    }

    // MARK: what stands in the way

    @Test("a full disk", .enabled(if: getuid() == 0))
    func full() throws {
        let bench = try DatabaseBench(disk: "1m")
        try bench.interrupted("add 1", "big 2")
        unlink(bench.path + "-journal")
        try bench.fill()
        try refused(bench, "is full")
        #expect(try bench.answers(["read \(bench.path)", "values"]).last == "ok 1,222222222", "reading needs no space")
        bench.unfill()
        try opens(bench, "1,222222222")
    }

    @Test("a file system that may only be read", .enabled(if: getuid() == 0))
    func readOnly() throws {
        let bench = try DatabaseBench(disk: "1m")
        try bench.interrupted("add 1", "soft 2")
        try bench.setReadOnly(true)
        try refused(bench, "read")
        #expect(try bench.answers(["read \(bench.path)", "values"]).last == "ok 1,2")
        try bench.setReadOnly(false)
        try opens(bench, "1,2")
    }

    @Test("another program that has begun to write, and ends without a change")
    func locked() throws {
        let bench = try DatabaseBench()
        try bench.interrupted("add 1", "soft 2")
        let script = """
            import sqlite3, sys, time, os
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            c.execute('BEGIN IMMEDIATE')
            print('held', flush=True)
            while not os.path.exists(sys.argv[2]): time.sleep(0.005)
            """
        let go = bench.folder + "/go"
        let other = try TestProcess("/usr/bin/env", ["python3", "-c", script, bench.path, go])
        try #require(TestSupport.eventually { other.out.contains("held") })
        try refused(bench, "locked")
        #expect(try bench.answers(["read \(bench.path)", "values"]).last == "ok 1,2")
        try bench.write([], to: go)
        #expect(other.wait().code == 0)
        try opens(bench, "1,2")
    }

    @Test("a log that cannot be read for once, by whoever writes or reads", arguments: ["openat", "pread64"])
    func unreadable(call: String) throws {
        let bench = try DatabaseBench()
        try bench.interrupted("add 1", "soft 2")
        let log = try bench.bytes(bench.redo)
        for mode in ["write", "read"] {
            let answers = try bench.answers(
                ["\(mode) \(bench.path)"], strace: bench.failing("\(call):error=EIO:when=1", of: ["-redo"]))
            let answer = answers.first ?? ""
            #expect(bench.isHit && answer.contains("input/output error") && answer.contains(bench.redo), "\(answers)")
            #expect(try bench.bytes(bench.redo) == log)
        }
        try opens(bench, "1,2")
    }

    // MARK: owner and mode

    private static let nobody = 65_534

    /// A database of another user than root.
    private func foreign() throws -> DatabaseBench {
        let bench = try DatabaseBench()
        for path in [bench.folder, bench.path] { chown(path, uid_t(Self.nobody), gid_t(Self.nobody)) }
        unlink(bench.path + "-journal")
        return bench
    }

    private func run(_ bench: DatabaseBench, _ lines: String...) throws -> [String] {
        try bench.start(lines, user: Self.nobody).wait().out.split(separator: "\n").map(String.init)
    }

    @Test("a log of another user that may not be read is named, and used once it may", .enabled(if: getuid() == 0))
    func permission() throws {
        let bench = try foreign()
        try bench.interrupted("add 1", "soft 2")
        chown(bench.redo, 0, 0)
        chmod(bench.redo, 0o600)
        for mode in ["write", "read"] {
            let answer = try run(bench, "\(mode) \(bench.path)").first ?? ""
            #expect(answer.contains("permission denied") && answer.contains(bench.redo), "\(answer)")
        }
        chown(bench.redo, uid_t(Self.nobody), gid_t(Self.nobody))
        #expect(try run(bench, "write \(bench.path)", "values").last == "ok 1,2")
    }

    @Test("the log that root makes beside the database of another user is that user's", .enabled(if: getuid() == 0))
    func owner() throws {
        let bench = try foreign()
        #expect(try bench.answers(["umask 0777", "write \(bench.path)", "begin", "add 1", "kill"]).count == 4)
        var status = stat()
        try #require(stat(bench.redo, &status) == 0)
        #expect(status.st_uid == uid_t(Self.nobody) && status.st_gid == gid_t(Self.nobody))
        #expect(status.st_mode & 0o7777 == 0o600)
        #expect(try run(bench, "write \(bench.path)", "begin", "add 2", "end", "values").last == "ok 1,2")
    }

    @Test(
        "an own log that has lost its permissions is used again, with what is in it and without",
        .enabled(if: getuid() == 0), arguments: [0o400, 0o200, 0o000] as [mode_t])
    func mode(mode: mode_t) throws {
        for isEmpty in [true, false] {
            let bench = try foreign()
            #expect(try run(bench, "write \(bench.path)", "begin", "add 1", isEmpty ? "end" : "kill").count > 2)
            try #require(chmod(bench.redo, mode) == 0)
            #expect(
                try run(bench, "write \(bench.path)", "begin", "add 2", "end", "values") == [
                    "ok", "ok", "ok", "ok", "ok 1,2",
                ])
            var status = stat()
            #expect(stat(bench.redo, &status) == 0 && status.st_mode & 0o7777 == 0o600)
        }
    }

    @Test("an empty log of root that others may not touch is replaced", .enabled(if: getuid() == 0))
    func rootsEmpty() throws {
        let bench = try foreign()
        try bench.write([], to: bench.redo)
        chown(bench.redo, 0, 0)
        chmod(bench.redo, 0o600)
        #expect(try run(bench, "write \(bench.path)", "begin", "add 1", "end", "values").last == "ok 1")
    }

    // MARK: whose log it is

    @Test("the log of another database, of one commit before or after, is void and changes nothing")
    func other() throws {
        let bench = try DatabaseBench()
        try bench.interrupted("add 1")
        let old = try bench.bytes(bench.redo)
        try opens(bench, "1")
        try bench.interrupted("add 2")
        let new = try bench.bytes(bench.redo)
        let before = try bench.copy()
        try opens(bench, "1,2")
        for log in [old, new] {
            try bench.write(log, to: bench.redo)
            #expect(try bench.found() == ["1", "2"])
        }
        // And the newer one beside the database of before: both have never been together.
        try bench.write(old, to: before + "-redo")
        #expect(try bench.values(Database(path: before, mode: .readOnly)) == ["1"])
        #expect(try bench.values(Database(path: before)) == ["1"])
    }

    @Test("rows that go with others in a span are gone for readers, too")
    func cascade() throws {
        let bench = try DatabaseBench()
        #expect(
            try bench.answers([
                "write \(bench.path)", "sql CREATE TABLE p (id INTEGER PRIMARY KEY)",
                "sql CREATE TABLE c (p INTEGER REFERENCES p (id) ON DELETE CASCADE)", "sql INSERT INTO p VALUES (1)",
                "sql INSERT INTO c VALUES (1)", "begin", "sql DELETE FROM p", "kill",
            ]).allSatisfy { $0 == "ok" })
        let lines = ["query SELECT count(*) FROM p", "query SELECT count(*) FROM c"]
        #expect(try bench.answers(["read \(bench.path)"] + lines) == ["ok", "ok 0", "ok 0"])
        #expect(try bench.answers(["write \(bench.path)"] + lines) == ["ok", "ok 0", "ok 0"])
    }

    @Test("beside a damaged page, a reader finds what was committed and is told so; to write it is refused as damaged")
    func damaged() throws {
        let bench = try DatabaseBench()
        #expect(
            try bench.answers([
                "write \(bench.path)", "sql CREATE TABLE u (v)", "sql INSERT INTO u VALUES ('kept')", "begin", "add 1",
                "sql UPDATE u SET v = 'new'", "kill",
            ]).allSatisfy { $0 == "ok" })
        // Page 2 is the root of the table t.
        var bytes = try bench.bytes(bench.path)
        bytes.replaceSubrange(4_096..<8_192, with: [UInt8](repeating: 0x5A, count: 4_096))
        try bench.write(bytes, to: bench.path)
        let files = try bench.files(beside: bench.path)
        let read = try bench.answers(["read \(bench.path)", "query SELECT v FROM u", "notice"])
        #expect(read[1] == "ok kept", "\(read)")
        #expect(read.last?.contains(bench.redo) == true, "\(read)")
        try refused(bench, "malformed")
        let after = try bench.files(beside: bench.path)
        #expect(after["a.db"] == files["a.db"] && after["a.db-redo"] == files["a.db-redo"])
    }
}
