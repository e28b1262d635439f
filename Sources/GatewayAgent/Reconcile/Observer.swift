internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Holds what the journal says is installed against the disk. Writes nothing.
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

    /// Free for gwe on the file system of the state folder; nil when not known.
    var freeByteCount: Int64? { try? FileSystemInfo(containing: existingFolder).availableByteCount }

    /// The state folder, or the nearest folder above it that is there.
    private var existingFolder: String {
        var path = context.folders.stateFolder
        while !path.isEmpty, !FileTree.exists(path) {
            path = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        }
        return path.isEmpty ? "/" : path
    }

    /// How one installed app differs from what was installed.
    /// - Parameter damage: what `damage(_:)` has found.
    func drift(of record: ReleaseRecord, damage: [Drift], desired: DesiredApp?, policy: Policy) -> [Drift] {
        var drift = damage
        let link = FileTree.linkTarget(context.folders.currentLink(of: record.app))
        if link != record.installed.folder { drift.append(.symlink(target: link)) }
        // With files missing the configuration cannot be generated, and is written anew by the repair anyway.
        if drift.isEmpty || link != record.installed.folder,
            let difference = ServiceConfiguration(context: context, policy: policy).difference(record, desired: desired)
        {
            drift.append(difference)
        }
        return drift
    }

    /// How the files of a release differ from its inventory.
    func damage(_ record: ReleaseRecord) -> [Drift] {
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
