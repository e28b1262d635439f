internal import GatewayModel
internal import GatewaySystem

/// A row of `release`.
struct ReleaseRecord: Sendable, Hashable {
    enum State: String, Sendable { case unpacked, installing, installed }

    var id: Int64 = 0
    var app: AppName
    var installed: InstalledRelease
    /// File name below `downloads/`.
    var artifact: String
    /// Digest of the inventory file beside the release.
    var inventory: String
    var state: State
    /// The boot in which it reached its state.
    var bootID: String
    /// Whether it was ever in force.
    var activated = false

    init(
        app: AppName, installed: InstalledRelease, artifact: String, inventory: String, state: State, bootID: String
    ) {
        self.app = app
        self.installed = installed
        self.artifact = artifact
        self.inventory = inventory
        self.state = state
        self.bootID = bootID
    }

    /// What `init(_:)` takes, in its order.
    fileprivate static let columns =
        "id, app, version, digest, folder, kind, state, artifact_bytes, unpacked_bytes, run, artifact, inventory, boot_id, "
        + "activated"

    /// nil for a row that no gwe wrote.
    fileprivate init?(_ row: Row) {
        guard let app = row[1].string.flatMap(AppName.init), let version = row[2].string.flatMap(Version.init(stored:)),
            let digest = row[3].string.flatMap(Digest.init), let folder = row[4].string,
            let kind = row[5].string.flatMap(ReleaseKind.init), let state = row[6].string.flatMap(State.init)
        else { return nil }
        id = row[0].int ?? 0
        self.app = app
        installed = InstalledRelease(
            version: version, digest: digest, folder: folder, kind: kind, artifactByteCount: row[7].int ?? 0,
            unpackedByteCount: row[8].int ?? 0, commandNumber: row[9].int ?? 0)
        artifact = row[10].string ?? ""
        inventory = row[11].string ?? ""
        self.state = state
        bootID = row[12].string ?? ""
        activated = row[13].bool ?? false
    }
}

/// All releases of one app, and which of them is in force.
struct AppRecord: Sendable {
    var name: AppName
    var current: ReleaseRecord?
    var others: [ReleaseRecord]
}

extension Journal {
    /// Every app with its releases, newest first.
    func apps() throws(JournalError) -> [AppName: AppRecord] {
        let current = Dictionary(
            try read("SELECT name, release FROM app").compactMap { row in
                row[0].string.flatMap(AppName.init).flatMap { name in row[1].int.map { (name, $0) } }
            }, uniquingKeysWith: { first, _ in first })
        var apps: [AppName: AppRecord] = [:]
        for row in try read("SELECT \(ReleaseRecord.columns) FROM release ORDER BY id DESC") {
            guard let record = ReleaseRecord(row) else { continue }
            var app = apps[record.app] ?? AppRecord(name: record.app, current: nil, others: [])
            if current[record.app] == record.id { app.current = record } else { app.others.append(record) }
            apps[record.app] = app
        }
        return apps
    }

    /// Rebuilds the tables from the inventories beside the releases that `current` points at. Returns how many apps
    /// were found; those without a readable inventory are left alone.
    func adoptReleases(below folders: Folders) throws(DatabaseError) -> Int {
        let found = ReleaseStore(folders: folders).scan()
        guard !found.isEmpty else { return 0 }
        let now = clock()
        try database.transaction { (c: inout DatabaseConnection) throws(DatabaseError) in
            for record in found {
                let id = try c.insert(record, at: now)
                try c.execute("UPDATE release SET activated = 1 WHERE id = ?", [.integer(id)])
                try c.setCurrent(record.app, release: id, at: now)
            }
            try c.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('rebuilt_at', ?)", [.text("\(now)")])
        }
        return found.count
    }
}

extension DatabaseConnection {
    mutating func insert(_ record: ReleaseRecord, at now: WallTime) throws(DatabaseError) -> Int64 {
        let release = record.installed
        try execute(
            """
            INSERT INTO release (app, version, digest, folder, kind, artifact, artifact_bytes, unpacked_bytes,
                inventory, run, state, boot_id, created_at, installed_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .text(record.app.text), .text(release.version.text), .text(release.digest.hex), .text(release.folder),
                .text(release.kind.rawValue), .text(record.artifact), .integer(release.artifactByteCount),
                .integer(release.unpackedByteCount), .text(record.inventory), .integer(release.commandNumber),
                .text(record.state.rawValue), .text(record.bootID), .integer(now.milliseconds),
                record.state == .installed ? .integer(now.milliseconds) : .null,
            ])
        return lastInsertID
    }

    mutating func setState(
        _ state: ReleaseRecord.State, of id: Int64, bootID: String, at now: WallTime
    ) throws(DatabaseError) {
        try execute(
            "UPDATE release SET state = ?, boot_id = ?, installed_at = ? WHERE id = ?",
            [
                .text(state.rawValue), .text(bootID), state == .installed ? .integer(now.milliseconds) : .null,
                .integer(id),
            ])
    }

    /// What the install step learnt: the inventory after `install.sh`.
    mutating func setInstalled(
        _ id: Int64, inventory: String, unpackedByteCount: Int64, bootID: String, at now: WallTime
    ) throws(DatabaseError) {
        try setState(.installed, of: id, bootID: bootID, at: now)
        try execute(
            "UPDATE release SET inventory = ?, unpacked_bytes = ? WHERE id = ?",
            [.text(inventory), .integer(unpackedByteCount), .integer(id)])
    }

    mutating func setCurrent(_ app: AppName, release id: Int64, at now: WallTime) throws(DatabaseError) {
        try execute(
            "INSERT OR REPLACE INTO app (name, release, applied_at) VALUES (?, ?, ?)",
            [.text(app.text), .integer(id), .integer(now.milliseconds)])
    }

    mutating func deleteRelease(_ id: Int64) throws(DatabaseError) {
        try execute("DELETE FROM release WHERE id = ?", [.integer(id)])
    }

    mutating func forget(_ app: AppName) throws(DatabaseError) {
        try execute("DELETE FROM app WHERE name = ?", [.text(app.text)])
        try execute("DELETE FROM release WHERE app = ?", [.text(app.text)])
        try execute("DELETE FROM attempt WHERE app = ?", [.text(app.text)])
        try execute("DELETE FROM named_app WHERE app = ?", [.text(app.text)])
    }
}
