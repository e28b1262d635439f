internal import Glibc
public import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// A journal that cannot be used. The pass must not touch anything.
public struct JournalError: Error, Sendable, CustomStringConvertible {
    /// What failed, in one line for people.
    public var description: String
    /// Whether the file or its folder cannot be written, as opposed to read.
    public var isUnwritable = false
    /// Whether the disk is full.
    public var isNoSpace = false
    /// Whether the journal is somebody else's, or on a disk that may only be read.
    public var isNotPermitted = false
    /// Whether it can be read and not be written, as on a file system that went read-only.
    public var isReadOnly = false
    /// Whether this machine is the cause, and the same may succeed in a minute.
    public var isOfMachine = false

    /// What a command ends with that cannot go on without the journal.
    public var exit: ExitStatus {
        isNotPermitted || isReadOnly ? .notPermitted : isNoSpace ? .noSpace : .inputOutputError
    }

    init(_ description: String) { self.description = description }

    /// The same of a daemon that goes on without writing: the place first, and an exit that says what is the matter.
    func unwritable(_ stateFolder: String) -> JournalError {
        var error = self
        if !isNoSpace { error.isReadOnly = true }
        error.description = "\(stateFolder) takes no writes: \(description)"
        return error
    }

    init(_ error: DatabaseError) {
        description = "\(error)"
        isUnwritable = error.isReadOnly || error.cannotOpen
        isReadOnly = error.isReadOnly
        isNoSpace = error.isFull
        isNotPermitted = error.isReadOnlyFileSystem
        isOfMachine = error.isOfMachine || error.isReadOnly
    }
}

/// The install journal: what gwe was told, what it installed, what it tried. SQLite in `<state>/journal.db`.
///
/// Everything is recorded before its effect and confirmed after it; a crash at any point leaves the journal as it was
/// before or after one call. The journal is the inventory: only what it installed is ever removed.
public final class Journal: Sendable {
    /// What becomes another once the file can be written.
    private struct Current: Sendable {
        var database: Database
        var trouble: JournalError?
        var imaginedBecause: String?
        var reserve: StateReserve?
    }

    private let current: Lock<Current>
    /// The file; or, while that takes no writes, what can be read of it.
    var database: Database { current.withLock(\.database) }
    /// Why nothing can be written to it; nil where it can be.
    var trouble: JournalError? { current.withLock(\.trouble) }
    let clock: @Sendable () -> WallTime
    /// Why this is not a file but what the next pass would rebuild, in memory.
    var imaginedBecause: String? { current.withLock(\.imaginedBecause) }
    /// What is given up when the disk is full; nil for a journal that is only read or not in place yet.
    var reserve: StateReserve? { current.withLock(\.reserve) }
    /// What `noteTime` wrote last.
    let notedTime = Lock<WallTime?>(nil)

    init(
        database: Database, clock: @escaping @Sendable () -> WallTime, imaginedBecause: String? = nil,
        trouble: JournalError? = nil, reserve: StateReserve? = nil
    ) {
        current = Lock(
            Current(database: database, trouble: trouble, imaginedBecause: imaginedBecause, reserve: reserve))
        self.clock = clock
    }

    /// Opens the journal for a pass, creating or migrating it. The caller holds the state lock.
    ///
    /// A file that is corrupt or empty is moved aside (`journal.db.broken-N`); then, and where it is missing, it is
    /// rebuilt from the release folders, and `notice()` says so until a pass has told it. A file of a newer gwe is left
    /// alone and refused.
    public static func open(folders: Folders, clock: @escaping @Sendable () -> WallTime) throws(JournalError) -> Journal
    {
        let path = folders.journalFile
        var reason = "\(path) was missing"
        if FileTree.exists(path) {
            guard let size = FileTree.byteCount(ofFile: path) else {
                var error = JournalError("cannot open journal \(path): it is no regular file")
                error.isUnwritable = true
                throw error
            }
            do throws(DatabaseError) {
                if size > 0 { return try opened(folders, clock: clock) }
                reason = "\(path) is empty"
            } catch {
                // A read that failed once may succeed, and what lacks for a moment is there after one.
                if [EIO, EMFILE, ENFILE, ENOMEM].contains(error.systemCode) {
                    usleep(100_000)
                    if let journal = try? opened(folders, clock: clock) { return journal }
                }
                guard error.isCorrupt else { throw refusal(of: error) }
                do throws(DatabaseError) {
                    let again = try DatabaseDamage.lookedAtAgain(path) { () throws(DatabaseError) in
                        try opened(folders, clock: clock)
                    }
                    if let again { return again }
                } catch {
                    throw refusal(of: error)
                }
                reason = "\(error)"
            }
            let aside = try moveAside(path)
            reason += "; moved to \(aside)"
        }
        try create(folders: folders, clock: clock, because: reason)
        do throws(DatabaseError) { return try opened(folders, clock: clock) } catch { throw refusal(of: error) }
    }

    /// Opens the journal to look at it; nil when there is none and nothing is installed. Writes nothing anywhere. A
    /// file of an older version is read as far as it goes; in place of a lost one stands, in memory, what the next
    /// pass would rebuild, and `notice()` says so.
    public static func openReadOnly(
        folders: Folders, clock: @escaping @Sendable () -> WallTime
    ) throws(JournalError) -> Journal? {
        let path = folders.journalFile
        // SQLite says only that it cannot open the file; a folder that may not be entered looks like an empty one.
        if access(path, R_OK) != 0, errno == EACCES {
            var error = JournalError("\(SystemError.last("read journal \(path)"))")
            error.isNotPermitted = true
            throw error
        }
        guard FileTree.exists(path) else { return try imagined(folders, clock, because: "\(path) is missing") }
        // A FIFO would be waited for.
        guard let size = FileTree.byteCount(ofFile: path) else {
            throw JournalError("cannot open journal \(path): it is no regular file")
        }
        guard size > 0 else { return try imagined(folders, clock, because: "\(path) is empty") }
        let database: Database
        let version: Int
        do throws(DatabaseError) {
            (database, version) = try openedReadOnly(path)
        } catch {
            guard error.isCorrupt, error.systemCode == 0 else { throw JournalError(error) }
            return try imagined(folders, clock, because: "\(error)", isLost: true)
        }
        if version > JournalSchema.version { throw refusal(version: version, path: path) }
        // A first pass was stopped before it had written anything.
        if version == 0 { return try imagined(folders, clock, because: "\(path) is empty") }
        return Journal(database: database, clock: clock)
    }

    /// Opens a journal that takes no writes, for a daemon that runs what it knows; writes nothing anywhere. Where there is
    /// none, what the release folders tell stands in its place, in memory.
    static func openUnwritable(
        folders: Folders, clock: @escaping @Sendable () -> WallTime, because trouble: JournalError
    ) throws(JournalError) -> Journal {
        if let journal = try openReadOnly(folders: folders, clock: clock) {
            return Journal(
                database: journal.database, clock: clock, imaginedBecause: journal.imaginedBecause, trouble: trouble)
        }
        do throws(DatabaseError) {
            let database = try Database(path: ":memory:")
            _ = try JournalSchema.migrate(database)
            return Journal(database: database, clock: clock, trouble: trouble)
        } catch {
            throw JournalError(error)
        }
    }

    /// Tries to open the file to write, where that could not be so far. The caller holds the state lock.
    /// - Throws: why it still cannot be written.
    func becomeWritable(folders: Folders) throws(JournalError) {
        guard trouble != nil else { return }
        do throws(JournalError) {
            let journal = try Journal.open(folders: folders, clock: clock)
            let now = Current(database: journal.database, reserve: journal.reserve)
            current.withLock { $0 = now }
        } catch {
            let trouble = error.isUnwritable || error.isNoSpace ? error.unwritable(folders.stateFolder) : error
            current.withLock { $0.trouble = trouble }
            throw trouble
        }
    }

    /// Once more where a read failed.
    private static func openedReadOnly(_ path: String) throws(DatabaseError) -> (Database, version: Int) {
        func open() throws(DatabaseError) -> (Database, version: Int) {
            let database = try Database(path: path, mode: .readOnly)
            return (database, try database.userVersion())
        }
        do throws(DatabaseError) { return try open() } catch {
            guard error.systemCode == EIO else { throw error }
            return try open()
        }
    }

    private static func opened(
        _ folders: Folders, clock: @escaping @Sendable () -> WallTime
    ) throws(DatabaseError) -> Journal {
        let path = folders.journalFile
        let database = try withReserve(of: folders) { () throws(DatabaseError) in try Database(path: path) }
        guard try JournalSchema.migrate(database) else {
            throw DatabaseError(
                "open journal", path: path, code: 1,
                message: "it was written by a newer gwe (schema \(try database.userVersion()), this one knows "
                    + "\(JournalSchema.version))")
        }
        try requireWritable(database, path)
        let check = try database.query("PRAGMA quick_check(1)").first?[0].string
        guard check == nil || check == "ok" else {
            // "unable to get the page. error code=N" is a read that failed, told like damage (SQLITE_IOERR, 10).
            let number = check?.split(separator: "=").last.flatMap { Int32($0) } ?? 0
            throw DatabaseError(
                "check journal", path: path, code: 11, message: check ?? "", systemCode: number & 0xFF == 10 ? EIO : 0)
        }
        if let notice = database.redoNotice {
            // Beside what no pass has told yet.
            try database.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) "
                    + "ON CONFLICT (key) DO UPDATE SET value = value || '; ' || excluded.value",
                [.text(noticeKey), .text(notice)])
        }
        return Journal(database: database, clock: clock, reserve: StateReserve(folders: folders))
    }

    /// What a crash has left has to be carried out on a full disk, too.
    private static func withReserve<Opened>(
        of folders: Folders, _ open: () throws(DatabaseError) -> Opened
    ) throws(DatabaseError) -> Opened {
        let reserve = StateReserve(folders: folders)
        do throws(DatabaseError) { return try open() } catch {
            guard error.isFull, reserve.giveUp() || reserve.giveUpDownloads() else { throw error }
        }
        do throws(DatabaseError) { return try open() } catch {
            guard error.isFull, reserve.giveUpDownloads() else { throw error }
        }
        return try open()
    }

    /// A journal that can be read but not written is found out before anything happens, not at the first step. Changes
    /// nothing: the lock that it takes is given back.
    private static func requireWritable(_ database: Database, _ path: String) throws(DatabaseError) {
        let folder = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        if let info = try? FileSystemInfo(containing: folder), info.isReadOnly {
            throw DatabaseError("open journal", path: path, code: 8, message: "read-only", systemCode: EROFS)
        }
        try database.execute("BEGIN IMMEDIATE")
        try database.execute("ROLLBACK")
        // SQLite makes its rollback journal beside the file.
        guard access(folder, W_OK) == 0 else {
            // SQLITE_READONLY (https://www.sqlite.org/rescode.html).
            throw DatabaseError("open journal", path: path, code: 8, message: "read-only", systemCode: errno)
        }
    }

    private static func refusal(of error: DatabaseError) -> JournalError { JournalError(error) }

    private static func refusal(version: Int, path: String) -> JournalError {
        JournalError(
            "cannot open journal \(path): it was written by a newer gwe (schema \(version), this one knows "
                + "\(JournalSchema.version))")
    }

    /// One transaction. Everything that a step changes in the journal goes through one.
    ///
    /// On a full disk the reserve is given up for it, then parts of downloads: `body` may run more than once, each time in
    /// a transaction of its own, and the ones before have left nothing.
    /// - Parameter isDurable: whether it has to be on the disk when this returns. What does not becomes durable with the
    ///   next write of the pass that does, and never before something that came earlier (docs/architecture.md). Outside a
    ///   pass everything is.
    func write<Result: Sendable>(
        isDurable: Bool = true, _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(JournalError) -> Result {
        // What stands in for the file in memory would take it, and keep nothing.
        if let trouble { throw trouble }
        return try withReserve { () throws(DatabaseError) in try transaction(isDurable, body) }
    }

    /// On a full disk the reserve is given up for `work`, then parts of downloads.
    private func withReserve<Result>(_ work: () throws(DatabaseError) -> Result) throws(JournalError) -> Result {
        do throws(DatabaseError) {
            do throws(DatabaseError) { return try work() } catch {
                guard error.isFull, let reserve, reserve.giveUp() || reserve.giveUpDownloads() else { throw error }
            }
            defer { reserve?.takeBack() }
            do throws(DatabaseError) { return try work() } catch {
                guard error.isFull, let reserve, reserve.giveUpDownloads() else { throw error }
            }
            return try work()
        } catch {
            throw JournalError(error)
        }
    }

    /// Does the work of a pass: all that is written in it shares one commit of SQLite, at the end, and what has to be
    /// durable before that costs one sync each. A crash leaves what was durable; opening the journal carries it out.
    func span<Result>(_ work: () throws(JournalError) -> Result) throws(JournalError) -> Result {
        guard trouble == nil, imaginedBecause == nil else { return try work() }
        let database = database
        do throws(DatabaseError) { try database.beginSpan() } catch { throw JournalError(error) }
        let result: Result
        do throws(JournalError) { result = try work() } catch {
            FaultPoint.pass("journal.span")
            // Why the pass failed is what counts; the span goes on with the next one.
            try? withReserve { () throws(DatabaseError) in try database.endSpan() }
            throw error
        }
        FaultPoint.pass("journal.span")
        try withReserve { () throws(DatabaseError) in try database.endSpan() }
        FaultPoint.pass("journal.committed")
        return result
    }

    /// Puts what the log of a running pass holds into the journal itself, at the cost of a commit. A failure is no loss: all
    /// of it is in the log, and the pass commits again.
    func commitSpan() { try? database.commitSpan() }

    private func transaction<Result: Sendable>(
        _ isDurable: Bool, _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        try database.transaction(isDurable: isDurable) { (c: inout DatabaseConnection) throws(DatabaseError) in
            let before = try c.changeCount()
            let result = try body(&c)
            if try c.changeCount() != before { try noteTime(in: &c) }
            return result
        }
    }

    func read(_ sql: String, _ bindings: [SQLValue] = []) throws(JournalError) -> [Row] {
        do throws(DatabaseError) {
            do throws(DatabaseError) { return try database.query(sql, bindings) } catch {
                // A read that failed once may succeed: apps need not wait for the next pass.
                guard error.systemCode == EIO || error.systemCode == EINTR else { throw error }
            }
            return try database.query(sql, bindings)
        } catch {
            throw JournalError(error)
        }
    }

    /// A single value kept under a name; nil when there is none.
    func value(_ key: String) throws(JournalError) -> String? {
        try read("SELECT value FROM meta WHERE key = ?", [.text(key)]).first?[0].string
    }

    /// - Parameter isDurable: see `write`.
    func setValue(_ key: String, _ value: String?, isDurable: Bool = true) throws(JournalError) {
        try write(isDurable: isDurable) { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.setValue(key, value)
        }
    }
}

extension DatabaseConnection {
    /// Keeps a single value under a name; nil forgets it.
    mutating func setValue(_ key: String, _ value: String?) throws(DatabaseError) {
        guard let value else { return try execute("DELETE FROM meta WHERE key = ?", [.text(key)]) }
        try execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", [.text(key), .text(value)])
    }
}
