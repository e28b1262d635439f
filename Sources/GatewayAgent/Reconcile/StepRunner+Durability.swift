internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// A release in its staging folder, with its row and its inventory; none of it is durable yet.
struct StagedRelease {
    var work: AppProgress
    var record: ReleaseRecord
    /// Made before the first file of the release; nil where an earlier one's covers it.
    var barrier: FileSystemBarrier?
    /// How its unpack step ends.
    var result: StepResult
    let since = MonotonicTime.now
}

/// What several apps of a pass become durable by together. One syncfs costs little more than one fsync, and covers all of
/// them, where the state folder is one file system (`syncsEach`); otherwise each is synced on its own.
extension StepRunner {
    /// How long releases wait for a sync that they share: a power cut takes back no more of the downloads before it.
    private static let stagedPatience: Duration = .seconds(2)
    /// How many bytes of them.
    private static let stagedByteCount: Int64 = 16 << 20

    /// Whether what is unpacked should not wait for the rest of the phase.
    var isEnoughStaged: Bool {
        guard let first = staged.first else { return false }
        let byteCount = staged.reduce(Int64(0)) {
            $0.saturating(adding: $1.record.installed.unpackedByteCount)
        }
        return syncsEach || byteCount >= StepRunner.stagedByteCount
            || first.since.duration(to: .now) >= StepRunner.stagedPatience
    }

    /// Makes what was unpacked durable, and then gives it its names: files, inventories, rows of the journal, packages and
    /// the names of their folders, in this order. A new name is durable with the next `settle`: before an installer, before a
    /// start, or at the end.
    ///
    /// A crash before leaves rows without folders, which `Recovery` forgets.
    /// - Parameter isLast: whether no step follows that makes the names durable.
    func nameStaged(isLast: Bool) {
        let group = staged
        staged = []
        guard let first = group.first else { return }
        do throws(StepFailure) {
            try system { () throws(SystemError) in try first.barrier?.sync(tree: store.stagingPath(first.work.app)) }
        } catch {
            return group.forEach { abandon($0, error) }
        }
        FaultPoint.pass("unpack.synced")
        var named: [StagedRelease] = []
        for release in group {
            let app = release.work.app
            do throws(StepFailure) {
                try system { () throws(SystemError) in
                    try FileTree.move(
                        store.stagingPath(app), to: store.path(app, release.record.installed.folder),
                        isDurable: syncsEach)
                }
                FaultPoint.pass("unpack.renamed")
                named.append(release)
            } catch {
                abandon(release, error)
            }
        }
        for release in named {
            release.work.release = release.record
            finish(.unpack, release.work, release.result)
        }
        guard !syncsEach else { return }
        // Made before the names: it tells of errors since.
        barrier = barrier ?? first.barrier
        unsettled += named.map(\.work)
        if isLast { try? settle() }
    }

    private func abandon(_ release: StagedRelease, _ failure: StepFailure) {
        fail(.unpack, release.work, failure)
        leaveNothing(release.work)
        try? discard(release.record, keepingArtifacts: [release.record.artifact])
    }

    /// Makes durable that installers have ended: they must not run again.
    /// - Parameter works: whose way ends if that fails.
    func commitInstalled(_ works: [AppProgress]) {
        guard hasInstalled else { return }
        do throws(StepFailure) { try commit() } catch {
            for work in works where work.failure == nil && work.plan.steps.contains(.install) {
                fail(.install, work, error, isOver: true)
            }
        }
    }

    /// Notes, before it is done, that a name or a small file of the app changes and is not synced at once.
    func leaveUnsynced(_ work: AppProgress) throws(StepFailure) {
        guard !syncsEach else { return }
        if barrier == nil {
            barrier = try system { () throws(SystemError) in
                try FileSystemBarrier(directory: context.folders.stateFolder)
            }
        }
        if unsettled.last !== work { unsettled.append(work) }
    }

    /// Makes all of that durable, before anybody relies on it. Where it fails, it does for each app that is concerned: the
    /// kernel tells of what it could not write only once. The next pass writes it anew (`Unsettled`).
    /// - Parameter asking: the app whose step fails by itself when this throws.
    func settle(for asking: AppProgress? = nil) throws(StepFailure) {
        guard let barrier else { return }
        let works = unsettled
        (self.barrier, unsettled) = (nil, [])
        do throws(StepFailure) {
            try system { () throws(SystemError) in try barrier.sync(tree: context.folders.stateFolder) }
        } catch {
            for work in works where work !== asking && work.failure == nil {
                fail(work.isActivated ? .activate : .unpack, work, error, isOver: true)
            }
            let names = works.map(\.app)
            note { c throws(DatabaseError) in try c.noteUnsettled(names) }
            try? commit(isDurable: false)
            throw error
        }
        FaultPoint.pass("activate.settled")
    }

    /// Makes durable what is recorded, and what is unsettled with it: one sync for both.
    func commitAll(for work: AppProgress) throws(StepFailure) {
        guard barrier != nil else { return try commit() }
        try commit(isDurable: false)
        try settle(for: work)
        (hasInstalled, hasActivated) = (false, false)
    }
}
