internal import GatewayModel
internal import GatewaySystem

/// The layers of desired state (D1).
enum LayerName: String, Sendable, CaseIterable { case local, cloud, operatorCommand = "operator" }

/// A layer's last good text.
struct LayerRecord: Sendable, Hashable {
    var source: String
    var text: String
    /// SHA-256 of the text.
    var digest: String
}

extension Journal {
    /// How many commands are kept once their clear is acknowledged.
    static let keptCommands: Int64 = 100

    func layer(_ name: LayerName) throws(JournalError) -> LayerRecord? {
        guard
            let row = try read(
                "SELECT source, text, digest FROM layer WHERE name = ?", [.text(name.rawValue)]
            ).first, let source = row[0].string, let text = row[1].string, let digest = row[2].string
        else { return nil }
        return LayerRecord(source: source, text: text, digest: digest)
    }

    /// Replaces a layer and remembers the apps it names; durable before any step's effect that is durable (`write`).
    func setLayer(_ name: LayerName, _ record: LayerRecord, naming apps: some Sequence<AppName>) throws(JournalError) {
        let now = clock()
        let names = Array(apps)
        try write(isDurable: false) { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.setLayer(name, record, naming: names, at: now)
        }
    }

    /// Which layers ever named which app.
    func namedApps() throws(JournalError) -> NamedApps {
        var named = NamedApps()
        for row in try read("SELECT app, layer FROM named_app") {
            guard let app = row[0].string.flatMap(AppName.init), let layer = row[1].string.flatMap(LayerName.init)
            else {
                continue
            }
            switch layer {
            case .local: named.local.insert(app)
            case .cloud: named.cloud.insert(app)
            case .operatorCommand: named.operatorCommand.insert(app)
            }
        }
        return named
    }

    /// Commands whose clear the cloud has not acknowledged, oldest first.
    func unclearedCommands(resource: CloudResource) throws(JournalError) -> [(id: Int64, text: String)] {
        try read(
            "SELECT id, text FROM command WHERE resource = ? AND cleared_at IS NULL ORDER BY id",
            [.text(resource.rawValue)]
        ).compactMap { row in row[0].int.flatMap { id in row[1].string.map { (id, $0) } } }
    }

    /// The cloud acknowledged that the command is gone, or something else stands there now. Writes only where that is
    /// news.
    func markCleared(resource: CloudResource) throws(JournalError) {
        guard try !unclearedCommands(resource: resource).isEmpty else { return }
        let now = clock().milliseconds
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.execute(
                "UPDATE command SET cleared_at = ? WHERE resource = ? AND cleared_at IS NULL",
                [.integer(now), .text(resource.rawValue)])
        }
    }

    /// What could not be removed when its time came.
    static let leftoverSource = "leftovers"
    /// What of this machine kept the last pass from its work.
    static let machineSource = "machine"
    /// Problems that are no input: passes note and clear them themselves.
    static let machineSources: Set<String> = [leftoverSource, machineSource]

    /// Notes rejected input. Returns true when it is news: not the same text as before.
    func reportProblem(source: String, digest: String, message: String) throws(JournalError) -> Bool {
        if try problemDigest(source: source) == digest { return false }
        let now = clock().milliseconds
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.execute(
                "INSERT OR REPLACE INTO problem (source, digest, message, since) VALUES (?, ?, ?, ?)",
                [.text(source), .text(digest), .text(message), .integer(now)])
        }
        return true
    }

    /// The digest of the rejected text that is in force; nil when none is.
    func problemDigest(source: String) throws(JournalError) -> String? {
        try read("SELECT digest FROM problem WHERE source = ?", [.text(source)]).first?[0].string
    }

    /// Input of that source is good again. Writes only when it was not; returns whether it was not.
    @discardableResult
    func clearProblem(source: String) throws(JournalError) -> Bool {
        guard try !read("SELECT 1 FROM problem WHERE source = ?", [.text(source)]).isEmpty else { return false }
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.execute("DELETE FROM problem WHERE source = ?", [.text(source)])
        }
        return true
    }

    /// Rejected input that is still in force, by source.
    func problems() throws(JournalError) -> [(source: String, message: String)] {
        try read("SELECT source, message FROM problem ORDER BY source").compactMap { row in
            row[0].string.flatMap { source in row[1].string.map { (source, $0) } }
        }
    }
}

extension DatabaseConnection {
    mutating func setLayer(
        _ name: LayerName, _ record: LayerRecord, naming apps: [AppName], at now: WallTime
    ) throws(DatabaseError) {
        try execute(
            "INSERT OR REPLACE INTO layer (name, source, text, digest, accepted_at) VALUES (?, ?, ?, ?, ?)",
            [
                .text(name.rawValue), .text(record.source), .text(record.text), .text(record.digest),
                .integer(now.milliseconds),
            ])
        for app in apps {
            try execute(
                "INSERT OR IGNORE INTO named_app (app, layer) VALUES (?, ?)", [.text(app.text), .text(name.rawValue)])
        }
    }

    /// Records a command before anything of it is done. Its number is the `run` of the releases it asks for.
    mutating func insertCommand(
        resource: String, text: String, isCleared: Bool, at now: WallTime
    ) throws(DatabaseError) -> Int64 {
        try execute(
            "INSERT INTO command (resource, text, accepted_at, cleared_at) VALUES (?, ?, ?, ?)",
            [.text(resource), .text(text), .integer(now.milliseconds), isCleared ? .integer(now.milliseconds) : .null])
        let id = lastInsertID
        try execute(
            "DELETE FROM command WHERE cleared_at IS NOT NULL AND id <= ?", [.integer(id - Journal.keptCommands)])
        return id
    }
}
