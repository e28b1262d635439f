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
        guard rename(path, aside) == 0 else { throw JournalError("\(SystemError.last("move \(path) to \(aside)"))") }
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
    }

    /// Opens, fills and closes the file.
    private static func fill(
        _ path: String, _ folders: Folders, _ clock: @escaping @Sendable () -> WallTime, because reason: String
    ) throws(DatabaseError) {
        let database = try Database(path: path)
        FaultPoint.pass("journal.created")
        chmod(path, 0o600)
        _ = try JournalSchema.migrate(database)
        FaultPoint.pass("journal.migrated")
        let count = try Journal(database: database, clock: clock).adoptReleases(below: folders)
        FaultPoint.pass("journal.adopted")
        // Missing and nothing installed: a new gateway.
        guard count > 0 || FileTree.exists(folders.journalFile + ".broken-1") else { return }
        let notice =
            "\(reason); it was rebuilt from the release folders: \(count) apps found. What is installed stays until a "
            + "manifest or a command says otherwise"
        try database.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", [.text(noticeKey), .text(notice)])
    }

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
                imaginedBecause: "\(reason); the next pass rebuilds it from the release folders: \(count) apps found")
        } catch {
            throw JournalError(error)
        }
    }

    /// What a person should know: the journal was lost. Kept until `noticeWasTold`.
    func notice() throws(JournalError) -> String? {
        if let imaginedBecause { return imaginedBecause }
        return try value(Journal.noticeKey)
    }

    func noticeWasTold() throws(JournalError) { try setValue(Journal.noticeKey, nil) }
}
