internal import GatewayModel
internal import GatewaySystem

/// What is known of artifacts before they are fetched: which are here already, and how large the others are.
struct ArtifactSurvey {
    let context: GatewayContext
    let records: [AppName: AppRecord]
    let cloud: (any CloudLink)?

    /// Looks only at what the plan would download. Where the data budget is used up, the cloud is not asked for sizes: an
    /// idle loop stays one request.
    /// - Parameter urgent: apps that are downloaded whatever is left.
    func survey(_ plan: Plan, urgent: Set<AppName>, into observed: inout ObservedState) {
        let isUsedUp = observed.allowance?.isUsedUp ?? false
        let store = ReleaseStore(folders: context.folders)
        for change in plan.apps where change.steps.contains(.download) {
            guard let wish = change.wish else { continue }
            if let artifact = present(change, wish, store) {
                observed.presentArtifacts.insert(wish)
                observed.artifactByteCounts[wish] = artifact
                continue
            }
            switch wish.location {
            case .path(let path):
                observed.presentArtifacts.insert(wish)
                observed.artifactByteCounts[wish] = FileTree.byteCount(ofFile: path)
            case .content where isUsedUp && !urgent.contains(change.app): break
            case .content(let name):
                let path = store.artifactPath(store.artifactName(change.app, wish))
                if let facts = try? cloud?.contentFacts(name, downloadedTo: path) {
                    observed.artifactByteCounts[wish] = facts.byteCount
                    observed.partialByteCounts[wish] = facts.partialByteCount
                }
            case .url(let url):
                var request = DownloadRequest(.web(url: url))
                request.sha256 = wish.sha256?.hex
                let path = store.artifactPath(store.artifactName(change.app, wish))
                observed.partialByteCounts[wish] = Downloader.partialByteCount(request, at: path)
            }
        }
    }

    /// Bytes of an artifact that lies in `downloads/` and is the wished one for certain; nil when it must be asked for.
    private func present(_ change: AppPlan, _ wish: ReleaseWish, _ store: ReleaseStore) -> Int64? {
        if let record = records[change.app]?.record(keeping: wish), !record.artifact.isEmpty {
            return FileTree.byteCount(ofFile: store.artifactPath(record.artifact))
        }
        guard wish.sha256 != nil else { return nil }
        return FileTree.byteCount(ofFile: store.artifactPath(store.artifactName(change.app, wish)))
    }
}

extension AppRecord {
    /// A release whose kept artifact serves for a wish: of the wished digest, or, for a wish without one, the release
    /// in force that satisfies it (a repair).
    func record(keeping wish: ReleaseWish) -> ReleaseRecord? {
        let all = [current].compactMap(\.self) + others
        if let digest = wish.sha256 { return all.first { $0.installed.digest == digest && !$0.artifact.isEmpty } }
        return current.flatMap { $0.installed.satisfies(wish) ? $0 : nil }
    }
}

extension ReleaseRecord {
    /// The wish for just this release.
    var wish: ReleaseWish {
        ReleaseWish(
            version: installed.version,
            location: .content(PackageName(name: app, version: installed.version).fileName),
            sha256: installed.digest, size: installed.artifactByteCount, commandNumber: installed.commandNumber)
    }
}
