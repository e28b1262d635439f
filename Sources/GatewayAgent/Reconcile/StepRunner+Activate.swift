internal import GatewayModel
internal import GatewaySystem

extension StepRunner {
    /// Points `current` at the release with one rename.
    ///
    /// A crash after the rename and before the journal's record leaves `current` ahead of the journal: the next pass
    /// sees the installed release, finds the link already right, and records it.
    func activate(_ work: AppProgress) throws(StepFailure) -> StepResult {
        guard let release = work.release else { throw StepFailure(.local, "internal error: nothing was installed") }
        let link = context.folders.currentLink(of: work.app)
        try leaveUnsynced(work)
        let isDurable = syncsEach
        let outcome = try system { () throws(SystemError) in
            try AtomicFile.replaceSymlink(at: link, pointingTo: release.installed.folder, isDurable: isDurable)
        }
        FaultPoint.pass("activate.linked")
        if work.before?.id == release.id { return outcome == .alreadySatisfied ? .already() : .done }
        let (app, now) = (work.app, context.clock())
        note { c throws(DatabaseError) in
            try c.setCurrent(app, release: release.id, at: now)
            try c.execute("UPDATE release SET activated = 1 WHERE id = ?", [.integer(release.id)])
            try c.clearAttempts(app)
        }
        work.isActivated = true
        hasActivated = true
        return .done("current -> \(release.installed.folder)")
    }

    /// Takes away everything that the journal installed of an app; its data stays unless it is to be purged (D17).
    ///
    /// In this order a crash leaves an app that the journal still knows, and the next pass removes the rest.
    func remove(_ work: AppProgress) throws(StepFailure) -> StepResult {
        let folder = context.folders.releasesFolder(of: work.app)
        services?.remove(work.app)
        try system { () throws(SystemError) in
            _ = try FileTree.removeFile(self.store.programPath(work.app))
            _ = try FileTree.removeFile(self.store.servicePath(work.app))
            FaultPoint.pass("remove.unconfigured")
            _ = try FileTree.removeFile(self.context.folders.currentLink(of: work.app))
        }
        FaultPoint.pass("remove.unlinked")
        try system { () throws(SystemError) in
            if FileTree.exists(folder) { try FileTree.removeTree(folder) }
            FaultPoint.pass("remove.emptied")
        }
        try discardDownloads(of: work.app, keeping: [])
        let data = context.folders.dataFolder(of: work.app)
        let hasData = FileTree.exists(data)
        if hasData, purged.contains(work.app) {
            try system { () throws(SystemError) in try FileTree.removeTree(data) }
            FaultPoint.pass("remove.purged")
        }
        FaultPoint.pass("remove.removed")
        let app = work.app
        note { c throws(DatabaseError) in
            try c.forget(app)
            try c.setValue(FailedStarts.key(app), nil)
        }
        return .done(hasData ? "data/\(work.app) is \(purged.contains(work.app) ? "removed" : "kept")" : "")
    }

    /// Takes releases away that the policy does not keep: the newest `keep_versions` stay, the one in force among them.
    func prune(_ work: AppProgress) throws(StepFailure) -> StepResult {
        guard let current = work.release else { return .already() }
        let all = AppRecord(
            name: work.app, current: current,
            others: ([work.before].compactMap(\.self) + work.others).filter { $0.id != current.id })
        let surplus = all.surplus(keeping: policy.keepVersions)
        let kept = Set(all.all.filter { record in !surplus.contains { $0.id == record.id } }.map(\.artifact))
        var stays: [String] = []
        // What goes must not be in force any more, neither by its link nor by the journal.
        if !surplus.isEmpty {
            do throws(StepFailure) {
                if let doubts, doubts.apps.contains(work.app) { throw StepFailure(.local, doubts.words) }
                try settle()
                if hasActivated { try commit() }
            } catch {
                return .done("\(surplus.map(\.installed.folder).joined(separator: ", ")) stays: \(error)")
            }
        }
        for record in surplus {
            // What cannot be removed is in nobody's way; `Housekeeping` tells of it and tries again.
            do throws(StepFailure) { try discard(record, keepingArtifacts: kept) } catch {
                stays.append("\(record.installed.folder) stays: \(error)")
            }
        }
        try discardDownloads(of: work.app, keeping: kept)
        try? FileTree.emptyTrash(in: context.folders.releasesFolder(of: work.app))
        let words = surplus.map(\.installed.folder).joined(separator: ", ")
        return surplus.isEmpty ? .already() : .done(([words] + stays).joined(separator: "; "))
    }

    /// Takes away what downloads of versions that are wanted no more left.
    private func discardDownloads(of app: AppName, keeping kept: Set<String>) throws(StepFailure) {
        try system { () throws(SystemError) in
            // No name of an app has a dot, so the prefix is this app's alone.
            for name in try FileTree.list(self.context.folders.downloadsFolder) where name.hasPrefix("\(app).v") {
                if kept.contains(Housekeeping.base(of: name)) { continue }
                _ = try FileTree.removeFile(self.store.artifactPath(name))
                FaultPoint.pass("downloads.discarded")
            }
        }
    }

    /// Takes one release away: folder, inventory, artifact, row; in this order, so that a crash leaves the row.
    func discard(_ record: ReleaseRecord, keepingArtifacts kept: Set<String>) throws(StepFailure) {
        try system { () throws(SystemError) in
            let path = self.store.path(record.app, record.installed.folder)
            if FileTree.exists(path) { try FileTree.removeTree(path) }
            FaultPoint.pass("prune.emptied")
            _ = try FileTree.removeFile(self.store.inventoryPath(record.app, record.installed.folder))
            FaultPoint.pass("prune.uninventoried")
            if !record.artifact.isEmpty, !kept.contains(record.artifact) {
                try Downloader.discard(self.store.artifactPath(record.artifact))
            }
        }
        FaultPoint.pass("prune.removed")
        note { c throws(DatabaseError) in try c.deleteRelease(record.id) }
    }
}
