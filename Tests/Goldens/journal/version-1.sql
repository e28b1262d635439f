-- A journal of schema version 1, as the first release of that version writes it. Never edit: add a file for each
-- new version instead.
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
INSERT INTO meta VALUES ('update_interval', '600'), ('engine_fetch_manifest', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'), ('config_otau', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'),
    ('otau', '{"version":"9","artifacts":{"tool":"tool.v1.tar.gz"}}'), ('rebuilt_at', '2026-11-20T00:00:00.000Z');
INSERT INTO layer VALUES
    ('local', 'manifest.yaml', 'schema: gwe/v1
apps: {web: {version: "2"}}
', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1793491300000),
    ('operator', 'operator', '{"web":{"state":"stopped"}}', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 1793491300001);
INSERT INTO named_app VALUES ('web', 'local'), ('tool', 'cloud'), ('tool', 'operator');
INSERT INTO command VALUES (1, 'engine_fetch', '{"install":[{"name":"tool.v1.tar.gz"}]}', 1793491300002, NULL);
INSERT INTO release VALUES
    (1, 'web', '1', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '1-aaaaaaaa', 'service', 'web.v1.tar.gz', 100, 300, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 0, 1, 'installed', 'boot-1',
     1793491300003, 1793491300004),
    (2, 'web', '2', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2-bbbbbbbb', 'service', 'web.v2.tar.gz', 110, 330, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 0, 1, 'installed', 'boot-1',
     1793491300005, 1793491300006),
    (3, 'tool', '1', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '1-aaaaaaaa', 'one-off', 'tool.v1.tar.gz', 10, 30, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 1, 0, 'installing', 'boot-0',
     1793491300007, NULL);
INSERT INTO app VALUES ('web', 2, 1793491300008);
INSERT INTO attempt VALUES ('tool', '1 - 1 content:tool.v1.tar.gz', 2, 1, 1793491300009, 1793491300009, 'it failed');
INSERT INTO operation VALUES (1, 'command line', 'boot-1', 1793491300010, 1793491300011, 'converged', 'Plan: 1 to install'),
    (2, 'timer', 'boot-1', 1793491300012, NULL, NULL, NULL);
INSERT INTO step VALUES (1, 1, 'web', 'download', 1793491300010, 1793491300011, 'done', '100 bytes'),
    (2, 2, 'tool', 'install', 1793491300012, NULL, 'started', '');
INSERT INTO sent_report VALUES ('engine_report', '{"apps":[]}', 1793491300013);
INSERT INTO fetch_status VALUES ('tool.v1.tar.gz', '{"info":"","state":"install","version":"1","name":"tool"}', 1793491300014);
INSERT INTO problem VALUES ('engine_fetch', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'engine_fetch:1:1: expected something else', 1793491300015);
PRAGMA user_version = 1;
