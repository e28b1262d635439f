internal import GatewaySystem

/// The schema of `journal.db`. Migrations only ever add, so that the version before can still read the file until
/// the new one is confirmed (D24). `Tests/Goldens/journal` keeps one file per version, forever.
enum JournalSchema {
    static let version = migrations.count

    /// The migration at index n leads from version n to n + 1.
    static let migrations: [String] = [version1]

    private static let version1 = """
        -- Single values: state of rebuild, update interval of the cloud, newest wall time seen.
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

        -- The last good desired state of each layer, as text: local, cloud, operator.
        CREATE TABLE layer (
            name TEXT PRIMARY KEY, source TEXT NOT NULL, text TEXT NOT NULL, digest TEXT NOT NULL,
            accepted_at INTEGER NOT NULL) WITHOUT ROWID;

        -- Which layer has ever named which app: only such apps may be removed when no layer names them any more.
        CREATE TABLE named_app (app TEXT NOT NULL, layer TEXT NOT NULL, PRIMARY KEY (app, layer)) WITHOUT ROWID;

        -- Install commands taken from the cloud or from `-I`. One identity until the clear is acknowledged.
        CREATE TABLE command (
            id INTEGER PRIMARY KEY AUTOINCREMENT, resource TEXT NOT NULL, text TEXT NOT NULL,
            accepted_at INTEGER NOT NULL, cleared_at INTEGER);

        -- Releases on disk. state: unpacked -> installing -> installed.
        CREATE TABLE release (
            id INTEGER PRIMARY KEY, app TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL,
            folder TEXT NOT NULL, kind TEXT NOT NULL, artifact TEXT NOT NULL, artifact_bytes INTEGER NOT NULL,
            unpacked_bytes INTEGER NOT NULL, inventory TEXT NOT NULL, run INTEGER NOT NULL,
            activated INTEGER NOT NULL DEFAULT 0,
            state TEXT NOT NULL CHECK (state IN ('unpacked', 'installing', 'installed')),
            boot_id TEXT NOT NULL, created_at INTEGER NOT NULL, installed_at INTEGER, UNIQUE (app, folder));

        -- The release in force of each app.
        CREATE TABLE app (
            name TEXT PRIMARY KEY, release INTEGER NOT NULL REFERENCES release (id), applied_at INTEGER NOT NULL
            ) WITHOUT ROWID;

        -- Attempts to install a release, counted before they start.
        CREATE TABLE attempt (
            app TEXT PRIMARY KEY, wish TEXT NOT NULL, count INTEGER NOT NULL, failures INTEGER NOT NULL,
            last_at INTEGER NOT NULL, next_at INTEGER NOT NULL, error TEXT NOT NULL) WITHOUT ROWID;

        -- Passes that did something, and their steps.
        CREATE TABLE operation (
            id INTEGER PRIMARY KEY AUTOINCREMENT, reason TEXT NOT NULL, boot_id TEXT NOT NULL,
            started_at INTEGER NOT NULL, finished_at INTEGER, outcome TEXT, summary TEXT);
        CREATE TABLE step (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            operation INTEGER NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
            app TEXT NOT NULL, step TEXT NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER,
            outcome TEXT NOT NULL, message TEXT NOT NULL);
        CREATE INDEX step_by_operation ON step (operation);

        -- What the cloud has: the last text acknowledged per resource, and what is to be said of each artifact.
        CREATE TABLE sent_report (resource TEXT PRIMARY KEY, text TEXT NOT NULL, sent_at INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE fetch_status (
            artifact TEXT PRIMARY KEY, state TEXT NOT NULL, updated_at INTEGER NOT NULL) WITHOUT ROWID;

        -- Rejected input per source, so that the same one is reported once.
        CREATE TABLE problem (
            source TEXT PRIMARY KEY, digest TEXT NOT NULL, message TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
        """

    /// Brings an older file up to date, one transaction per version. Returns false for a file of a newer gwe.
    static func migrate(_ database: Database) throws(DatabaseError) -> Bool {
        let found = try database.userVersion()
        guard found <= version else { return false }
        for index in found..<version {
            try database.transaction { (connection: inout DatabaseConnection) throws(DatabaseError) in
                try connection.executeScript(migrations[index])
                try connection.setUserVersion(index + 1)
            }
        }
        return true
    }
}
