internal import GatewaySystem

/// The schema of `usage.db`. Migrations only ever add, as those of the journal (D24).
enum UsageSchema {
    static let version = migrations.count

    /// The migration at index n leads from version n to n + 1.
    private static let migrations: [String] = [
        """
        -- What is counted for usage_report: one open interval, and at most one that is frozen.
        CREATE TABLE interval (id INTEGER PRIMARY KEY AUTOINCREMENT, frozen INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE entry (
            interval INTEGER NOT NULL, interface TEXT NOT NULL, identity TEXT NOT NULL, method TEXT NOT NULL,
            resources TEXT NOT NULL, num INTEGER NOT NULL, tx INTEGER NOT NULL, rx INTEGER NOT NULL,
            max_tx INTEGER NOT NULL, max_rx INTEGER NOT NULL, tx_headers INTEGER NOT NULL, rx_headers INTEGER NOT NULL,
            microseconds INTEGER NOT NULL, max_microseconds INTEGER NOT NULL,
            PRIMARY KEY (interval, interface, identity, method, resources)) WITHOUT ROWID;

        -- Totals per day since 1970-01-01, UTC; day 0 is before any clock could be believed.
        CREATE TABLE day (
            day INTEGER NOT NULL, interface TEXT NOT NULL, identity TEXT NOT NULL, num INTEGER NOT NULL,
            tx INTEGER NOT NULL, rx INTEGER NOT NULL, tx_headers INTEGER NOT NULL, rx_headers INTEGER NOT NULL,
            PRIMARY KEY (day, interface, identity)) WITHOUT ROWID;
        """
    ]

    /// Brings an older file up to date in one transaction, which another process may have done in the meantime. Returns
    /// false for a file of a newer gwe.
    static func migrate(_ database: Database) throws(DatabaseError) -> Bool {
        let found = try database.userVersion()
        guard found < version else { return found == version }
        // Of a new file a power cut takes nothing: it is as good as missing.
        guard found == 0 else { return try apply(to: database) }
        return try database.withoutSyncs { () throws(DatabaseError) in try apply(to: database) }
    }

    private static func apply(to database: Database) throws(DatabaseError) -> Bool {
        try database.transaction { (c: inout DatabaseConnection) throws(DatabaseError) in
            let found = try c.userVersion()
            guard found <= version else { return false }
            for migration in migrations[found...] { try c.executeScript(migration) }
            try c.setUserVersion(version)
            return true
        }
    }
}
