internal import Glibc
public import GatewayModel
internal import GatewaySystem

/// A journal that cannot be used. The pass must not touch anything.
public struct JournalError: Error, Sendable, CustomStringConvertible {
    public var description: String
    /// Whether the file or its folder cannot be written, as opposed to read.
    public var isUnwritable = false
    public var isNoSpace = false

    init(_ description: String) { self.description = description }

    init(_ error: DatabaseError) {
        description = "\(error)"
        isUnwritable = error.isReadOnly || error.cannotOpen
        isNoSpace = error.isFull
    }
}

/// The install journal: what gwe was told, what it installed, what it tried. SQLite in `<state>/journal.db`.
///
/// Everything is recorded before its effect and confirmed after it; a crash at any point leaves the journal as it was
/// before or after one call. The journal is the inventory: only what it installed is ever removed.
public final class Journal: Sendable {
    let database: Database
    let clock: @Sendable () -> WallTime
    /// What happened at opening that a person should know: a rebuild.
    public let notice: String?

    private init(database: Database, clock: @escaping @Sendable () -> WallTime, notice: String?) {
        self.database = database
        self.clock = clock
        self.notice = notice
    }

    /// Opens the journal for a pass, creating or migrating it. The caller holds the state lock.
    ///
    /// A file that is corrupt or empty is moved aside (`journal.db.broken-N`) and rebuilt from the release folders;
    /// `notice` then says so. A file of a newer gwe is left alone and refused.
    public static func open(folders: Folders, clock: @escaping @Sendable () -> WallTime) throws(JournalError) -> Journal {
        let path = folders.journalFile
        do throws(DatabaseError) {
            let isEmptyFile = FileTree.byteCount(ofFile: path) == 0
            if !isEmptyFile { return try opened(path: path, folders: folders, clock: clock) }
        } catch where error.isCorrupt {
            return try rebuilt(folders: folders, clock: clock, because: "\(error)")
        } catch {
            throw refusal(of: error)
        }
        return try rebuilt(folders: folders, clock: clock, because: "\(path) is empty")
    }

    /// Opens the journal to look at it; nil when there is none. Writes nothing anywhere. A file of an older version is
    /// read as far as it goes; a corrupt one throws.
    public static func openReadOnly(
        folders: Folders, clock: @escaping @Sendable () -> WallTime
    ) throws(JournalError) -> Journal? {
        guard let size = FileTree.byteCount(ofFile: folders.journalFile), size > 0 else { return nil }
        let database: Database
        let version: Int
        do throws(DatabaseError) {
            database = try Database(path: folders.journalFile, mode: .readOnly)
            version = try database.userVersion()
        } catch {
            throw JournalError(error)
        }
        if version > JournalSchema.version { throw refusal(version: version, path: folders.journalFile) }
        // Just created: a crash came before the first migration.
        return version == 0 ? nil : Journal(database: database, clock: clock, notice: nil)
    }

    private static func opened(
        path: String, folders: Folders, clock: @escaping @Sendable () -> WallTime
    ) throws(DatabaseError) -> Journal {
        let isNew = FileTree.byteCount(ofFile: path) == nil
        let database = try Database(path: path)
        if isNew { chmod(path, 0o600) }
        guard try JournalSchema.migrate(database) else {
            throw DatabaseError(
                "open journal", path: path, code: 1,
                message: "it was written by a newer gwe (schema \(try database.userVersion()), this one knows "
                    + "\(JournalSchema.version))")
        }
        let check = try database.query("PRAGMA quick_check(1)").first?[0].string
        guard check == nil || check == "ok" else {
            throw DatabaseError("check journal", path: path, code: 11, message: check ?? "")
        }
        let journal = Journal(database: database, clock: clock, notice: nil)
        guard isNew, try journal.adoptReleases(below: folders) > 0 else { return journal }
        return Journal(
            database: database, clock: clock,
            notice: "\(path) was missing; it was rebuilt from the release folders")
    }

    private static func rebuilt(
        folders: Folders, clock: @escaping @Sendable () -> WallTime, because reason: String
    ) throws(JournalError) -> Journal {
        let path = folders.journalFile
        var number = 1
        while FileTree.byteCount(ofFile: "\(path).broken-\(number)") != nil { number += 1 }
        let aside = "\(path).broken-\(number)"
        guard rename(path, aside) == 0 else { throw JournalError("\(SystemError.last("move \(path) to \(aside)"))") }
        // A rollback journal belongs to the file that was moved; left behind it would be played into the new one.
        unlink(path + "-journal")
        do throws(DatabaseError) {
            let database = try Database(path: path)
            chmod(path, 0o600)
            _ = try JournalSchema.migrate(database)
            let journal = Journal(database: database, clock: clock, notice: nil)
            let count = try journal.adoptReleases(below: folders)
            return Journal(
                database: database, clock: clock,
                notice: "\(reason); moved to \(aside) and rebuilt from the release folders: \(count) apps found. "
                    + "Nothing is removed until a manifest or a command arrives")
        } catch {
            throw JournalError(error)
        }
    }

    private static func refusal(of error: DatabaseError) -> JournalError { JournalError(error) }

    private static func refusal(version: Int, path: String) -> JournalError {
        JournalError(
            "cannot open journal \(path): it was written by a newer gwe (schema \(version), this one knows "
                + "\(JournalSchema.version))")
    }

    /// One transaction. Everything that a step changes in the journal goes through one.
    func write<Result: Sendable>(
        _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(JournalError) -> Result {
        do throws(DatabaseError) { return try database.transaction(body) } catch { throw JournalError(error) }
    }

    func read(_ sql: String, _ bindings: [SQLValue] = []) throws(JournalError) -> [Row] {
        do throws(DatabaseError) { return try database.query(sql, bindings) } catch { throw JournalError(error) }
    }

    /// A single value kept under a name; nil when there is none.
    func value(_ key: String) throws(JournalError) -> String? {
        try read("SELECT value FROM meta WHERE key = ?", [.text(key)]).first?[0].string
    }

    func setValue(_ key: String, _ value: String?) throws(JournalError) {
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
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
