internal import CSQLite

/// A failed call of SQLite. Reads "cannot open database /var/lib/gwe/journal.db: disk i/o error (10)".
public struct DatabaseError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried: "open database", "run \"INSERT INTO …\" in database".
    public var action: String
    /// The database file.
    public var path: String
    /// The extended result code (https://www.sqlite.org/rescode.html).
    public var code: Int32
    /// SQLite's own words.
    public var message: String

    /// - Parameters:
    ///   - action: what was tried, without "cannot".
    ///   - code: the extended result code.
    ///   - message: the reason in words.
    public init(_ action: String, path: String, code: Int32, message: String) {
        self.action = action
        self.path = path
        self.code = code
        self.message = message
    }

    /// The low byte of the extended code.
    public var primaryCode: Int32 { code & 0xFF }

    /// The file is no SQLite database or is damaged: move it aside and rebuild.
    public var isCorrupt: Bool { primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB }
    /// The file or its file system cannot be written, or not by this user.
    public var isReadOnly: Bool { primaryCode == SQLITE_READONLY }
    /// A crash left a transaction to roll back, which a read-only connection cannot do (SQLITE_READONLY_ROLLBACK).
    var needsRollback: Bool { code == SQLITE_READONLY | 3 << 8 }
    /// No space is left on the device.
    public var isFull: Bool { primaryCode == SQLITE_FULL }
    /// Another connection held the lock for longer than the busy timeout.
    public var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }
    /// There is no such file, or it may not be opened.
    public var cannotOpen: Bool { primaryCode == SQLITE_CANTOPEN }
    /// A UNIQUE, CHECK, NOT NULL or FOREIGN KEY constraint was violated.
    public var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }

    /// Whether the same call will fail again until somebody repairs something.
    public var isPermanent: Bool { !(isBusy || isFull || primaryCode == SQLITE_NOMEM) }

    /// "cannot", the action, the path, then the message and the extended code.
    public var description: String {
        "cannot \(action) \(path): \(message.lowercasedFirst) (\(code))"
    }
}
