internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

extension DoctorCheck {
    /// Whether what gwe makes durable is durable, as far as this can be known without cutting the power.
    static let sync = DoctorCheck(
        id: "fsync", subject: "whether what is synced stays, as far as can be seen", limit: .seconds(8)
    ) { scene in
        let folder = scene.folders.stateFolder
        guard FileTree.exists(folder) else { return .skipped("there is no state folder yet") }
        guard let mount = MountInfo(containing: folder) else { return .skipped("the mounts cannot be read") }
        var facts = SyncFacts(mount: mount, disk: BlockDeviceInfo(number: mount.device))
        facts.preloads = scene.environment["LD_PRELOAD"] ?? ""
        if let finding = facts.unmeasured, finding.verdict == .failed { return finding }
        do throws(SystemError) {
            facts.probe = try SyncProbe(folder: folder)
        } catch {
            switch error.code {
            case EROFS: return facts.unmeasured ?? .skipped("nothing can be tried: the file system is read-only")
            case ENOSPC, EDQUOT: return facts.unmeasured ?? .skipped("nothing can be tried: no space is left")
            default:
                if error.isNotPermitted { return facts.unmeasured ?? .skipped("not permitted to write in \(folder)") }
                return .failed("\(error)", hint: "the device may be dying: see dmesg")
            }
        }
        return facts.finding
    }
}

/// What is known of the place of the state folder, and the judgement of it. Nothing is claimed beyond that: a device that
/// answers before its data is safe is found out only where it answers faster than it can.
struct SyncFacts: Sendable {
    var mount: MountInfo
    var disk: BlockDeviceInfo?
    var probe: SyncProbe?
    var preloads = ""

    init(mount: MountInfo, disk: BlockDeviceInfo?) {
        self.mount = mount
        self.disk = disk
    }

    /// A rotating disk writes one block a turn: 4 ms at 15,000 turns a minute, on average half of it.
    static let rotatingFloor: Duration = .milliseconds(1)
    /// Below it no device has been asked to empty its cache: such a command alone takes longer.
    static let flushFloor: Duration = .microseconds(20)
    static let slow: Duration = .seconds(1)

    private var place: String { "\(mount.type) on \(mount.source)" }

    /// The judgement by kind and options alone; nil when they are no reason for worry.
    var unmeasured: DoctorFinding? {
        let move = "put the state folder on a file system of a local disk"
        if mount.type == "tmpfs" || mount.type == "ramfs"
            || disk.map({ $0.name.hasPrefix("zram") || $0.name.hasPrefix("ram") }) == true
        {
            return .failed("\(place) is in memory: nothing of it survives a restart", hint: move)
        }
        let lying = ["nobarrier", "barrier=0", "volatile"].filter(mount.options.contains)
        if !lying.isEmpty {
            return .failed(
                "\(place) is mounted with \(lying.joined(separator: ",")): a power cut may lose what was synced",
                hint: "mount it without that option")
        }
        if ["eatmydata", "nosync"].contains(where: { preloads.holds($0) }) {
            return .failed("LD_PRELOAD holds \(preloads): syncs of this process do nothing", hint: "unset LD_PRELOAD")
        }
        if mount.options.contains("data=writeback") {
            return .warning(
                "\(place) is mounted with data=writeback: new files may hold old data after a power cut",
                hint: "mount it with data=ordered")
        }
        if ["vfat", "msdos", "exfat"].contains(mount.type) {
            return .warning("\(place) has no journal: a power cut may damage it as a whole", hint: move)
        }
        if ["nfs", "nfs4", "cifs", "smb3", "9p"].contains(mount.type) || mount.type.hasPrefix("fuse") {
            return .warning("\(place): what a sync reaches is decided elsewhere and cannot be seen here", hint: move)
        }
        return nil
    }

    private var isVirtual: Bool {
        guard let disk else { return true }
        return ["vd", "xvd", "loop", "dm-", "md", "nbd"].contains { disk.name.hasPrefix($0) }
    }

    var finding: DoctorFinding {
        if let unmeasured { return unmeasured }
        guard let probe else { return .skipped("nothing was measured") }
        let measured =
            "\(probe.times.count) syncs of 4 KiB took \(probe.median.secondsText) in the middle, "
            + "\(probe.slowest.secondsText) at most (\(place))"
        let floor: Duration? =
            switch disk {
            case let disk? where !isVirtual && disk.isRotating: SyncFacts.rotatingFloor
            case let disk? where !isVirtual && disk.cache == "write back": SyncFacts.flushFloor
            default: nil
            }
        if let floor, probe.median < floor {
            return .warning(
                measured + ": faster than such a device can, so something keeps data back",
                hint: "cut the power while it writes and look; switch the cache of the disk off if it lies (hdparm -W0)"
            )
        }
        if probe.median > SyncFacts.slow {
            return .warning(measured + ": very slow", hint: "a worn flash card does that; replace it before it fails")
        }
        return .ok(measured + (isVirtual ? "; what lies beneath cannot be seen from here" : ""))
    }
}
