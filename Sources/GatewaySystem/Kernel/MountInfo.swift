internal import Glibc

/// The mount that holds a path: a line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
public struct MountInfo: Sendable, Hashable {
    /// The folder that it is mounted on.
    public var mountPoint: String
    /// `ext4`, `tmpfs`, `overlay`.
    public var type: String
    /// `/dev/mmcblk0p2`; a word such as `tmpfs` where there is no device.
    public var source: String
    /// `8:1`; with major number 0 there is no block device.
    public var device: String
    /// Options of the mount and of the file system, as the kernel shows them; defaults are not among them.
    public var options: Set<String>

    /// A mount as a line of mountinfo would tell it; nothing is looked up.
    public init(mountPoint: String, type: String, source: String, device: String, options: Set<String>) {
        self.mountPoint = mountPoint
        self.type = type
        self.source = source
        self.device = device
        self.options = options
    }

    /// - Returns: nil when /proc is missing or the path does not exist.
    public init?(containing path: String) {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        guard let bytes = try? AtomicFile.read("/proc/self/mountinfo", limit: 4 << 20),
            let mount = MountInfo.find(String(cString: resolved), in: String(decoding: bytes, as: UTF8.self))
        else { return nil }
        self = mount
    }

    /// The mount with the longest path that leads to `path`; of two on one place the later one, which hides the other.
    static func find(_ path: String, in text: String) -> MountInfo? {
        var found: MountInfo?
        for line in text.split(separator: "\n") {
            guard let mount = MountInfo(line: line) else { continue }
            let prefix = mount.mountPoint == "/" ? "/" : mount.mountPoint + "/"
            guard path == mount.mountPoint || path.hasPrefix(prefix) else { continue }
            if (found?.mountPoint.utf8.count ?? 0) <= mount.mountPoint.utf8.count { found = mount }
        }
        return found
    }

    private init?(line: Substring) {
        let fields = line.split(separator: " ", omittingEmptySubsequences: false)
        guard let dash = fields.dropFirst(6).firstIndex(of: "-"), fields.count >= dash + 4 else { return nil }
        device = String(fields[2])
        mountPoint = KernelInfo.unescape(fields[4])
        type = String(fields[dash + 1])
        source = KernelInfo.unescape(fields[dash + 2])
        let all = fields[5].split(separator: ",") + fields[dash + 3].split(separator: ",")
        options = Set(all.map(KernelInfo.unescape))
    }
}

/// What sysfs knows of a block device (Documentation/ABI/stable/sysfs-block).
public struct BlockDeviceInfo: Sendable, Hashable {
    /// The whole disk's name: `mmcblk0`, also for `mmcblk0p2`.
    public var name: String
    /// As the driver says; virtual disks often say so too.
    public var isRotating: Bool
    /// `write back`: the device has a cache that it must be told to empty; `write through`: it has none, or claims so.
    public var cache: String

    /// A device as sysfs would tell it; nothing is looked up.
    public init(name: String, isRotating: Bool, cache: String) {
        self.name = name
        self.isRotating = isRotating
        self.cache = cache
    }

    /// - Parameter number: `8:1`, major and minor. nil when there is no such block device.
    public init?(number: String) {
        guard let link = FileTree.linkTarget("/sys/dev/block/\(number)") else { return nil }
        var parts = link.split(separator: "/")
        let folder = "/sys/dev/block/\(number)"
        let isPartition = FileTree.exists(folder + "/partition")
        if isPartition { parts.removeLast() }
        guard let name = parts.last else { return nil }
        let queue = folder + (isPartition ? "/.." : "") + "/queue"
        self.name = String(name)
        isRotating = KernelInfo.line(of: queue + "/rotational") == "1"
        cache = KernelInfo.line(of: queue + "/write_cache") ?? ""
    }
}
