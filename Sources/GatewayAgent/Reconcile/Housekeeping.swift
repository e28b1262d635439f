internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// What a pass tidies beside its plan: downloads that neither a wish nor a release names, releases that nobody keeps, and
/// what could not be removed when its time came. None of it is needed by anybody; what cannot be removed is told, and
/// tried again with the next pass.
struct Housekeeping {
    let context: GatewayContext
    let journal: Journal
    let emit: @Sendable (PassEvent) -> Void
    private let store: ReleaseStore

    init(context: GatewayContext, journal: Journal, emit: @escaping @Sendable (PassEvent) -> Void) {
        self.context = context
        self.journal = journal
        self.emit = emit
        store = ReleaseStore(folders: context.folders)
    }

    // MARK: downloads

    /// Takes away downloads, whole and in part, of releases that are neither installed nor wished for. Writes nothing:
    /// on a full disk it is what makes writing possible. While no wish is known, all stays.
    /// - Returns: whether something stays only because the manifest that forgets it is still being written.
    @discardableResult
    func sweepDownloads(_ inputs: DesiredInputs) throws(JournalError) -> Bool {
        guard inputs.isKnown, inputs.areLayersReadable else { return false }
        var names = (try? FileTree.list(context.folders.downloadsFolder)) ?? []
        guard !names.isEmpty else { return false }
        let records = try journal.apps()
        let installed = installedArtifacts(records)
        names.removeAll { installed.contains(Housekeeping.base(of: $0)) || !isDownload($0) }
        // As a rule each belongs to a release that is here, whatever is wanted.
        guard !names.isEmpty else { return false }
        let desired = inputs.merged(installed: records.compactMapValues { $0.current?.wish })
        let kept = wantedArtifacts(desired, records)
        let spared = try forgottenByHalf(inputs, desired, records)
        var holdsBack = false
        for name in names where !kept.contains(Housekeeping.base(of: name)) {
            if spared.contains(Housekeeping.base(of: name)) {
                holdsBack = true
                continue
            }
            // Whoever may still have it open must not keep the space.
            _ = try? FileTree.releaseFile(store.artifactPath(name))
        }
        return holdsBack
    }

    /// The artifacts of apps that the last good manifest named and one that is being written does not: the first half of a
    /// file is a good manifest too.
    private func forgottenByHalf(
        _ inputs: DesiredInputs, _ desired: DesiredState, _ records: [AppName: AppRecord]
    ) throws(JournalError) -> Set<String> {
        guard inputs.newLocalText != nil, FileWriting.isGoingOn(context.manifestFile),
            let last = try journal.layer(.local)
        else { return [] }
        var earlier = inputs.withLocal(last).merged(installed: records.compactMapValues { $0.current?.wish })
        earlier.apps = earlier.apps.filter { desired.apps[$0.key] == nil }
        return wantedArtifacts(earlier, records)
    }

    private func installedArtifacts(_ records: [AppName: AppRecord]) -> Set<String> {
        var kept: Set<String> = []
        for record in records.values {
            for release in record.all where !release.artifact.isEmpty { kept.insert(release.artifact) }
        }
        return kept
    }

    private func wantedArtifacts(_ desired: DesiredState, _ records: [AppName: AppRecord]) -> Set<String> {
        var kept: Set<String> = []
        for app in desired.apps.values where app.state.value != .absent {
            guard var wish = app.release?.value else { continue }
            kept.insert(store.artifactName(app.name, wish))
            // A repair asks for the digest of what is installed.
            guard wish.sha256 == nil, let current = records[app.name]?.current else { continue }
            wish.sha256 = current.installed.digest
            kept.insert(store.artifactName(app.name, wish))
        }
        return kept
    }

    /// `<app>.v…`, as `ReleaseStore.artifactName` makes it; whatever else lies there is somebody's.
    private func isDownload(_ name: String) -> Bool {
        guard let dot = name.firstIndex(of: "."), AppName(String(name[..<dot])) != nil else { return false }
        return name[dot...].hasPrefix(".v")
    }

    static func base(of name: String) -> String {
        [".partial", ".origin"].reduce(name) { $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0 }
    }

    // MARK: releases

    /// Takes away releases that no app keeps, of apps that the pass had nothing to do for, and what removals have left.
    /// While no wish is known, what is of no app in force stays.
    func sweepReleases(_ snapshot: Snapshot, _ inputs: DesiredInputs) throws(JournalError) {
        var troubles: [String] = []
        // A pass that did nothing has left them as it found them.
        let records = snapshot.plan.isEmpty ? snapshot.records : try journal.apps()
        let isWishKnown = inputs.isKnown && inputs.areLayersReadable
        let inSync = Set(snapshot.plan.inSync)
        for record in records.values.sorted(by: { $0.name < $1.name }) {
            let isForgotten =
                isWishKnown && record.current == nil && snapshot.desired.apps[record.name] == nil
            guard isForgotten || inSync.contains(record.name) else { continue }
            for release in record.surplus(keeping: snapshot.desired.policy.keepVersions) {
                guard remove(store.path(release.app, release.installed.folder), &troubles) else { continue }
                _ = try? FileTree.removeFile(store.inventoryPath(release.app, release.installed.folder))
                try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
                    try c.deleteRelease(release.id)
                }
            }
        }
        sweepLeftovers(records, &troubles)
        try tell(troubles)
    }

    private func sweepLeftovers(_ records: [AppName: AppRecord], _ troubles: inout [String]) {
        let releases = context.folders.releasesFolder
        for name in (try? FileTree.list(releases)) ?? [] {
            let path = "\(releases)/\(name)"
            if let app = AppName(name) {
                let known = Set(records[app]?.all.map(\.installed.folder) ?? [])
                for inner in store.leftovers(app, known: known) { _ = remove("\(path)/\(inner)", &troubles) }
            } else if name.hasPrefix(FileTree.trashPrefix), !name.hasPrefix(PackageInspection.folderPrefix) {
                _ = remove(path, &troubles)
            }
        }
    }

    private func remove(_ path: String, _ troubles: inout [String]) -> Bool {
        do throws(SystemError) {
            try FileTree.removeTree(path)
            return true
        } catch {
            let hint = error.code == EXDEV ? "something is mounted in it, umount it: " : ""
            troubles.append("\(path) cannot be removed: \(hint)\(error)")
            return false
        }
    }

    private func tell(_ troubles: [String]) throws(JournalError) {
        guard !troubles.isEmpty else {
            try journal.clearProblem(source: Journal.leftoverSource)
            return
        }
        let words = troubles.joined(separator: "; ") + "; it is tried again with each pass"
        let digest = SHA256.hex(of: Array(words.utf8))
        if try journal.reportProblem(source: Journal.leftoverSource, digest: digest, message: words) {
            emit(.problem(words))
        }
    }
}

extension AppRecord {
    /// Every release, the one in force first.
    var all: [ReleaseRecord] { [current].compactMap(\.self) + others }

    /// The releases that go where so many are kept: the one in force is the first, then come the newest that were
    /// installed, each content once. Of an app without one in force all go.
    func surplus(keeping count: Int) -> [ReleaseRecord] {
        guard let current else { return others }
        var kept = [current]
        return others.filter { $0.id != current.id }.sorted { $0.id > $1.id }.filter { record in
            let isTwin = kept.contains {
                $0.installed.version == record.installed.version && $0.installed.digest == record.installed.digest
            }
            guard record.state == .installed, !isTwin, kept.count < max(1, count) else { return true }
            kept.append(record)
            return false
        }
    }
}
