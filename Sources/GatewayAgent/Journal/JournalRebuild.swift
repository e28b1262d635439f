internal import GatewayModel
internal import Glibc
internal import GatewaySystem

/// A journal that is new, or that stands in for a lost one.
extension Journal {
    static let noticeKey = "notice"

    /// Renames a file that cannot be used to `journal.db.broken-N`. A crash afterwards leaves none: it is missing.
    static func moveAside(_ path: String) throws(JournalError) -> String {
        var number = 1
        while FileTree.exists("\(path).broken-\(number)") { number += 1 }
        let aside = "\(path).broken-\(number)"
        // What a crash has left beside it goes with it; `salvage` reads both.
        if FileTree.byteCount(ofFile: path + "-redo") ?? 0 > 0 { rename(path + "-redo", aside + "-redo") }
        guard rename(path, aside) == 0 else {
            let why = SystemError.last("move \(path) to \(aside)")
            var failure = JournalError("\(why)")
            failure.isUnwritable = why.isUnwritableStorage
            throw failure
        }
        FaultPoint.pass("journal.aside")
        return aside
    }

    /// Makes the journal under another name, with all that the release folders tell, and renames it: a crash leaves
    /// a whole journal or none, never one that has forgotten what is installed.
    static func create(
        folders: Folders, clock: @escaping @Sendable () -> WallTime, because reason: String
    ) throws(JournalError) {
        let path = folders.journalFile
        let new = path + ".new"
        // A rollback journal belongs to the file that is gone; left behind it would be played into the new one.
        for leftover in [new, new + "-journal", path + "-journal"] { unlink(leftover) }
        // Nothing of a log is thrown away: it may hold what operators had asked for.
        if FileTree.byteCount(ofFile: path + "-redo") ?? 0 > 0 {
            var number = 1
            while FileTree.exists("\(path)-redo.broken-\(number)") { number += 1 }
            rename(path + "-redo", "\(path)-redo.broken-\(number)")
        }
        do throws(DatabaseError) {
            try fill(new, folders, clock, because: reason)
        } catch {
            unlink(new)
            throw JournalError(error)
        }
        FaultPoint.pass("journal.filled")
        unlink(new + "-journal")
        do throws(SystemError) { try FileTree.move(new, to: path) } catch {
            unlink(new)
            var failure = JournalError("\(error)")
            failure.isUnwritable = true
            throw failure
        }
        FaultPoint.pass("journal.renamed")
        if let aside = lastUnsalvaged(folders) { chmod(aside, 0o400) }
    }

    /// Opens, fills and closes the file.
    private static func fill(
        _ path: String, _ folders: Folders, _ clock: @escaping @Sendable () -> WallTime, because reason: String
    ) throws(DatabaseError) {
        let database = try Database(path: path)
        FaultPoint.pass("journal.created")
        chmod(path, 0o600)
        // As a whole it becomes durable before it gets its name.
        try database.withoutSyncs { () throws(DatabaseError) in
            try fill(database, folders, clock, because: reason)
        }
        do throws(SystemError) { try FileTree.syncFile(path) } catch {
            // SQLITE_FULL, SQLITE_IOERR (https://www.sqlite.org/rescode.html).
            throw DatabaseError(
                "sync journal", path: path, code: error.isNoSpace ? 13 : 10, message: error.description,
                systemCode: error.code)
        }
    }

    private static func fill(
        _ database: Database, _ folders: Folders, _ clock: @escaping @Sendable () -> WallTime, because reason: String
    ) throws(DatabaseError) {
        _ = try JournalSchema.migrate(database)
        // Of two that were made alike, neither takes the other's log for its own (`DatabaseGeneration`).
        try database.drawName()
        FaultPoint.pass("journal.migrated")
        let count = try Journal(database: database, clock: clock).adoptReleases(below: folders)
        FaultPoint.pass("journal.adopted")
        let kept = try salvage(into: database, folders, at: clock())
        // Missing and nothing installed: a new gateway.
        guard count > 0 || FileTree.exists(folders.journalFile + ".broken-1") else { return }
        let notice =
            "\(reason); it was rebuilt from the release folders: \(found(count)). What is installed stays until a "
            + "manifest or a command says otherwise" + kept
        try database.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", [.text(noticeKey), .text(notice)])
    }

    /// The journal that was moved aside last, unless something was taken from it before: then it is 0400. A crash between
    /// the two renames leaves it as it was, and the next rebuild takes it.
    private static func lastUnsalvaged(_ folders: Folders) -> String? {
        var number = 0
        while FileTree.exists("\(folders.journalFile).broken-\(number + 1)") { number += 1 }
        let path = "\(folders.journalFile).broken-\(number)"
        var status = stat()
        guard number > 0, lstat(path, &status) == 0, status.st_mode & S_IWUSR != 0 else { return nil }
        return path
    }

    /// What an operator asked for (holds, stops, installed packages), from the journal that was moved aside last, as far
    /// as it can be read there. Nothing else knows it.
    /// - Returns: what to add to the notice.
    private static func salvage(
        into database: Database, _ folders: Folders, at now: WallTime
    ) throws(DatabaseError) -> String {
        guard let aside = lastUnsalvaged(folders) else { return "" }
        let name = LayerName.operatorCommand
        guard let broken = try? Database(path: aside, mode: .readOnly),
            let row = try? broken.query("SELECT text, digest FROM layer WHERE name = ?", [.text(name.rawValue)]).first,
            let text = row[0].string, let layer = try? OperatorLayer.stored(text)
        else { return ". What operators had asked for (hold, stop, install) could not be read in it" }
        guard !layer.apps.isEmpty else { return broken.redoNotice.map { ". \($0)" } ?? "" }
        let record = LayerRecord(source: "operator", text: text, digest: row[1].string ?? "")
        let named = layer.apps.filter { $0.value.release != nil }.map(\.key).sorted()
        try database.transaction { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.setLayer(name, record, naming: named, at: now)
            // Runs of later commands must have other numbers than those that stay in force (D5).
            let highest = layer.apps.values.compactMap(\.release?.commandNumber).max() ?? 0
            try c.execute("DELETE FROM sqlite_sequence WHERE name = 'command'")
            try c.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('command', ?)", [.integer(highest)])
        }
        let log = broken.redoNotice.map { "; but \($0)" } ?? ""
        return ". What operators had asked for (hold, stop, install) was found in it and stays in force\(log)"
    }

    private static func found(_ count: Int) -> String { count == 1 ? "1 app found" : "\(count) apps found" }

    /// What `create` would make, in memory; nil where nothing is lost.
    static func imagined(
        _ folders: Folders, _ clock: @escaping @Sendable () -> WallTime, because reason: String, isLost: Bool = false
    ) throws(JournalError) -> Journal? {
        do throws(DatabaseError) {
            let database = try Database(path: ":memory:")
            _ = try JournalSchema.migrate(database)
            let count = try Journal(database: database, clock: clock).adoptReleases(below: folders)
            guard count > 0 || isLost else { return nil }
            return Journal(
                database: database, clock: clock,
                imaginedBecause: "\(reason); the next pass rebuilds it from the release folders: \(found(count))")
        } catch {
            throw JournalError(error)
        }
    }

    /// What a person should know: the journal was lost. Kept until `noticeWasTold`.
    func notice() throws(JournalError) -> String? {
        if let imaginedBecause { return imaginedBecause }
        // Whoever only reads finds the log as it is; whoever writes has noted what became of it.
        let told = try [value(Journal.noticeKey), database.isReadOnly ? database.redoNotice : nil].compactMap(\.self)
        return told.isEmpty ? nil : told.joined(separator: "; ")
    }

    func noticeWasTold() throws(JournalError) { try setValue(Journal.noticeKey, nil) }
}
