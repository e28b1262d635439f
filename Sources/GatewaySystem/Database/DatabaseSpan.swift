internal import CSQLite
internal import Glibc

/// Several transactions in a row that share one commit: `DatabaseRedoLog` keeps each of them at once, and makes those durable
/// that have to be, at the cost of one sync.
///
/// While a span is open, SQLite has one transaction open and holds the lock that keeps others from writing (RESERVED);
/// they read what was committed last, with the log's records on top (`Database.Mode.readOnly`).
struct DatabaseSpan {
    /// nil until the first record.
    var log: DatabaseRedoLogBox?
    let generation: Int64
}

/// A log that can be kept in a structure that is copied.
final class DatabaseRedoLogBox {
    var log: DatabaseRedoLog
    init(_ log: consuming DatabaseRedoLog) { self.log = log }
}

extension DatabaseConnection {
    /// Bytes of a log after which the span is committed and another one begun.
    static let redoLimit: Int64 = 1 << 20

    /// Begins a span; nothing where one is open already.
    mutating func beginSpan() throws(DatabaseError) {
        guard span == nil else { return }
        // A page that does not fit into memory would need the lock that keeps readers out.
        try executeScript("PRAGMA cache_spill = OFF")
        try execute("BEGIN IMMEDIATE")
        do throws(DatabaseError) {
            span = DatabaseSpan(generation: try generation())
        } catch {
            try? execute("ROLLBACK")
            throw error
        }
    }

    /// Commits what the span has changed, with the five syncs of SQLite, and ends it; one that has changed nothing costs
    /// nothing. After a failure the span is still open, and nothing is lost of what was durable.
    mutating func endSpan() throws(DatabaseError) {
        guard let open = span else { return }
        if let log = open.log, log.log.end > 0 {
            if !isInTransaction { try reopenSpan() }
            try executeScript("PRAGMA application_id = \(Int32.random(in: 1...Int32.max))")
            try execute("COMMIT")
            log.log.empty()
        } else if isInTransaction {
            try execute("ROLLBACK")
        }
        span = nil
    }

    /// One transaction of a span. When this returns it outlives this process; one that `isDurable` outlives a power cut too,
    /// with all that came before in the span. One that is not does so from the next one on that is, or the span's end.
    mutating func transactionInSpan<Result>(
        isDurable: Bool, _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        if let log = span?.log, log.log.isBroken || log.log.end > DatabaseConnection.redoLimit {
            try endSpan()
            try beginSpan()
        }
        // SQLite has given the whole transaction up, as it does when a disk is full.
        if !isInTransaction { try reopenSpan() }
        recorded = []
        isRecording = true
        defer { isRecording = false }
        return try transaction { (c: inout DatabaseConnection) throws(DatabaseError) in
            let result = try body(&c)
            try c.keepRecorded(isDurable: isDurable)
            return result
        }
    }

    /// Writes what a transaction of the span has changed into the log.
    private mutating func keepRecorded(isDurable: Bool) throws(DatabaseError) {
        guard let open = span else { return }
        do throws(SystemError) {
            guard !recorded.isEmpty else {
                if isDurable, let box = open.log { try box.log.sync() }
                return
            }
            let box: DatabaseRedoLogBox
            if let known = open.log {
                box = known
            } else {
                box = DatabaseRedoLogBox(try DatabaseRedoLog(of: path, generation: open.generation))
                span?.log = box
            }
            try box.log.append(recorded, isDurable: isDurable)
        } catch {
            throw DatabaseError(error, path)
        }
    }

    /// Makes again what SQLite has rolled back.
    private mutating func reopenSpan() throws(DatabaseError) {
        guard let open = span else { return }
        try execute("BEGIN IMMEDIATE")
        do throws(DatabaseError) {
            var records: [[RedoStatement]] = []
            do throws(SystemError) { if let box = open.log { records = try box.log.records() } } catch {
                throw DatabaseError(error, path)
            }
            try replay(records)
        } catch {
            if isInTransaction { try? execute("ROLLBACK") }
            throw error
        }
    }

    mutating func replay(_ records: [[RedoStatement]]) throws(DatabaseError) {
        for record in records {
            for statement in record { try execute(statement.sql, statement.bindings) }
        }
    }

    /// Carries out what a crash has left in the log, and empties it.
    mutating func recoverSpan() throws(DatabaseError) {
        let content: DatabaseRedoLog.Content?
        do throws(SystemError) { content = try DatabaseRedoLog.content(of: path) } catch {
            throw DatabaseError(error, path)
        }
        guard let content, !content.records.isEmpty, content.generation == (try generation()) else { return }
        do throws(DatabaseError) { try execute("BEGIN IMMEDIATE") } catch {
            // Whoever began the span is alive and has the lock.
            guard error.isBusy else { throw error }
            return
        }
        do throws(DatabaseError) {
            try replay(content.records)
            try executeScript("PRAGMA application_id = \(Int32.random(in: 1...Int32.max))")
            try execute("COMMIT")
        } catch {
            if isInTransaction { try? execute("ROLLBACK") }
            throw error
        }
        // The next span does it otherwise.
        _ = truncate(DatabaseRedoLog.path(of: path), 0)
    }

    /// Changes with each commit of a span.
    mutating func generation() throws(DatabaseError) -> Int64 {
        try query("PRAGMA application_id").first?[0].int ?? 0
    }
}

extension DatabaseError {
    /// A failed call on the log beside a database.
    init(_ error: SystemError, _ path: String) {
        self.init(
            error.action, path: path, code: error.isNoSpace ? SQLITE_FULL : SQLITE_IOERR, message: error.description,
            systemCode: error.code)
    }
}
