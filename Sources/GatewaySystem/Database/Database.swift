internal import CSQLite
internal import Glibc
internal import Synchronization

/// A SQLite file. One connection, used by one thread at a time; calls from others wait.
///
/// Within `transaction` and `withConnection` use the connection that the closure is given: calling the database
/// itself there is a recursive lock, which stops the process.
///
/// The file uses a rollback journal (`path-journal`), which needs no shared memory and so works on JFFS2 and over a
/// read-only mount. The journal is truncated at each commit, and every commit is synced (`synchronous=FULL`): what a
/// call has returned from survives power loss, as https://www.sqlite.org/atomiccommit.html describes. Where many
/// transactions follow one another, `beginSpan` lets them share a commit (`DatabaseSpan`).
public final class Database: Sendable {
    /// How a file is opened.
    public enum Mode: Sendable, Hashable {
        /// The file is created if it is missing; its folder must be there.
        case readWriteCreate
        /// Nothing is created or changed, no side file either. A transaction that a crash left behind is not rolled
        /// back in the file but in a copy in memory.
        case readOnly
    }

    /// The file, as it was given to `init`.
    public let path: String
    private let connection: Lock<DatabaseConnection>

    /// Opens the file and reads its header, so that a file that is no database throws here.
    ///
    /// - Parameter busyTimeout: how long a call waits for the lock of another process.
    public init(
        path: String, mode: Mode = .readWriteCreate, busyTimeout: Duration = .seconds(10)
    ) throws(DatabaseError) {
        self.path = path
        isReadOnly = mode == .readOnly
        switch mode {
        case .readWriteCreate:
            // 0600: who may read a database can keep others from writing it, by a lock. SQLite gives its journal the same.
            if !path.hasPrefix(":") {
                PrivateFile.make(path)
                PrivateFile.close(path + "-journal")
            }
            var connection = try DatabaseConnection(
                path: path, uri: Database.uri(path), flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                busyTimeout: busyTimeout)
            try connection.executeScript(
                "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
            _ = try connection.query("SELECT count(*) FROM sqlite_schema")
            if !path.hasPrefix(":") { try connection.recoverSpan() }
            self.connection = Lock(connection)
        case .readOnly:
            let connection = try Database.openReadOnly(path, busyTimeout)
            self.connection = Lock(try Database.withRedoLog(connection, path))
        }
    }

    /// What was committed last, with what a span has made durable since; then it is a copy in memory. A span that is
    /// committed meanwhile leaves either state.
    private static func withRedoLog(
        _ connection: consuming DatabaseConnection, _ path: String
    ) throws(DatabaseError) -> DatabaseConnection {
        let content: DatabaseRedoLog.Content?
        do throws(SystemError) { content = try DatabaseRedoLog.content(of: path) } catch {
            throw DatabaseError(error, path)
        }
        guard let content, !content.records.isEmpty || content.isDamaged else { return connection }
        let log = DatabaseRedoLog.path(of: path)
        var connection = connection
        var copy = try DatabaseConnection(path: path, uri: ":memory:", flags: SQLITE_OPEN_READWRITE, busyTimeout: .zero)
        // As whoever writes: rows go with those that they belong to.
        try copy.executeScript("PRAGMA foreign_keys = ON")
        // One look: nobody commits in between.
        try connection.execute("BEGIN")
        _ = try connection.query("SELECT count(*) FROM sqlite_schema")
        let now = try connection.generation()
        let isItsLog = content.generation ?? now == now
        if isItsLog { try copy.copy(connection) }
        try connection.execute("ROLLBACK")
        guard isItsLog else { return connection }
        do throws(DatabaseError) { try copy.replay(content.records) } catch {
            // What was committed is better than nothing; the next pass moves the log aside and says so.
            guard !error.isOfMachine else { throw error }
            connection.redoNotice =
                "\(log) cannot be carried out: \(error). What the last pass and operators had recorded in it is not shown"
            return connection
        }
        try copy.executeScript("PRAGMA query_only = ON")
        if content.isDamaged {
            copy.redoNotice =
                "\(log) is damaged. Of what the last pass and operators had recorded in it, something may not be known any more"
        }
        return copy
    }

    /// What became, or will, of the log of a crash that cannot be carried out, or not to its end; nil where none was in the
    /// way.
    public var redoNotice: String? { connection.withLock { $0.redoNotice } }

    /// Whether it was opened to read.
    public let isReadOnly: Bool

    // MARK: spans

    /// Gives the file a name that no other has, so that the log of another database is never taken for its own.
    public func drawName() throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in try connection.nameAnew() }
    }

    /// From here on transactions share one commit, until `endSpan`; see `DatabaseSpan`. Nothing where that is so already.
    public func beginSpan() throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in try connection.beginSpan() }
    }

    /// Commits what the transactions since `beginSpan` have changed; nothing where there is no span. After a failure the
    /// span goes on, and may be ended later.
    public func endSpan() throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in try connection.endSpan() }
    }

    /// Commits what the span has changed so far; it goes on. Nothing where there is no span.
    public func commitSpan() throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in try connection.commitSpan() }
    }

    private static func openReadOnly(_ path: String, _ timeout: Duration) throws(DatabaseError) -> DatabaseConnection {
        var attempts = 3
        while true {
            do throws(DatabaseError) {
                var connection = try DatabaseConnection(
                    path: path, uri: uri(path) + "?mode=ro", flags: SQLITE_OPEN_READONLY, busyTimeout: timeout)
                _ = try connection.query("SELECT count(*) FROM sqlite_schema")
                return connection
            } catch {
                attempts -= 1
                guard error.needsRollback, attempts > 0 else { throw error }
            }
            let image: [UInt8]?
            do throws(SystemError) {
                image = try DatabaseRollback.image(of: path)
            } catch {
                throw DatabaseError("open database", path: path, code: SQLITE_CANTOPEN, message: "\(error)")
            }
            // nil: somebody else has just rolled it back, or begun to write. Look again.
            guard let image else { continue }
            var connection = try DatabaseConnection(
                path: path, uri: ":memory:", flags: SQLITE_OPEN_READWRITE, busyTimeout: .zero)
            try connection.load(image)
            return connection
        }
    }

    /// Runs one statement and drops its rows.
    public func execute(_ sql: String, _ bindings: [SQLValue] = []) throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in
            guard connection.span != nil else { return try connection.execute(sql, bindings) }
            try connection.transactionInSpan(isDurable: true) { (c: inout DatabaseConnection) throws(DatabaseError) in
                try c.execute(sql, bindings)
            }
        }
    }

    /// Runs any number of statements without parameters, separated by semicolons.
    public func executeScript(_ sql: String) throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in
            guard connection.span == nil else {
                throw DatabaseError(
                    "run a script in database", path: path, code: SQLITE_MISUSE, message: "a span is open")
            }
            try connection.executeScript(sql)
        }
    }

    /// All rows of one statement. For results without a small bound take `forEachRow`.
    public func query(_ sql: String, _ bindings: [SQLValue] = []) throws(DatabaseError) -> [Row] {
        try withConnection { connection throws(DatabaseError) in try connection.query(sql, bindings) }
    }

    /// Calls `body` with each row in turn, with one row in memory at a time. `body` returns false to stop; it must
    /// not use this database.
    public func forEachRow(
        _ sql: String, _ bindings: [SQLValue] = [], _ body: (Row) throws(DatabaseError) -> Bool
    ) throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in try connection.forEachRow(sql, bindings, body) }
    }

    /// Runs `body` in one transaction, see `DatabaseConnection.transaction`.
    /// - Parameter isDurable: false where a power cut may take it back, until the next transaction of the span that is
    ///   durable, or its end. Outside a span every transaction is.
    public func transaction<Result: Sendable>(
        isDurable: Bool = true,
        _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        try withConnection { connection throws(DatabaseError) in
            guard connection.span != nil else { return try connection.transaction(body) }
            return try connection.transactionInSpan(isDurable: isDurable, body)
        }
    }

    /// Runs `body` in one transaction that costs two syncs, and not four (`synchronous=NORMAL`), and one more for the name of the
    /// rollback journal the first time: the file stays whole, but a
    /// power cut may take back the last one. In a span it is one that is not durable by itself.
    public func relaxedTransaction<Result: Sendable>(
        _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        try withConnection { connection throws(DatabaseError) in
            guard connection.span == nil else { return try connection.transactionInSpan(isDurable: false, body) }
            try connection.executeScript("PRAGMA synchronous = NORMAL")
            let result: Result
            do throws(DatabaseError) { result = try connection.transaction(body) } catch {
                try connection.executeScript("PRAGMA synchronous = FULL")
                throw error
            }
            try connection.executeScript("PRAGMA synchronous = FULL")
            return result
        }
    }

    /// Does work on a file that nobody relies on yet, without a sync (`synchronous=OFF`): a power cut may leave it damaged,
    /// until `FileTree.syncFile` or a later transaction has made all of it durable.
    public func withoutSyncs<Result: Sendable>(
        _ work: () throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        // SQLite opens to read what it could not open to write, and says so late, and not why.
        guard try !withConnection({ connection throws(DatabaseError) in connection.isReadOnlyFile }) else {
            throw DatabaseError(
                "write", path: path, code: SQLITE_READONLY, message: "read-only file system", systemCode: EROFS)
        }
        try executeScript("PRAGMA synchronous = OFF")
        let result: Result
        do throws(DatabaseError) { result = try work() } catch {
            try executeScript("PRAGMA synchronous = FULL")
            throw error
        }
        try executeScript("PRAGMA synchronous = FULL")
        return result
    }

    /// Lends the connection for several calls in a row.
    public func withConnection<Result: Sendable>(
        _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        try connection.withLock { connection throws(DatabaseError) in
            try connection.restoreSpan()
            return try body(&connection)
        }
    }

    /// The integer kept for the schema's version: `PRAGMA user_version`.
    public func userVersion() throws(DatabaseError) -> Int {
        try withConnection { connection throws(DatabaseError) in try connection.userVersion() }
    }

    /// Sets the schema's version.
    public func setUserVersion(_ version: Int) throws(DatabaseError) {
        try withConnection { connection throws(DatabaseError) in try connection.setUserVersion(version) }
    }

    /// The path as a URI, with everything escaped that is not plain in one (https://www.sqlite.org/uri.html).
    static func uri(_ path: String) -> String {
        // An empty authority, so that a path that begins with two slashes is not taken for a host.
        var uri = path.hasPrefix("/") ? "file://" : "file:"
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "-")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                uri.unicodeScalars.append(Unicode.Scalar(byte))
            default: uri += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
            }
        }
        return uri
    }
}
