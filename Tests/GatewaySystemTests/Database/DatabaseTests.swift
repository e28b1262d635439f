import Foundation
import GatewaySystem
import TestSupport
import Testing

@Suite("Database") final class DatabaseTests {
    private let scratch = TemporaryFolder()
    private var folder: String { scratch.path }

    private func names() throws -> Set<String> { Set(try FileManager.default.contentsOfDirectory(atPath: folder)) }

    @Test("every storage class comes back as it went in, empty and odd values too")
    func values() throws {
        let database = try Database(path: folder + "/a.db")
        let values: [SQLValue] = [
            .null, .integer(.min), .integer(.max), .real(0.1), .text(""), .text("å\0ß"), .blob([]), .blob([0, 255, 0]),
        ]
        try database.execute("CREATE TABLE t (v)")
        for value in values { try database.execute("INSERT INTO t (v) VALUES (?1)", [value]) }
        let rows = try database.query("SELECT v AS value FROM t ORDER BY rowid")
        #expect(rows.map { $0["value"] } == values)
        #expect(rows.map { $0[0] } == values)
        #expect(rows.first?["other"] == .null)
    }

    @Test("a path with characters that mean something in a URI is taken literally")
    func oddPath() throws {
        _ = try Database(path: folder + "/a?mode=memory#é%41 b.db")
        #expect(try names().contains("a?mode=memory#é%41 b.db"))
    }

    @Test("a transaction that throws leaves nothing behind")
    func rollback() throws {
        let database = try Database(path: folder + "/a.db")
        try database.execute("CREATE TABLE t (v UNIQUE)")
        let error = #expect(throws: DatabaseError.self) {
            try database.transaction { connection throws(DatabaseError) in
                try connection.execute("INSERT INTO t VALUES (1)")
                try connection.execute("INSERT INTO t VALUES (1)")
            }
        }
        #expect(error?.isConstraint == true)
        #expect(try database.query("SELECT * FROM t").isEmpty)
    }

    @Test("a nested transaction that throws undoes only itself")
    func nested() throws {
        let database = try Database(path: folder + "/a.db")
        try database.execute("CREATE TABLE t (v UNIQUE)")
        try database.transaction { connection throws(DatabaseError) in
            try connection.execute("INSERT INTO t VALUES (1)")
            _ = try? connection.transaction { inner throws(DatabaseError) in
                try inner.execute("INSERT INTO t VALUES (2)")
                try inner.execute("INSERT INTO t VALUES (1)")
            }
        }
        #expect(try database.query("SELECT v FROM t").map { $0[0] } == [1])
    }

    @Test("rows stream one at a time and can be stopped, with another use of the same statement inside")
    func streaming() throws {
        let database = try Database(path: folder + "/a.db")
        try database.executeScript("CREATE TABLE t (v); INSERT INTO t VALUES (1), (2), (3), (4);")
        var seen: [SQLValue] = []
        try database.withConnection { connection throws(DatabaseError) in
            var other = 0
            try connection.forEachRow("SELECT v FROM t ORDER BY v") { row throws(DatabaseError) in
                seen.append(row[0])
                return seen.count < 2
            }
            other = try connection.query("SELECT v FROM t ORDER BY v").count
            #expect(other == 4)
        }
        #expect(seen == [1, 2])
    }

    @Test("the schema's version is kept and takes part in the transaction")
    func version() throws {
        let database = try Database(path: folder + "/a.db")
        try database.setUserVersion(3)
        _ = try? database.transaction { connection throws(DatabaseError) in
            try connection.setUserVersion(4)
            try connection.execute("no such statement")
        }
        #expect(try database.userVersion() == 3)
    }

    @Test("the number of changed rows and the last rowid are told")
    func changes() throws {
        let database = try Database(path: folder + "/a.db")
        let (changes, id) = try database.withConnection { connection throws(DatabaseError) in
            try connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            try connection.execute("INSERT INTO t (id, v) VALUES (41, 0), (42, 0)")
            return (connection.changes, connection.lastInsertID)
        }
        #expect(changes == 2)
        #expect(id == 42)
    }

    @Test("opening to read creates nothing, neither a side file nor a missing database")
    func readOnly() throws {
        let path = folder + "/a.db"
        let missing = #expect(throws: DatabaseError.self) { try Database(path: path, mode: .readOnly) }
        #expect(missing?.cannotOpen == true)
        #expect(try names() == [])

        var writer: Database? = try Database(path: path)
        try writer?.executeScript("CREATE TABLE t (v); INSERT INTO t VALUES (7);")
        writer = nil
        try? FileManager.default.removeItem(atPath: path + "-journal")
        let before = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
        let reader = try Database(path: path, mode: .readOnly)
        #expect(try reader.query("SELECT v FROM t").first?[0] == 7)
        #expect(try names() == ["a.db"])
        let error = #expect(throws: DatabaseError.self) { try reader.execute("DELETE FROM t") }
        #expect(error?.isReadOnly == true)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date == before)
    }

    @Test(
        "what a killed writer left is read as before its transaction, without a change to any file",
        arguments: [1, 40, 4000])
    func hotJournal(count: Int) throws {
        let numbers = "WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s WHERE value < ?1)"
        let live = folder + "/live.db"
        let path = folder + "/a.db"
        let writer = try Database(path: live)
        try writer.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        try writer.execute("\(numbers) INSERT INTO t SELECT value, printf('%0400d', value) FROM s", [5000])
        let sum = "SELECT count(*), sum(id), sum(v), (SELECT integrity_check FROM pragma_integrity_check) FROM t"
        let before = try writer.query(sum)
        // A small cache, so that changed pages reach the file before the commit, as with a large transaction.
        try writer.executeScript("PRAGMA cache_size = 5; PRAGMA cache_spill = 5;")
        try writer.transaction { connection throws(DatabaseError) in
            try connection.execute("UPDATE t SET v = 'changed' WHERE id <= ?1", [SQLValue(count)])
            try connection.execute("DELETE FROM t WHERE id > 5000 - ?1", [SQLValue(count)])
            try connection.execute(
                "\(numbers) INSERT INTO t (v) SELECT printf('%0900d', value) FROM s", [SQLValue(count)])
            // What a kill at this moment leaves on the disk.
            for name in ["", "-journal"] {
                #expect(throws: Never.self) {
                    try FileManager.default.copyItem(atPath: live + name, toPath: path + name)
                }
            }
        }
        let files = try [path, path + "-journal"].map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
        let reader = try Database(path: path, mode: .readOnly)
        #expect(try reader.query(sum) == before)
        #expect(try reader.query(sum).first?[3] == "ok")
        #expect(try [path, path + "-journal"].map { try Data(contentsOf: URL(fileURLWithPath: $0)) } == files)
        #expect(try names() == ["live.db", "live.db-journal", "a.db", "a.db-journal"])
        let error = #expect(throws: DatabaseError.self) { try reader.execute("DELETE FROM t") }
        #expect(error?.isReadOnly == true)
        // A writer rolls the file itself back.
        #expect(try Database(path: path).query(sum) == before)
    }

    @Test("a reader waits for no writer that has not begun to commit, and sees the state before")
    func readBesideWriter() throws {
        let path = folder + "/a.db"
        let writer = try Database(path: path)
        try writer.executeScript("CREATE TABLE t (v); INSERT INTO t VALUES (1);")
        try writer.transaction { connection throws(DatabaseError) in
            try connection.execute("UPDATE t SET v = 2")
            let reader = try Database(path: path, mode: .readOnly)
            #expect(try reader.query("SELECT v FROM t").first?[0] == 1)
        }
    }

    @Test("a second writer is told that the database is busy")
    func busy() throws {
        let path = folder + "/a.db"
        let first = try Database(path: path)
        let second = try Database(path: path, busyTimeout: .zero)
        try first.transaction { connection throws(DatabaseError) in
            let error = #expect(throws: DatabaseError.self) {
                try second.transaction { _ throws(DatabaseError) in }
            }
            #expect(error?.isBusy == true)
            #expect(error?.isPermanent == false)
        }
    }

    @Test("a file that is no database is refused as corrupt, in both modes", arguments: [false, true])
    func corrupt(readOnly: Bool) throws {
        let path = folder + "/a.db"
        try Data(repeating: 0x41, count: 5000).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: DatabaseError.self) {
            try Database(path: path, mode: readOnly ? .readOnly : .readWriteCreate)
        }
        #expect(error?.isCorrupt == true)
        #expect(error?.description.contains(path) == true)
    }

    @Test("a full database says so")
    func full() throws {
        let database = try Database(path: folder + "/a.db")
        try database.executeScript("CREATE TABLE t (v); PRAGMA max_page_count = 3;")
        let error = #expect(throws: DatabaseError.self) {
            try database.execute("INSERT INTO t VALUES (?1)", [.blob([UInt8](repeating: 1, count: 100_000))])
        }
        #expect(error?.isFull == true)
        #expect(try database.query("SELECT * FROM t").isEmpty)
    }

    @Test("two statements in one call and a wrong number of values are refused")
    func misuse() throws {
        let database = try Database(path: folder + "/a.db")
        #expect(throws: DatabaseError.self) { try database.execute("CREATE TABLE t (v); CREATE TABLE u (v)") }
        try database.execute("CREATE TABLE t (v);\n")
        #expect(throws: DatabaseError.self) { try database.execute("INSERT INTO t VALUES (?1)") }
        #expect(throws: DatabaseError.self) { try database.execute("") }
    }
}
