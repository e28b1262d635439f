internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

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

    /// How the files of a release differ from its inventory. What could not be looked at is no damage: it is told, and
    /// looked at again by the next pass.
    func damage(_ record: ReleaseRecord) -> Damage {
        let folder = store.path(record.app, record.installed.folder)
        let name = "\(record.installed.folder).inventory"
        let inventory: Inventory
        do throws(SystemError) {
            guard try FileTree.kind(folder) != nil else { return Damage(drift: [.missing(path: ".")]) }
        } catch {
            return Damage(trouble: "\(record.app): \(error)")
        }
        do throws(Inventory.ReadError) {
            inventory = try Inventory.read(store.inventoryPath(record.app, record.installed.folder))
        } catch {
            switch error {
            case .damaged: return Damage(drift: [.modified(path: name)])
            case .system(let failure) where failure.code == ENOENT: return Damage(drift: [.missing(path: name)])
            case .system(let failure): return Damage(trouble: "\(record.app): \(failure)")
            }
        }
        guard inventory.digest == record.inventory else { return Damage(drift: [.modified(path: name)]) }
        var damage = Damage()
        for deviation in inventory.verify(folder, deep: isDeep, limit: Observer.driftLimit) {
            switch deviation.change {
            case .missing: damage.drift.append(.missing(path: deviation.path))
            case .unexamined: damage.trouble = "\(record.app): \(deviation) in \(folder)"
            case .type, .mode, .content, .target, .unreadable: damage.drift.append(.modified(path: deviation.path))
            }
        }
        return damage
    }

    /// What was found of a release.
    struct Damage: Sendable {
        var drift: [Drift] = []
        /// Why something of it could not be looked at; nil when all could.
        var trouble: String?
    }
}
