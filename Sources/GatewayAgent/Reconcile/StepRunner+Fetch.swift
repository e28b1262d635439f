internal import DeviceClient
internal import Documents
internal import GatewayModel
internal import Glibc
internal import GatewaySystem
internal import Wire

extension StepRunner {
    /// Runs `download`, `verify` and `unpack`: three steps in the journal, one pass over the bytes.
    ///
    /// The artifact goes into `downloads/`, where a part of it survives and is resumed; the release is unpacked into
    /// `.staging`, which nobody looks at, and renamed once its digest is right and everything of it is on the disk.
    func fetch(_ work: AppProgress, until: PassOptions.Until?) {
        defer { if isEnoughStaged { nameStaged(isLast: until != nil) } }
        guard var wish = work.plan.wish, work.failure == nil else { return }
        // A repair brings back what was installed, not what lies under its name by now (D16).
        if work.plan.action == .repair, wish.sha256 == nil { wish.sha256 = work.before?.installed.digest }
        if let release = reusable(for: work, wish) {
            work.release = release
            for step in work.plan.steps where step.isFetch {
                emit(.step(work.app, step, .alreadySatisfied, message: "\(release.installed.folder) is unpacked"))
            }
            return
        }
        defer { if work.failure != nil { leaveNothing(work) } }
        var limits = UnpackLimits()
        limits.allowsSetuid = policy.allowSetuid
        let job = UnpackJob(staging: store.stagingPath(work.app), limits: limits)
        perform(.download, work) { () throws(StepFailure) in
            try self.clearStaging(work)
            return try self.download(work, wish, until == .download ? nil : job)
        }
        // The thread is done with the staging folder before anybody else touches it.
        let streamed = job.wait()
        perform(.verify, work) { () throws(StepFailure) in try self.verify(work, wish) }
        if until == .download { return }
        perform(.unpack, work) { () throws(StepFailure) in
            try self.unpack(work, wish, job, streamed)
            return nil
        }
    }

    /// Takes away what a package that failed has left, and the app's folder if nothing else is in it. What cannot be
    /// removed now is in nobody's way.
    func leaveNothing(_ work: AppProgress) {
        let folder = context.folders.releasesFolder(of: work.app)
        try? FileTree.removeTree(store.stagingPath(work.app))
        try? FileTree.emptyTrash(in: folder)
        // rmdir(2) refuses a folder with anything in it.
        rmdir(folder)
    }

    /// A release of an earlier pass that was unpacked or installed but not yet in force, or one that was in force and
    /// whose package runs nothing: those need no second unpacking. Not the one in force: a repair needs a new folder.
    private func reusable(for work: AppProgress, _ wish: ReleaseWish) -> ReleaseRecord? {
        work.others.first { record in
            guard record.installed.satisfies(wish), record.state != .installing else { return false }
            if record.activated, store.hasInstaller(work.app, record.installed.folder) { return false }
            return isIntact(record)
        }
    }

    private func isIntact(_ record: ReleaseRecord) -> Bool {
        let folder = store.path(record.app, record.installed.folder)
        guard let inventory = try? Inventory.read(store.inventoryPath(record.app, record.installed.folder)) else {
            return false
        }
        return inventory.digest == record.inventory && inventory.verify(folder, deep: false).isEmpty
    }

    private func clearStaging(_ work: AppProgress) throws(StepFailure) {
        try system { () throws(SystemError) in
            _ = try FileTree.makeDirectory(
                self.context.folders.releasesFolder(of: work.app), isDurable: self.syncsEach)
            let staging = self.store.stagingPath(work.app)
            if FileTree.exists(staging) { try FileTree.removeTree(staging) }
        }
        FaultPoint.pass("staging.cleared")
    }

    // MARK: download

    private func download(_ work: AppProgress, _ wish: ReleaseWish, _ job: UnpackJob?) throws(StepFailure) -> StepResult
    {
        if let kept = keptArtifact(for: work, wish) {
            work.artifact = kept
            return .already("\(kept.name) is here")
        }
        let name = store.artifactName(work.app, wish)
        let path = store.artifactPath(name)
        let isMoving = Monitor(false)
        let events = progressEvents(work, job, isMoving)
        let outcome: DownloadOutcome
        do throws(CloudFailure) {
            outcome = try SlowWork.run(
                waitingFor: place(of: wish), isDone: isMoving,
                tell: { [emit, app = work.app] in emit(.note("\(app): \($0)")) }
            ) { () throws(CloudFailure) -> DownloadOutcome in
                try transfer(work, wish, into: path, isDurable: job == nil || syncsEach, events: events)
            }
        } catch {
            job?.end(isWhole: false)
            switch error.kind {
            case .noSpace: throw StepFailure(.noSpace, error.description)
            case .wrongContent:
                throw StepFailure(work.plan.action == .repair ? .unavailable : .release, error.description)
            case .unavailable:
                var failure = StepFailure(error.isOfMachine ? .local : .unavailable, error.description)
                failure.isOfMachine = error.isOfMachine
                failure.fetch = error
                throw failure
            }
        }
        FaultPoint.pass("download.here")
        job?.end(isWhole: true)
        guard let digest = Digest(outcome.sha256) else {
            throw StepFailure(.local, "internal error: '\(outcome.sha256)' is no digest")
        }
        work.artifact = Artifact(name: name, digest: digest, byteCount: outcome.byteCount, doubt: outcome.doubt)
        report(work, .downloadSuccess, "downloaded \(outcome.byteCount) bytes")
        if outcome.requestCount == 0, outcome.resumedByteCount > 0 { return .already("\(name) is here") }
        let resumed = outcome.resumedByteCount > 0 ? ", \(outcome.resumedByteCount) of them from before" : ""
        return .done("\(outcome.byteCount) bytes\(resumed)")
    }

    private func transfer(
        _ work: AppProgress, _ wish: ReleaseWish, into path: String, isDurable: Bool,
        events: @escaping (DownloadEvent) -> Void
    ) throws(CloudFailure) -> DownloadOutcome {
        let limit = policy.bandwidth
        switch wish.location {
        case .content(let name):
            guard let cloud else {
                throw CloudFailure(description: "cannot download \(name): the cloud is out of reach or not configured")
            }
            return try cloud.download(
                name, into: path, configure: { $0.limit(wish, receiveLimit: limit, isDurable: isDurable) },
                events: events)
        case .url(let url):
            return try direct(.web(url: url), wish, into: path, isDurable: isDurable, events: events)
        case .path(let file):
            return try direct(.file(path: file), wish, into: path, isDurable: isDurable, events: events)
        }
    }

    private func direct(
        _ source: DownloadRequest.Source, _ wish: ReleaseWish, into path: String, isDurable: Bool,
        events: @escaping (DownloadEvent) -> Void
    ) throws(CloudFailure) -> DownloadOutcome {
        var request = DownloadRequest(source)
        request.limit(wish, receiveLimit: policy.bandwidth, isDurable: isDurable)
        request.isCancelled = isInterrupted
        do throws(TransferError) {
            if case .file = source { return try Downloader.copy(request, into: path, events: events) }
            let transfer = try HTTPTransfer(CloudIdentity.transferConfiguration(context))
            count(transfer, source)
            return try Downloader(transfer).download(request, into: path, events: events)
        } catch {
            var failure = CloudFailure(error)
            failure.isElsewhere = true
            throw failure
        }
    }

    /// For what a download waits, in words.
    private func place(of wish: ReleaseWish) -> String {
        switch wish.location {
        case .content: context.cloudWords
        case .url(let url): "its server (\(WebAddress(url)?.redacted ?? "no URL"))"
        case .path(let file): "the file \(file)"
        }
    }

    /// Lets a download from elsewhere be counted like one of the cloud's.
    private func count(_ transfer: HTTPTransfer, _ source: DownloadRequest.Source) {
        guard case .web(let url, _, _) = source else { return }
        let name = url.prefix { $0 != "?" && $0 != "#" }.split(separator: "/").last.map(String.init) ?? ""
        let identity = (try? Identity.resolve(context.configuration).text) ?? ""
        _ = UsageCounter(
            transfer, .init(identity: identity, method: .get, resources: [name]),
            meter: usage.count)
    }

    /// Tells how far it is, at most some fifty times, and feeds the unpacking.
    ///
    /// - Parameter isMoving: set when something that is worth telling has come.
    private func progressEvents(
        _ work: AppProgress, _ job: UnpackJob?, _ isMoving: Monitor<Bool>
    ) -> (DownloadEvent) -> Void {
        var total: Int64?
        var told: Int64 = 0
        let app = work.app
        return { [emit] event in
            job?.follow(event)
            switch event {
            case .started(_, let byteCount, let whole):
                FaultPoint.pass("download.started")
                total = whole
                told = byteCount
                emit(.progress(app, byteCount: byteCount, total: whole))
            case .appended(let byteCount):
                FaultPoint.pass("download.appended")
                guard byteCount - told >= max(65_536, (total ?? 1 << 26) / 50) || byteCount == total else { return }
                told = byteCount
                isMoving.update { $0 = true }
                emit(.progress(app, byteCount: byteCount, total: total))
            case .restarted(let reason): emit(.note("\(app): \(reason)"))
            case .retrying(let error, let pause):
                emit(.note("\(app): \(error); trying again in \(pause.components.seconds) s"))
            }
        }
    }

    /// The artifact that an installed release left, if it is the wished one and undamaged; a damaged one is removed.
    private func keptArtifact(for work: AppProgress, _ wish: ReleaseWish) -> Artifact? {
        let record = AppRecord(name: work.app, current: work.before, others: work.others).record(keeping: wish)
        guard let record, !record.artifact.isEmpty else { return nil }
        let path = store.artifactPath(record.artifact)
        guard let size = FileTree.byteCount(ofFile: path), let hex = try? SHA256.hex(ofFile: path) else { return nil }
        guard hex == record.installed.digest.hex else {
            try? Downloader.discard(path)
            FaultPoint.pass("download.discarded")
            return nil
        }
        return Artifact(name: record.artifact, digest: record.installed.digest, byteCount: size)
    }

    // MARK: verify

    private func verify(_ work: AppProgress, _ wish: ReleaseWish) throws(StepFailure) -> StepResult {
        guard let artifact = work.artifact else { throw StepFailure(.local, "internal error: nothing was downloaded") }
        if let wanted = wish.sha256, wanted != artifact.digest {
            try system { () throws(SystemError) in try Downloader.discard(self.store.artifactPath(artifact.name)) }
            throw StepFailure(.release, "\(artifact.name) has the digest \(artifact.digest), expected \(wanted)")
        }
        return .done("sha256 \(artifact.digest.short)" + (wish.sha256 == nil ? ", none was given" : ""))
    }

    // MARK: unpack

    private func unpack(
        _ work: AppProgress, _ wish: ReleaseWish, _ job: UnpackJob, _ streamed: UnpackJob.Outcome?
    ) throws(StepFailure) {
        guard let artifact = work.artifact else { throw StepFailure(.local, "internal error: nothing was downloaded") }
        var outcome = streamed ?? job.unpack(file: store.artifactPath(artifact.name))
        if streamed != nil, case .failure = outcome {
            // What ran beside the download may have read other bytes than those that are verified now: of a resumed part
            // that was void, of a file that was given up. Only what the whole file says counts.
            try clearStaging(work)
            outcome = job.unpack(file: store.artifactPath(artifact.name), isSecondLook: true)
        }
        var unpacked: Unpacked
        do throws(UnpackError) { unpacked = try outcome.get() } catch {
            guard let doubt = artifact.doubt, wish.sha256 == nil, error.isOfContent else {
                throw StepFailure(unpack: error, artifact: work.artifactLabel)
            }
            // Not the release's fault, then; the next try is to fetch it anew.
            try system { () throws(SystemError) in try Downloader.discard(self.store.artifactPath(artifact.name)) }
            throw StepFailure(.unavailable, "\(work.artifactLabel): \(error); \(doubt)")
        }
        note(unpacked.notes, work, wish)
        let staging = store.stagingPath(work.app)
        let kind = try checkPackage(work, wish, staging)
        let taken = Set(([work.before].compactMap(\.self) + work.others).map(\.installed.folder))
        let folder = store.freeFolder(work.app, version: wish.version, digest: artifact.digest, taken: taken)
        let about = Inventory.Release(
            app: work.app.text, version: wish.version.text, artifactDigest: artifact.digest.hex,
            origin: work.plan.origin.description)
        var inventory = Inventory(about, entries: unpacked.entries)
        let release = InstalledRelease(
            version: wish.version, digest: artifact.digest, folder: folder, kind: kind,
            artifactByteCount: artifact.byteCount, unpackedByteCount: inventory.byteCount,
            commandNumber: wish.commandNumber)
        var record = ReleaseRecord(
            app: work.app, installed: release, artifact: artifact.name, inventory: inventory.digest, state: .unpacked,
            bootID: context.bootID)
        // What cannot be supervised is refused while nothing is interrupted yet.
        let service = try ServiceConfiguration(context: context, policy: policy).make(
            record, desired: work.desired, in: staging)
        // An app that runs as another user may write where its package lets it; nobody may where there is none.
        if service?.definitions.contains(where: { $0.user != nil }) == true {
            do throws(SystemError) { try unpacked.restoreFolderModes(in: staging) } catch { throw StepFailure(error) }
            inventory = Inventory(about, entries: unpacked.entries)
            record.inventory = inventory.digest
        }
        let (row, now, barrier, entryCount) = (record, context.clock(), unpacked.barrier, unpacked.entries.count)
        let whole = inventory
        FaultPoint.pass("unpack.unpacked")
        // Recorded before it has its name: a folder that the journal does not know would be nobody's for ever.
        record.id = try write(isDurable: syncsEach) { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.insert(row, at: now)
        }
        FaultPoint.pass("unpack.inserted")
        let syncsEach = syncsEach
        try system { () throws(SystemError) in
            try whole.write(to: self.store.inventoryPath(work.app, folder), isDurable: syncsEach)
        }
        FaultPoint.pass("unpack.inventoried")
        let words = "\(entryCount) \(entryCount == 1 ? "entry" : "entries"), \(whole.byteCount) bytes"
        // The first one is there before all that follows; each is a descriptor.
        staged.append(
            StagedRelease(
                work: work, record: record, barrier: staged.isEmpty ? barrier : nil, result: .done(words)))
    }

    /// Says what whoever reads a pass should know of a package; `gwe package check` says the rest.
    private func note(_ notes: UnpackNotes, _ work: AppProgress, _ wish: ReleaseWish) {
        let checksum = wish.sha256 == nil ? notes.checksumSentence : nil
        for sentence in [notes.macSentence, checksum].compactMap(\.self) {
            emit(.note("\(work.app): \(work.artifactLabel): \(sentence)"))
        }
    }

    /// Holds `app.yaml` against name, version and machine; says what the package is.
    private func checkPackage(_ work: AppProgress, _ wish: ReleaseWish, _ folder: String) throws(StepFailure)
        -> ReleaseKind
    {
        let package: AppYAML?
        do { package = try AppYAML.load(releaseFolder: folder) } catch { throw StepFailure(.release, "\(error)") }
        if PackageName.reservedNames.contains(work.app.text), package == nil {
            throw StepFailure(.release, "\(work.app) is a reserved name, and the package has no app.yaml: refused")
        }
        if let why = package?.disagreement(name: work.app, version: wish.version, machine: KernelInfo.name.machine) {
            throw StepFailure(.release, why)
        }
        let hasService = package?.service?.command != nil || work.desired?.service?.value.command != nil
        return store.kind(ofReleaseAt: folder, hasService: hasService)
    }

    /// What belongs to a release after its installer has run, on disk before it counts.
    func recordInventory(
        _ work: AppProgress, _ record: ReleaseRecord, folder: String
    ) throws(StepFailure) -> (digest: String, byteCount: Int64) {
        let path = store.inventoryPath(work.app, record.installed.folder)
        let release = Inventory.Release(
            app: work.app.text, version: record.installed.version.text, artifactDigest: record.installed.digest.hex,
            origin: work.plan.origin.description)
        let inventory: Inventory
        do throws(SystemError) {
            inventory = try Inventory.scan(folder, as: release, reusing: try? Inventory.read(path))
        } catch {
            // More than can be looked after is the installer's fault, and does not get less by itself.
            guard error.code != ENAMETOOLONG, error.code != E2BIG else { throw StepFailure(.release, "\(error)") }
            throw StepFailure(error)
        }
        FaultPoint.pass("install.scanned")
        let syncsEach = syncsEach
        return try system { () throws(SystemError) in
            try inventory.write(to: path, isDurable: syncsEach)
            FaultPoint.pass("install.inventoried")
            try FileTree.syncFileSystem(containing: folder)
            FaultPoint.pass("install.synced")
            return (inventory.digest, inventory.byteCount)
        }
    }
}

extension DownloadRequest {
    /// What a wish says of size and content, and the policy of speed.
    mutating func limit(_ wish: ReleaseWish, receiveLimit: Int64?, isDurable: Bool) {
        isPackage = true
        self.isDurable = isDurable
        sha256 = wish.sha256?.hex
        if let size = wish.size { expectedByteCount = size }
        self.receiveLimit = receiveLimit
    }
}
