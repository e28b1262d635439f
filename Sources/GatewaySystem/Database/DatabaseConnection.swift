internal import CLinux
internal import CSQLite
internal import Glibc

/// One connection to a SQLite file, as `Database` hands it to one closure at a time.
///
/// Safe to move between threads, though not to share: SQLite's multi-thread mode
/// (https://www.sqlite.org/threadsafe.html).
public struct DatabaseConnection: ~Copyable, @unchecked Sendable {
    let handle: OpaquePointer
    let path: String
    /// What is open between `beginSpan` and `endSpan`.
    var span: DatabaseSpan?
    /// Whether what is run now belongs into a record of the span, and what that is so far.
    var isRecording = false
    var recorded: [RedoStatement] = []
    /// What became of a log that could not be carried out, in words; nil for nothing.
    var redoNotice: String?
    /// Idle prepared statements by their text. One that runs is taken out, so that nested use prepares another.
    private var idle: [String: DatabaseStatement] = [:]
    private static let idleLimit = 64
    /// Set before the first database of the process is opened.
    private static let isLogged: Bool = {
        let isLogged = gwe_sqlite_set_log(gwe_sqlite_log) == SQLITE_OK
        gwe_sqlite_set_calls(
            gwe_sqlite_pread, gwe_sqlite_pwrite, gwe_sqlite_open, gwe_sqlite_stat, gwe_sqlite_open_directory)
        return isLogged
    }()

    init(path: String, uri: String, flags: Int32, busyTimeout: Duration) throws(DatabaseError) {
        _ = DatabaseConnection.isLogged
        _ = gwe_sqlite_failed_errno()
        var database: OpaquePointer?
        let code = sqlite3_open_v2(
            uri, &database, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let database else {
            let error = DatabaseStatement.error("open database", database, path)
            sqlite3_close_v2(database)
            throw error
        }
        // SQLite has opened it to read, since it could not be opened to write: who may not write finds that out later.
        let failed = gwe_sqlite_failed_errno()
        if flags & SQLITE_OPEN_READWRITE != 0, failed != 0, failed != EROFS, sqlite3_db_readonly(database, "main") == 1
        {
            sqlite3_close_v2(database)
            throw DatabaseError(
                "open database", path: path, code: SQLITE_IOERR, message: "cannot open file", systemCode: failed)
        }
        self.handle = database
        self.path = path
        let (seconds, attoseconds) = busyTimeout.components
        let milliseconds = Double(seconds) * 1000 + Double(attoseconds) / 1e15
        sqlite3_busy_timeout(database, Int32(min(max(0, milliseconds), 1e9)))
    }

    /// Makes this database, one in memory, hold these bytes and refuse changes.
    mutating func load(_ image: [UInt8]) throws(DatabaseError) {
        let count = max(image.count, 1)
        guard let raw = sqlite3_malloc64(UInt64(count)) else {
            throw DatabaseError("open database", path: path, code: SQLITE_NOMEM, message: "out of memory")
        }
        let bytes = raw.assumingMemoryBound(to: UInt8.self)
        bytes.initialize(repeating: 0, count: count)
        bytes.update(from: image, count: image.count)
        // SQLite frees the bytes, also when it fails.
        let flags = UInt32(SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY)
        guard sqlite3_deserialize(handle, "main", bytes, Int64(image.count), Int64(count), flags) == SQLITE_OK else {
            throw DatabaseStatement.error("open database", handle, path)
        }
        _ = try query("SELECT count(*) FROM sqlite_schema")
    }

    deinit {
        // A closed handle lives on as a zombie until its last statement, which the cache still holds, is finalised.
        sqlite3_close_v2(handle)
    }

    /// Whether SQLite has opened the file to read only.
    var isReadOnlyFile: Bool { sqlite3_db_readonly(handle, "main") == 1 }

    /// Runs one statement and drops its rows.
    public mutating func execute(_ sql: String, _ bindings: [SQLValue] = []) throws(DatabaseError) {
        try forEachRow(sql, bindings) { _ throws(DatabaseError) in true }
    }

    /// Runs any number of statements without parameters, separated by semicolons.
    public mutating func executeScript(_ sql: String) throws(DatabaseError) {
        guard !isRecording else {
            throw DatabaseError("run a script in database", path: path, code: SQLITE_MISUSE, message: "a span is open")
        }
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else {
            throw DatabaseStatement.error(DatabaseStatement.action("run", sql), handle, path)
        }
    }

    /// All rows of one statement. For results without a small bound take `forEachRow`.
    public mutating func query(_ sql: String, _ bindings: [SQLValue] = []) throws(DatabaseError) -> [Row] {
        var rows: [Row] = []
        try forEachRow(sql, bindings) { row throws(DatabaseError) in
            rows.append(row)
            return true
        }
        return rows
    }

    /// Calls `body` with each row in turn, with one row in memory at a time. `body` returns false to stop.
    public mutating func forEachRow(
        _ sql: String, _ bindings: [SQLValue] = [], _ body: (Row) throws(DatabaseError) -> Bool
    ) throws(DatabaseError) {
        let statement: DatabaseStatement
        if let known = idle.removeValue(forKey: sql) {
            statement = known
        } else {
            statement = try DatabaseStatement(sql, database: handle, path: path)
        }
        defer {
            if idle.count >= DatabaseConnection.idleLimit { idle.removeAll() }
            idle[sql] = statement
        }
        try statement.run(bindings, body)
        if isRecording, !isInTransaction {
            // SQLite has given the transaction up, and what follows in it would be committed at once.
            throw DatabaseStatement.error(DatabaseStatement.action("run", sql), handle, path)
        }
        if isRecording, !statement.isReadOnly { recorded.append(RedoStatement(sql: sql, bindings: bindings)) }
    }

    /// Runs `body` between BEGIN IMMEDIATE and COMMIT; within another transaction, between a savepoint and its
    /// release. Whatever is thrown, by `body` or by the commit, has been rolled back. A crash at any point leaves the
    /// database as it was before or after the whole.
    public mutating func transaction<Result>(
        _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        let isNested = isInTransaction
        let count = recorded.count
        try execute(isNested ? "SAVEPOINT nested" : "BEGIN IMMEDIATE")
        do throws(DatabaseError) {
            let result = try body(&self)
            try execute(isNested ? "RELEASE nested" : "COMMIT")
            return result
        } catch {
            // SQLite has rolled back by itself after some errors (full disk, I/O): then there is nothing left to do.
            if isNested, isInTransaction {
                try? execute("ROLLBACK TO nested")
                try? execute("RELEASE nested")
            } else if isInTransaction {
                try? execute("ROLLBACK")
            }
            if recorded.count > count { recorded.removeLast(recorded.count - count) }
            throw error
        }
    }

    /// Whether BEGIN was run and neither COMMIT nor ROLLBACK, nor SQLite's own rollback after an error.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Makes this database, an empty one in memory, a copy of another as it is now (sqlite3_backup_init()).
    mutating func copy(_ other: borrowing DatabaseConnection) throws(DatabaseError) {
        guard let backup = sqlite3_backup_init(handle, "main", other.handle, "main") else {
            throw DatabaseStatement.error("read database", handle, path)
        }
        let code = sqlite3_backup_step(backup, -1)
        sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE else {
            throw DatabaseError(
                "read database", path: other.path, code: code,
                message: sqlite3_errstr(code).map { String(cString: $0) } ?? "")
        }
    }

    /// The integer kept for the schema's version: `PRAGMA user_version`.
    public mutating func userVersion() throws(DatabaseError) -> Int {
        try query("PRAGMA user_version").first?[0].int.map { Int($0) } ?? 0
    }

    /// Sets the schema's version; takes part in the running transaction.
    public mutating func setUserVersion(_ version: Int) throws(DatabaseError) {
        try executeScript("PRAGMA user_version = \(version)")
    }

    /// The rowid of the latest INSERT of this connection.
    public var lastInsertID: Int64 { sqlite3_last_insert_rowid(handle) }

    /// How many rows the latest INSERT, UPDATE or DELETE touched.
    public var changes: Int { Int(sqlite3_changes(handle)) }
}
