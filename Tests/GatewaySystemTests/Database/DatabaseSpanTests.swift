import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Spans: what each crash leaves. A crash is a copy of the files as they are at that moment, as after kill -9. What a power
/// cut leaves is a log that ends earlier, at a record or within one.
@Suite("Spans of transactions") final class DatabaseSpanTests {
    private let scratch = TemporaryFolder()
    private var folder: String { scratch.path }
    private var path: String { folder + "/a.db" }
    private var redo: String { path + "-redo" }
    private var copies = 0

    private func made() throws -> Database {
        let database = try Database(path: path)
        try database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v)")
        return database
    }

    private func insert(_ value: SQLValue, _ database: Database, isDurable: Bool = true) throws {
        try database.transaction(isDurable: isDurable) { c throws(DatabaseError) in
            try c.execute("INSERT INTO t (v) VALUES (?)", [value])
        }
    }

    private func values(_ database: Database) throws -> [SQLValue] {
        try database.query("SELECT v FROM t ORDER BY id").map { $0[0] }
    }

    /// A copy of database, rollback journal and log; of the log these bytes instead, if given.
    private func crashed(redo bytes: [UInt8]? = nil) throws -> String {
        copies += 1
        let copy = folder + "/copy\(copies).db"
        for suffix in ["", "-journal", "-redo"] where FileManager.default.fileExists(atPath: path + suffix) {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
        }
        if let bytes { try Data(bytes).write(to: URL(fileURLWithPath: copy + "-redo")) }
        return copy
    }

    /// What is found by a reader, and by whoever opens it to write.
    private func found(redo bytes: [UInt8]? = nil) throws -> [SQLValue] {
        let copy = try crashed(redo: bytes)
        let before = try Data(contentsOf: URL(fileURLWithPath: copy))
        let read = try values(Database(path: copy, mode: .readOnly))
        #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == before, "a reader changes nothing")
        let written = try values(Database(path: copy))
        #expect(read == written)
        // And it stays so without the log.
        try? FileManager.default.removeItem(atPath: copy + "-redo")
        #expect(try values(Database(path: copy)) == written)
        return written
    }

    private func log() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: redo))) }

    @Test("the end of the process at any moment keeps every transaction, with a log and without one")
    func crash() throws {
        let database = try made()
        try insert(0, database)
        try database.beginSpan()
        #expect(try found() == [0])
        try insert(1, database)
        #expect(try found() == [0, 1])
        try insert(2, database, isDurable: false)
        #expect(try values(database) == [0, 1, 2])
        #expect(try found() == [0, 1, 2])
        try insert(3, database)
        #expect(try found() == [0, 1, 2, 3])
        try insert(4, database, isDurable: false)
        // Nothing that is empty, and yet durable.
        try database.transaction { _ throws(DatabaseError) in }
        #expect(try found() == [0, 1, 2, 3, 4])
        try insert(5, database, isDurable: false)
        try database.endSpan()
        #expect(try log().isEmpty)
        #expect(try found() == [0, 1, 2, 3, 4, 5])
        try database.beginSpan()
        try insert(6, database)
        #expect(try found() == [0, 1, 2, 3, 4, 5, 6])
        let again = try Database(path: path, mode: .readOnly)
        #expect(try values(again) == [0, 1, 2, 3, 4, 5, 6])
        #expect(throws: DatabaseError.self) { try insert(7, again) }
    }

    @Test("a log that was cut anywhere, or has a wrong byte anywhere, gives the records before that place")
    func torn() throws {
        let database = try made()
        try database.beginSpan()
        var ends: [Int] = []
        for number in 1...5 {
            try insert(.integer(Int64(number)), database)
            ends.append(try log().count)
        }
        let whole = try log()
        for cut in 0...whole.count {
            let count = ends.count { $0 <= cut }
            #expect(try found(redo: Array(whole[..<cut])) == (0..<count).map { .integer(Int64($0 + 1)) }, "\(cut)")
        }
        // The version (13 to 15) is told otherwise: see `foreign`.
        for place in whole.indices where !(13...15).contains(place) {
            var bytes = whole
            bytes[place] ^= 0x41
            let count = ends.count { $0 <= place }
            #expect(try found(redo: bytes) == (0..<count).map { .integer(Int64($0 + 1)) }, "\(place)")
        }
    }

    @Test("the log of a span that was committed is void, alone and behind a newer record")
    func void() throws {
        let database = try made()
        try database.beginSpan()
        try insert(1, database)
        try insert(2, database)
        let old = try log()
        try database.endSpan()
        #expect(try found(redo: old) == [1, 2])
        try database.beginSpan()
        try insert(3, database)
        let new = try log()
        #expect(new.count < old.count)
        #expect(try found(redo: new + old.dropFirst(new.count)) == [1, 2, 3])
        #expect(try found(redo: old) == [1, 2], "of another generation")
        #expect(try found(redo: Array(repeating: 0, count: 5_000)) == [1, 2])
    }

    @Test("a log is not carried out once anybody has written to the database, gwe or not")
    func overtaken() throws {
        let database = try made()
        try insert(0, database)
        try database.beginSpan()
        try insert(1, database)
        let copy = try crashed()
        // A program that knows nothing of logs.
        let script = """
            import sqlite3, sys
            c = sqlite3.connect(sys.argv[1])
            c.execute('INSERT INTO t (v) VALUES (7)')
            c.commit()
            """
        let shell = try TestProcess.run("/usr/bin/env", ["python3", "-c", script, copy])
        #expect(shell.code == 0, "\(shell)")
        #expect(try values(Database(path: copy, mode: .readOnly)) == [0, 7])
        #expect(try values(Database(path: copy)) == [0, 7])
    }

    @Test("a log that cannot be carried out is moved aside with words, and what was committed stands")
    func impossible() throws {
        let database = try made()
        try insert(0, database)
        try database.beginSpan()
        try database.transaction { c throws(DatabaseError) in try c.execute("INSERT INTO t (id, v) VALUES (50, 1)") }
        let copy = try crashed()
        // A row that is in the way, by somebody who leaves the generation as it was.
        let script = """
            import sqlite3, sys
            path = sys.argv[1]
            c = sqlite3.connect(path)
            c.execute('SELECT * FROM t').fetchall()
            header = open(path, 'rb').read(100)
            c.execute('INSERT INTO t (id, v) VALUES (50, 9)')
            c.commit()
            c.close()
            with open(path, 'r+b') as file:
                file.seek(24)
                file.write(header[24:28])
                file.seek(92)
                file.write(header[24:28])
            """
        #expect(try TestProcess.run("/usr/bin/env", ["python3", "-c", script, copy]).code == 0)
        #expect(try values(Database(path: copy, mode: .readOnly)) == [0, 9])
        let opened = try Database(path: copy)
        #expect(try values(opened) == [0, 9])
        #expect(opened.redoNotice?.contains("copy1.db-redo.broken-1") == true, "\(opened.redoNotice ?? "")")
        #expect(FileManager.default.fileExists(atPath: copy + "-redo.broken-1"))
    }

    @Test("what is no regular file in the place of the log is refused at once, and one of another version too")
    func foreign() throws {
        let database = try made()
        try insert(0, database)
        let version = Data("gwe redo log 2\n\0 and so on".utf8)
        let makers: [(String) -> Bool] = [
            { mkfifo($0, 0o600) == 0 }, { mkdir($0, 0o700) == 0 }, { symlink("/dev/null", $0) == 0 },
            { FileManager.default.createFile(atPath: $0, contents: version) },
        ]
        for make in makers {
            let copy = try crashed()
            try #require(make(copy + "-redo"))
            #expect(throws: DatabaseError.self) { _ = try Database(path: copy) }
            #expect(throws: DatabaseError.self) { _ = try Database(path: copy, mode: .readOnly) }
        }
    }

    @Test("what is undone leaves no record; every kind of value comes back")
    func undone() throws {
        let database = try made()
        try database.beginSpan()
        #expect(throws: DatabaseError.self) {
            try database.transaction { c throws(DatabaseError) in
                try c.execute("INSERT INTO t (id, v) VALUES (7, 1)")
                try c.execute("INSERT INTO t (id, v) VALUES (7, 2)")
            }
        }
        try database.transaction { c throws(DatabaseError) in
            try c.execute("INSERT INTO t (v) VALUES ('outer')")
            _ = try? c.transaction { inner throws(DatabaseError) in
                try inner.execute("INSERT INTO t (id, v) VALUES (9, 1)")
                try inner.execute("INSERT INTO t (id, v) VALUES (9, 2)")
            }
        }
        #expect(try found() == ["outer"])
        let kinds: [SQLValue] = [
            .null, .integer(.min), .integer(.max), .real(0.1), .real(-.infinity), .text(""), .text("å\0ß"), .blob([]),
            .blob([0, 255, 0]), .text(String(repeating: "x", count: 100_000)),
        ]
        for kind in kinds { try insert(kind, database) }
        #expect(try found() == ["outer"] + kinds)
        try database.endSpan()
        #expect(try found() == ["outer"] + kinds)
    }

    @Test("what would not get into the log is refused within a span: scripts, and the schema's version")
    func scripts() throws {
        let database = try made()
        try database.beginSpan()
        #expect(throws: DatabaseError.self) { try database.executeScript("INSERT INTO t (v) VALUES (1)") }
        #expect(throws: DatabaseError.self) {
            try database.transaction { c throws(DatabaseError) in try c.executeScript("INSERT INTO t (v) VALUES (2)") }
        }
        #expect(throws: DatabaseError.self) {
            try database.transaction { c throws(DatabaseError) in try c.setUserVersion(7) }
        }
        try insert(3, database)
        #expect(try found() == [3])
        try database.endSpan()
        #expect(try found() == [3] && database.userVersion() == 0)
    }

    @Test("a span in which nothing is changed writes nothing")
    func idle() throws {
        let database = try made()
        let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        var status = stat()
        #expect(stat(path, &status) == 0)
        let modified = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        try database.beginSpan()
        try database.beginSpan()
        try database.transaction { c throws(DatabaseError) in _ = try c.query("SELECT * FROM t") }
        try database.endSpan()
        try database.endSpan()
        #expect(stat(path, &status) == 0)
        #expect((status.st_mtim.tv_sec, status.st_mtim.tv_nsec) == modified)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
    }

    @Test("others read while a span is open, and cannot write; a long span is committed on its way")
    func others() throws {
        let database = try made()
        try database.beginSpan()
        try insert(1, database)
        #expect(throws: DatabaseError.self, "whoever wants to write has to recover first, and cannot") {
            _ = try Database(path: path, busyTimeout: .milliseconds(10))
        }
        let other = try Database(path: path, mode: .readOnly)
        #expect(try values(other) == [1])
        let text = SQLValue.text(String(repeating: "y", count: 300_000))
        for _ in 0..<5 { try insert(text, database) }
        // The log was begun anew with its commit.
        #expect(try log().count < 1 << 20)
        #expect(try values(Database(path: path, mode: .readOnly)).count == 6)
        #expect(try found().count == 6)
        try database.endSpan()
    }

    @Test("any order of spans, durable and other transactions, failures and crashes leaves what was done")
    func anything() throws {
        var random = SystemRandomNumberGenerator()
        let database = try made()
        var all: [SQLValue] = []
        var isInSpan = false
        for number in 0..<300 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                isInSpan ? try database.endSpan() : try database.beginSpan()
                isInSpan.toggle()
            case 1: #expect(try found() == all)
            case 2:
                _ = try? database.transaction(isDurable: Bool.random(using: &random)) { c throws(DatabaseError) in
                    try c.execute("INSERT INTO t (v) VALUES ('lost')")
                    try c.execute("INSERT INTO nothing VALUES (1)")
                }
            case 3 where !all.isEmpty:
                try database.transaction { c throws(DatabaseError) in
                    try c.execute("DELETE FROM t WHERE id = (SELECT min(id) FROM t)")
                }
                all.removeFirst()
            default:
                try insert(.integer(Int64(number)), database, isDurable: Bool.random(using: &random))
                all.append(.integer(Int64(number)))
            }
            #expect(try values(database) == all)
        }
        try database.endSpan()
        #expect(try found() == all)
    }
}
