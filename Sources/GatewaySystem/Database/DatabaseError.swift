internal import CSQLite
internal import Documents
internal import Glibc

/// A failed call of SQLite. Reads "cannot read /var/lib/gwe/journal.db: database disk image is malformed (11)", and where
/// this machine is the cause "the disk of /var/lib/gwe is full: cannot write /var/lib/gwe/journal.db (13)".
public struct DatabaseError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried: "open database", "run \"INSERT INTO …\" in database".
    public var action: String
    /// The database file.
    public var path: String
    /// The extended result code (https://www.sqlite.org/rescode.html).
    public var code: Int32
    /// SQLite's own words.
    public var message: String
    /// errno(3) of the system call that failed; 0 where none did, or SQLite does not tell.
    public var systemCode: Int32

    /// - Parameters:
    ///   - action: what was tried, without "cannot".
    ///   - code: the extended result code.
    ///   - message: the reason in words.
    ///   - systemCode: errno(3) of the system call that failed.
    public init(_ action: String, path: String, code: Int32, message: String, systemCode: Int32 = 0) {
        self.action = action
        self.path = path
        self.code = code
        self.message = message
        self.systemCode = systemCode
    }

    /// The low byte of the extended code.
    public var primaryCode: Int32 { code & 0xFF }

    /// The file is no SQLite database or is damaged: move it aside and rebuild.
    public var isCorrupt: Bool { primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB }
    /// The file or its file system cannot be written, or not by this user.
    public var isReadOnly: Bool { primaryCode == SQLITE_READONLY || systemCode == EROFS }
    /// A crash left a transaction to roll back, which a read-only connection cannot do (SQLITE_READONLY_ROLLBACK).
    var needsRollback: Bool { code == SQLITE_READONLY | 3 << 8 }
    /// No space is left on the device, or none of the quota.
    public var isFull: Bool { primaryCode == SQLITE_FULL || systemCode == ENOSPC || systemCode == EDQUOT }
    /// Nothing can be written on the whole file system.
    public var isReadOnlyFileSystem: Bool { systemCode == EROFS }
    /// This machine is the cause, not what was asked: space, a disk, memory, descriptors.
    public var isOfMachine: Bool { cause != nil && systemCode != EACCES && systemCode != EPERM }
    /// Another connection held the lock for longer than the busy timeout.
    public var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }
    /// There is no such file, or it may not be opened.
    public var cannotOpen: Bool { primaryCode == SQLITE_CANTOPEN }
    /// A UNIQUE, CHECK, NOT NULL or FOREIGN KEY constraint was violated.
    public var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }

    /// Whether the same call will fail again until somebody repairs something.
    public var isPermanent: Bool {
        !(isBusy || isFull || primaryCode == SQLITE_NOMEM
            || [EMFILE, ENFILE, ENOMEM, EINTR, EFBIG].contains(systemCode))
    }

    /// The cause first, where this machine is it; then "cannot", what was tried, and the extended code. SQL is shown only
    /// of a statement that is itself wrong.
    public var description: String {
        if primaryCode == SQLITE_NOTADB { return "\(path) is no database any more: other bytes are in it (\(code))" }
        guard let cause else {
            let what = isOfStatement ? action : plainAction
            return "cannot \(what) \(path): \(message.lowercasedFirst) (\(code))"
        }
        return "\(cause): cannot \(plainAction) \(path) (\(code))"
    }

    /// Whether the statement is wrong, or what it would put into the table.
    private var isOfStatement: Bool {
        [SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_MISUSE, SQLITE_RANGE, SQLITE_TOOBIG].contains(
            primaryCode)
    }

    private var plainAction: String {
        guard action.holds("\"") else { return action }
        let reads = ["\"SELECT", "\"PRAGMA"].contains { action.holds($0) }
        return reads ? "read" : "write"
    }

    /// What of this machine stands in the way, in words; nil where SQLite or gwe does.
    private var cause: String? {
        let above = path.split(separator: "/").dropLast().joined(separator: "/")
        let folder = path.hasPrefix("/") ? "/" + above : above.isEmpty ? "." : above
        switch systemCode {
        case ENOSPC: return "the disk of \(folder) is full"
        case EDQUOT: return "the disk quota of \(folder) is used up"
        case EFBIG: return "a file of \(folder) may not grow (ulimit -f, LimitFSIZE= of the unit, or its file system)"
        case EROFS: return "the file system of \(folder) is read-only"
        case EINTR: return "a call on the disk of \(folder) was interrupted"
        case EIO: return "the disk of \(folder) has an input/output error"
        case EMFILE: return "this process has too many open files"
        case ENFILE: return "this machine has too many open files"
        case ENOMEM: return "this machine is short of memory"
        case EACCES, EPERM: return "permission denied in \(folder)"
        default: break
        }
        switch primaryCode {
        case SQLITE_FULL: return "the disk of \(folder) is full"
        case SQLITE_NOMEM: return "this machine is short of memory"
        default: return nil
        }
    }
}
