internal import GatewayModel
internal import Glibc
internal import GatewaySystem

/// What a crash left, put right before a pass looks: the only releases that are not taken as they are found.
struct Recovery {
    let context: GatewayContext
    let journal: Journal

    /// A release whose installer was running is not trusted and is forgotten with its folder, and that counts as a
    /// failed attempt: an installer that ends gwe, or takes the gateway down, must not do so for ever (D55). Whoever
    /// kills gwe by chance in the first two attempts costs nothing but a new one at once (`RetryDelay`).
    ///
    /// One exception: a one-off that a restart of the gateway interrupted, or a power cut, has run. It may well be the
    /// one that restarts it, with success; and a boot with another number shows that the end of gwe was not its own.
    ///
    /// A release that was recorded but never got its name is forgotten too, and so is one that was being pruned.
    func run() throws(JournalError) {
        guard try journal.hasInterruptedOperation() else { return }
        FaultPoint.pass("recovery.before")
        let store = ReleaseStore(folders: context.folders)
        let apps = try journal.apps()
        // An installer that ended badly was not interrupted, whatever the gateway did later.
        let interrupted = try journal.interruptedInstalls()
        for app in apps.values {
            for record in app.others {
                let isRestarted = record.bootID != context.bootID && interrupted.contains(record.app)
                switch record.state {
                case .installing where isRestarted && record.installed.kind == .oneOff:
                    try adopt(record, of: app, store)
                case .installing where interrupted.contains(record.app):
                    let culprit = isRestarted ? "the gateway restarted" : "gwe was ended"
                    let failure = "\(culprit) while the installer of \(record.installed.version) ran"
                    try forget(record, of: app, store, failure: failure)
                case .installing: try forget(record, of: app, store)
                case .unpacked, .installed:
                    let isThere = FileTree.exists(store.path(record.app, record.installed.folder))
                    if !isThere { try forget(record, of: app, store) }
                }
            }
        }
        sweep(try journal.apps())
        FaultPoint.pass("recovery.swept")
        // Whether what it wrote is durable, nobody knows: a sync that failed may have been told to a process that is gone.
        try journal.noteUnsettledOfInterrupted()
        try journal.closeInterruptedOperations()
        FaultPoint.pass("recovery.closed")
    }

    /// Takes away what was being unpacked or removed. Best effort: what cannot be removed now is in nobody's way.
    private func sweep(_ apps: [AppName: AppRecord]) {
        let store = ReleaseStore(folders: context.folders)
        for name in (try? FileTree.list(context.folders.releasesFolder)) ?? [] {
            let folder = "\(context.folders.releasesFolder)/\(name)"
            guard let app = AppName(name) else {
                if name.hasPrefix(FileTree.trashPrefix) { try? FileTree.removeTree(folder) }
                continue
            }
            let known = Set(apps[app]?.all.map(\.installed.folder) ?? [])
            for name in store.leftovers(app, known: known) { try? FileTree.removeTree("\(folder)/\(name)") }
            // A folder for releases that never came; rmdir(2) refuses one with anything in it.
            rmdir(folder)
        }
    }

    private func adopt(_ record: ReleaseRecord, of app: AppRecord, _ store: ReleaseStore) throws(JournalError) {
        let now = context.clock()
        let inventory: Inventory
        do throws(SystemError) {
            let path = store.inventoryPath(record.app, record.installed.folder)
            let release = Inventory.Release(
                app: record.app.text, version: record.installed.version.text,
                artifactDigest: record.installed.digest.hex, origin: "interrupted by a restart")
            inventory = try Inventory.scan(store.path(record.app, record.installed.folder), as: release)
            try inventory.write(to: path)
            FaultPoint.pass("recovery.inventoried")
            let link = context.folders.currentLink(of: record.app)
            _ = try AtomicFile.replaceSymlink(at: link, pointingTo: record.installed.folder)
        } catch {
            // Of a folder that is gone nothing can be adopted; that its installer has run counts all the same.
            let failure = "the gateway restarted while the installer of \(record.installed.version) ran: \(error)"
            return try forget(record, of: app, store, failure: failure)
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

    /// Finishes the removal of a release. The artifact stays where another release needs it, or this one again.
    private func forget(
        _ record: ReleaseRecord, of app: AppRecord, _ store: ReleaseStore, failure: String? = nil
    ) throws(JournalError) {
        let path = store.path(record.app, record.installed.folder)
        if FileTree.exists(path) { try? FileTree.removeTree(path) }
        FaultPoint.pass("recovery.emptied")
        _ = try? FileTree.removeFile(store.inventoryPath(record.app, record.installed.folder))
        let needed = [app.current].compactMap(\.self) + app.others.filter { $0.id != record.id }
        if record.state == .installed, !record.artifact.isEmpty,
            !needed.contains(where: { $0.artifact == record.artifact })
        {
            try? Downloader.discard(store.artifactPath(record.artifact))
        }
        let now = context.clock()
        try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.deleteRelease(record.id)
            guard let failure else { return }
            try c.recordFailure(record.app, error: failure) { now.advanced(by: RetryDelay.after(failures: $0)) }
            guard let label = try c.attemptedArtifact(of: record.app) else { return }
            let state = FetchState(
                state: .installError, info: failure, name: record.app.text, version: record.installed.version.text)
            try c.setFetchStatus(label, state, at: now)
        }
        FaultPoint.pass("recovery.forgotten")
    }
}
