internal import GatewayModel
internal import GatewaySystem

/// What a crash left, put right before a pass looks: the only releases that are not taken as they are found.
struct Recovery {
    let context: GatewayContext
    let journal: Journal

    /// A release whose installer was running is not trusted and is forgotten (its folder goes with the next prune or
    /// unpack), with one exception: a one-off whose installer was interrupted by a restart of the gateway has run. Such
    /// a package may well be the one that restarts it, and must not do so for ever (rules 5).
    func run() throws(JournalError) {
        let store = ReleaseStore(folders: context.folders)
        for app in try journal.apps().values {
            for record in app.others where record.state == .installing {
                if record.release.kind == .oneOff, record.bootID != context.bootID {
                    try adopt(record, store)
                } else {
                    try forget(record, store)
                }
            }
        }
    }

    private func adopt(_ record: ReleaseRecord, _ store: ReleaseStore) throws(JournalError) {
        let now = context.clock()
        let inventory: Inventory
        do throws(SystemError) {
            let path = store.inventoryPath(record.app, record.release.folder)
            let release = Inventory.Release(
                app: record.app.text, version: record.release.version.text,
                artifactDigest: record.release.digest.hex, origin: "interrupted by a restart")
            inventory = try Inventory.scan(store.path(record.app, record.release.folder), as: release)
            try inventory.write(to: path)
            FaultPoint.pass("recovery.inventoried")
            let link = context.folders.currentLink(of: record.app)
            _ = try AtomicFile.replaceSymlink(at: link, pointingTo: record.release.folder)
        } catch {
            // Of a folder that is gone nothing can be adopted.
            return try forget(record, store)
        }
        FaultPoint.pass("recovery.linked")
        try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.setInstalled(
                record.id, inventory: inventory.digest, unpackedByteCount: inventory.byteCount, bootID: record.bootID,
                at: now)
            try c.setCurrent(record.app, release: record.id, at: now)
            try c.clearAttempts(record.app)
        }
    }

    private func forget(_ record: ReleaseRecord, _ store: ReleaseStore) throws(JournalError) {
        let path = store.path(record.app, record.release.folder)
        if FileTree.exists(path) { try? FileTree.removeTree(path) }
        _ = try? FileTree.removeFile(store.inventoryPath(record.app, record.release.folder))
        try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in try c.deleteRelease(record.id) }
    }
}
