internal import CLinux
internal import CSQLite
internal import Glibc

/// A prepared statement. Belongs to one `DatabaseConnection`, which hands it to one use at a time.
final class DatabaseStatement {
    private let handle: OpaquePointer
    private let database: OpaquePointer
    private let columns: [String]
    let path: String
    let sql: String
    /// sqlite3_stmt_readonly(): it changes no row.
    let isReadOnly: Bool

    /// Prepares the first statement of the text; nothing but white space and comments may follow it.
    init(_ sql: String, database: OpaquePointer, path: String) throws(DatabaseError) {
        var statement: OpaquePointer?
        var text = sql
        let (code, rest) = text.withUTF8 { utf8 -> (Int32, Bool) in
            utf8.withMemoryRebound(to: CChar.self) { chars in
                var tail: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v3(
                    database, chars.baseAddress, Int32(clamping: chars.count), UInt32(SQLITE_PREPARE_PERSISTENT),
                    &statement, &tail)
                guard let tail, let base = chars.baseAddress else { return (code, false) }
                let remainder = UnsafeBufferPointer(start: tail, count: max(0, chars.count - (tail - base)))
                return (code, remainder.contains { !" \t\r\n;".utf8.contains(UInt8(bitPattern: $0)) })
            }
        }
        guard code == SQLITE_OK else {
            throw DatabaseStatement.error(DatabaseStatement.action("prepare", sql), database, path)
        }
        guard let statement, !rest else {
            sqlite3_finalize(statement)
            throw DatabaseError(
                DatabaseStatement.action("prepare", sql), path: path, code: SQLITE_MISUSE,
                message: "expected exactly one statement")
        }
        self.handle = statement
        self.database = database
        self.path = path
        self.sql = sql
        self.isReadOnly = sqlite3_stmt_readonly(statement) != 0
        self.columns = (0..<sqlite3_column_count(statement)).map { index in
            sqlite3_column_name(statement, index).map { String(cString: $0) } ?? ""
        }
    }

    deinit { sqlite3_finalize(handle) }

    /// Binds the parameters ?1, ?2, … and steps through all rows. The statement is ready for reuse afterwards,
    /// whatever happened. `body` returns false to stop early.
    func run(
        _ bindings: [SQLValue], _ body: (Row) throws(DatabaseError) -> Bool
    ) throws(DatabaseError) {
        // One that SQLite got over earlier is none of this statement's.
        _ = gwe_sqlite_failed_errno()
        defer {
            sqlite3_reset(handle)
            sqlite3_clear_bindings(handle)
        }
        let expected = Int(sqlite3_bind_parameter_count(handle))
        guard bindings.count == expected else {
            let message = "expected \(expected) values, found \(bindings.count)"
            throw DatabaseError(
                DatabaseStatement.action("bind", sql), path: path, code: SQLITE_RANGE, message: message)
        }
        for (offset, value) in bindings.enumerated() {
            guard bind(value, at: Int32(offset + 1)) == SQLITE_OK else {
                throw DatabaseStatement.error(DatabaseStatement.action("bind", sql), database, path)
            }
        }
        while true {
            switch sqlite3_step(handle) {
            case SQLITE_ROW:
                let row = Row(columns: columns, values: columns.indices.map { value(at: Int32($0)) })
                guard try body(row) else { return }
            case SQLITE_DONE: return
            default: throw DatabaseStatement.error(DatabaseStatement.action("run", sql), database, path)
            }
        }
    }

    private func bind(_ value: SQLValue, at index: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(handle, index)
        case .integer(let number): return sqlite3_bind_int64(handle, index, number)
        case .real(let number): return sqlite3_bind_double(handle, index, number)
        case .text(var text):
            return text.withUTF8 { utf8 in
                guard let count = Int32(exactly: utf8.count) else { return SQLITE_TOOBIG }
                // A nil address would bind NULL.
                guard count > 0 else { return gwe_sqlite_bind_text(handle, index, "", 0) }
                return utf8.withMemoryRebound(to: CChar.self) {
                    gwe_sqlite_bind_text(handle, index, $0.baseAddress, count)
                }
            }
        case .blob(let bytes):
            guard let count = Int32(exactly: bytes.count) else { return SQLITE_TOOBIG }
            guard count > 0 else { return sqlite3_bind_zeroblob(handle, index, 0) }
            return bytes.withUnsafeBytes { gwe_sqlite_bind_blob(handle, index, $0.baseAddress, count) }
        }
    }

    private func value(at index: Int32) -> SQLValue {
        switch sqlite3_column_type(handle, index) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(handle, index))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(handle, index))
        case SQLITE_TEXT:
            let start = sqlite3_column_text(handle, index)
            let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, index)))
            return .text(String(decoding: bytes, as: UTF8.self))
        case SQLITE_BLOB:
            let start = sqlite3_column_blob(handle, index)
            let bytes = UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, index)))
            return .blob([UInt8](bytes))
        default: return .null
        }
    }

    /// The words for an error: the verb and the beginning of the statement. Values are parameters, so none shows.
    static func action(_ verb: String, _ sql: String) -> String {
        let line = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return "\(verb) \"\(line.count > 60 ? line.prefix(60) + "…" : line[...])\" in database"
    }

    static func error(_ action: String, _ database: OpaquePointer?, _ path: String) -> DatabaseError {
        let code = database.map { sqlite3_extended_errcode($0) } ?? SQLITE_NOMEM
        let message = database.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        return DatabaseError(
            action, path: path, code: code, message: message.map { String(cString: $0) } ?? "unknown error",
            systemCode: systemCode(database, code))
    }

    /// errno(3) of the call that failed: what SQLite told its log, or else that of a read or write, or else what it keeps
    /// of the connection; 0 where the machine is not the cause.
    private static func systemCode(_ database: OpaquePointer?, _ code: Int32) -> Int32 {
        let logged = gwe_sqlite_logged_errno(code)
        let failed = gwe_sqlite_failed_errno()
        switch code & 0xFF {
        case SQLITE_IOERR, SQLITE_CANTOPEN:
            // A file that cannot be opened to write is tried again to read: the log has what that led to (ENOENT).
            if failed != 0 { return failed }
            if logged != 0 { return logged }
            // Of any other error it is that of an earlier one (https://www.sqlite.org/c3ref/system_errno.html).
            return database.map { sqlite3_system_errno($0) } ?? 0
        // A read that failed looks like damage, and a file that cannot be examined like one that was moved.
        case SQLITE_CORRUPT, SQLITE_READONLY: return failed == EIO ? EIO : 0
        default: return 0
        }
    }
}
