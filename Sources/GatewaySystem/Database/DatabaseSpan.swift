internal import CLinux
internal import CSQLite
internal import Glibc

/// Several transactions in a row that share one commit: `DatabaseRedoLog` keeps each of them at once, and makes those durable
/// that have to be, at the cost of one sync.
///
/// While a span is open, SQLite has one transaction open and holds the lock that keeps others from writing (RESERVED);
/// they read what was committed last, with the log's records on top (`Database.Mode.readOnly`).
///
/// SQLite gives its transaction up when a disk is full or fails. The span then goes on: whoever uses the connection next
/// finds all of it again, from the log (`restoreSpan`).
struct DatabaseSpan {
    /// nil until the first record.
    var log: DatabaseRedoLogBox?
    let generation: DatabaseGeneration
    /// The name of SQLite's rollback journal as it was when the span began; nil where there was none.
    let journalName: DurableName?
}

/// Which commit a database has come to. A redo log belongs to one, and to none that came later.
struct DatabaseGeneration: Sendable, Hashable {
    /// `application_id`: drawn anew at each commit of a span, so that no other copy of the database has the same.
    var name: Int32
    /// The file change counter: each commit raises it, by any program (https://www.sqlite.org/fileformat.html, 1.3.7).
    var changeCounter: UInt32
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
        guard span == nil else { return try restoreSpan() }
        // What somebody has left here since this was opened; mostly one look at an empty file.
        try recoverSpan()
        // A page that does not fit into memory would need the lock that keeps readers out.
        try executeScript("PRAGMA cache_spill = OFF")
        try execute("BEGIN IMMEDIATE")
        do throws(DatabaseError) {
            span = DatabaseSpan(generation: try generation(), journalName: DurableName(path + "-journal"))
        } catch {
            try? execute("ROLLBACK")
            throw error
        }
    }

    /// Commits what the span has changed, with the four or five syncs of SQLite, and ends it; one that has changed nothing costs
    /// nothing. After a failure the span is still open, and nothing is lost that is in its log.
    mutating func endSpan() throws(DatabaseError) {
        try restoreSpan()
        guard let open = span else { return }
        if open.log.map({ $0.log.end > 0 || $0.log.isBroken }) ?? false {
            do throws(DatabaseError) {
                try nameAnew()
                gwe_sqlite_set_name_durable(open.journalName?.isDurable == true ? 1 : 0)
                defer { gwe_sqlite_set_name_durable(0) }
                try execute("COMMIT")
            } catch {
                // Readers would be kept out until the next try (PENDING).
                if isInTransaction { try? execute("ROLLBACK") }
                throw error
            }
            open.log?.log.empty()
        } else if isInTransaction {
            try execute("ROLLBACK")
        }
        span = nil
    }

    /// Commits what the span has changed so far; it goes on. Nothing where there is no span.
    mutating func commitSpan() throws(DatabaseError) {
        guard span != nil else { return }
        try endSpan()
        try beginSpan()
    }

    /// One transaction of a span. When this returns it outlives this process; one that `isDurable` outlives a power cut too,
    /// with all that came before in the span. One that is not does so from the next one on that is, or the span's end.
    mutating func transactionInSpan<Result>(
        isDurable: Bool, _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        if let log = span?.log, log.log.isBroken || log.log.end > DatabaseConnection.redoLimit {
            try commitSpan()
        }
        try restoreSpan()
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

    /// Makes again what SQLite has rolled back of the span; nothing while its transaction is open.
    ///
    /// A commit that was told to have failed may have taken effect. Then another one has to say that it is durable before the
    /// log is emptied: a power cut may bring the rollback journal back. A new span begins.
    mutating func restoreSpan() throws(DatabaseError) {
        guard let open = span, !isInTransaction else { return }
        try execute("BEGIN IMMEDIATE")
        do throws(DatabaseError) {
            if try generation() != open.generation {
                try nameAnew()
                try execute("COMMIT")
                open.log?.log.empty()
                try execute("BEGIN IMMEDIATE")
                span = DatabaseSpan(generation: try generation(), journalName: DurableName(path + "-journal"))
                return
            }
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

    /// Carries out what a crash has left in the log, and empties it. A log that belongs to the database as it is, or may, and
    /// cannot be carried out to its end is moved aside (`<database>-redo.broken-N`); `redoNotice` says so.
    mutating func recoverSpan() throws(DatabaseError) {
        DatabaseRedoLog.repairMode(of: path)
        guard try redoContent() != nil else { return }
        try execute("BEGIN IMMEDIATE")
        let isDamaged: Bool
        do throws(DatabaseError) {
            // Read again: whoever had the lock may have committed.
            let now = try generation()
            guard let content = try redoContent(), !content.records.isEmpty || content.isDamaged,
                content.generation ?? now == now
            else {
                try execute("ROLLBACK")
                return
            }
            isDamaged = content.isDamaged
            do throws(DatabaseError) { try replay(content.records) } catch {
                guard !error.isOfMachine, !error.isBusy, !error.isFull, !error.isCorrupt else { throw error }
                try execute("ROLLBACK")
                return try setRedoAside("could not be carried out: \(error)")
            }
            if content.records.isEmpty {
                try execute("ROLLBACK")
            } else {
                try nameAnew()
                try execute("COMMIT")
            }
        } catch {
            if isInTransaction { try? execute("ROLLBACK") }
            throw error
        }
        if isDamaged { return try setRedoAside("is damaged") }
        // Void by now. The next span empties it where this fails.
        _ = truncate(DatabaseRedoLog.path(of: path), 0)
    }

    private func redoContent() throws(DatabaseError) -> DatabaseRedoLog.Content? {
        do throws(SystemError) { return try DatabaseRedoLog.content(of: path) } catch {
            throw DatabaseError(error, path)
        }
    }

    private mutating func setRedoAside(_ why: String) throws(DatabaseError) {
        let log = DatabaseRedoLog.path(of: path)
        var number = 1
        while FileTree.exists("\(log).broken-\(number)") { number += 1 }
        guard rename(log, "\(log).broken-\(number)") == 0 else {
            throw DatabaseError(SystemError.last("move \(log) aside"), path)
        }
        redoNotice =
            "\(log) \(why); moved to \(log).broken-\(number). Of what the last pass and operators had recorded in it, "
            + "something may not be known any more"
    }

    mutating func nameAnew() throws(DatabaseError) {
        try executeScript("PRAGMA application_id = \(Int32.random(in: 1...Int32.max))")
    }

    /// Of the transaction that is open, or of the last commit.
    mutating func generation() throws(DatabaseError) -> DatabaseGeneration {
        let name = try query("PRAGMA application_id").first?[0].int ?? 0
        var counter: UInt32 = 0
        let code = gwe_sqlite_change_counter(handle, &counter)
        guard code == SQLITE_OK else {
            throw DatabaseError(
                "read database", path: path, code: code,
                message: sqlite3_errstr(code).map { String(cString: $0) } ?? "", systemCode: gwe_sqlite_failed_errno())
        }
        return DatabaseGeneration(name: Int32(truncatingIfNeeded: name), changeCounter: counter)
    }
}

extension DatabaseError {
    /// A failed call on the log beside a database.
    init(_ error: SystemError, _ path: String) {
        self.init(
            "use the log", path: DatabaseRedoLog.path(of: path), code: error.isNoSpace ? SQLITE_FULL : SQLITE_IOERR,
            message: error.description, systemCode: error.code)
    }
}
