internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Looks at what is there: the journal, checked against the disk and against what supervises. Writes nothing.
struct Observer {
    let context: GatewayContext
    let store: ReleaseStore
    let isDeep: Bool

    /// So many differences of one app are told; a repair needs one.
    static let driftLimit = 20

    init(context: GatewayContext, isDeep: Bool) {
        self.context = context
        store = ReleaseStore(folders: context.folders)
        self.isDeep = isDeep
    }

    /// - Parameter services: what supervises; nil when nothing does.
    func observe(
        apps: [AppName: AppRecord], desired: DesiredState, services: [AppName: ServiceSnapshot]?
    ) -> ObservedState {
        var state = ObservedState(minuteOfDay: context.trust.reading.localMinuteOfDay)
        state.clockDoubt = context.trust.doubt
        for (name, record) in apps {
            guard let current = record.current else { continue }
            let kept = record.others.filter { $0.state == .installed }.map(\.installed)
            let isRunning: Bool? =
                current.installed.kind == .service ? services.map { $0[name]?.isRunning ?? false } : nil
            state.apps[name] = ObservedApp(
                current: current.installed, kept: kept, drift: drift(of: current, desired: desired.apps[name]),
                isRunning: isRunning, hasEndedWell: services?[name]?.hasEndedWell ?? false)
        }
        state.freeByteCount = try? FileSystemInfo(containing: existingFolder).availableByteCount
        return state
    }

    /// The state folder, or the nearest folder above it that is there.
    private var existingFolder: String {
        var path = context.folders.stateFolder
        while !path.isEmpty, !FileTree.exists(path) {
            path = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        }
        return path.isEmpty ? "/" : path
    }

    /// How one installed app differs from what was installed.
    func drift(of record: ReleaseRecord, desired: DesiredApp?) -> [Drift] {
        var drift = files(of: record)
        let link = FileTree.linkTarget(context.folders.currentLink(of: record.app))
        if link != record.installed.folder { drift.append(.symlink(target: link)) }
        // With files missing the configuration cannot be generated, and is written anew by the repair anyway.
        if drift.isEmpty || link != record.installed.folder,
            let difference = ServiceConfiguration(context: context).difference(record, desired: desired)
        {
            drift.append(difference)
        }
        return drift
    }

    private func files(of record: ReleaseRecord) -> [Drift] {
        let folder = store.path(record.app, record.installed.folder)
        guard FileTree.exists(folder) else { return [.missing(path: ".")] }
        do {
            let inventory = try Inventory.read(store.inventoryPath(record.app, record.installed.folder))
            guard inventory.digest == record.inventory else {
                return [.modified(path: "\(record.installed.folder).inventory")]
            }
            return inventory.verify(folder, deep: isDeep, limit: Observer.driftLimit).map { deviation in
                deviation.kind == .missing ? .missing(path: deviation.path) : .modified(path: deviation.path)
            }
        } catch {
            return [.missing(path: "\(record.installed.folder).inventory")]
        }
    }
}
