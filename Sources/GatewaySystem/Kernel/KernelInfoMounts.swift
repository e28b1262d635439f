internal import Glibc

extension KernelInfo {
    /// A mounted file system and its use in KiB, as df(1) counts it.
    public struct FileSystemUse: Sendable, Hashable {
        /// `/dev/mmcblk0p2`; a word such as `tmpfs` where there is no device.
        public var device: String
        /// The folder that it is mounted on.
        public var mountPoint: String
        /// `ext4`, `vfat`, `tmpfs`.
        public var type: String
        /// Size in KiB.
        public var total: Int64
        /// KiB that hold data; root's reserve is not among them.
        public var used: Int64
        /// To ordinary users: without root's reserve.
        public var available: Int64

        /// A file system with its use, 0 where that was not asked for.
        public init(
            device: String, mountPoint: String, type: String, total: Int64 = 0, used: Int64 = 0, available: Int64 = 0
        ) {
            self.device = device
            self.mountPoint = mountPoint
            self.type = type
            self.total = total
            self.used = used
            self.available = available
        }

        /// Rounded up; nil where the file system counts no blocks.
        public var usedPercent: Int64? {
            let whole = used + available
            return whole > 0 ? (used * 100 + whole - 1) / whole : nil
        }
    }

    /// Local file systems with blocks of their own, each device once, in the order in which they were mounted.
    ///
    /// Network file systems and automount points are left out unasked, because statvfs(3) on a dead server never
    /// returns. A mount point that cannot be examined is left out too.
    public static func fileSystems() throws(SystemError) -> [FileSystemUse] {
        let text = String(decoding: try AtomicFile.read("/proc/self/mounts", limit: 1 << 20), as: UTF8.self)
        var byDevice: [UInt64: FileSystemUse] = [:]
        var order: [UInt64] = []
        for mount in mounts(in: text) where !isRemote(mount) {
            var use = mount
            var space = statvfs()
            var status = stat()
            guard statvfs(mount.mountPoint, &space) == 0, space.f_blocks > 0, stat(mount.mountPoint, &status) == 0
            else { continue }
            let unit = Int64(clamping: space.f_frsize)
            func kibibytes(_ blocks: some BinaryInteger) -> Int64 {
                let (product, overflow) = Int64(clamping: blocks).multipliedReportingOverflow(by: unit)
                return (overflow ? .max : product) / 1_024
            }
            use.total = kibibytes(space.f_blocks)
            use.used = use.total - kibibytes(space.f_bfree)
            use.available = kibibytes(space.f_bavail)
            let device = UInt64(status.st_dev)
            // A bind mount shows the same device twice; the shorter path is the one people know.
            if let known = byDevice[device] {
                if mount.mountPoint.utf8.count < known.mountPoint.utf8.count { byDevice[device] = use }
            } else {
                byDevice[device] = use
                order.append(device)
            }
        }
        return order.compactMap { byDevice[$0] }
    }

    /// The lines of /proc/mounts (proc_pid_mounts(5)), without use. Of two mounts on one place the later one hides
    /// the earlier.
    public static func mounts(in text: String) -> [FileSystemUse] {
        var mounts: [FileSystemUse] = []
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: false)
            guard fields.count >= 3 else { continue }
            let point = unescape(fields[1])
            mounts.removeAll { $0.mountPoint == point }
            mounts.append(FileSystemUse(device: unescape(fields[0]), mountPoint: point, type: String(fields[2])))
        }
        return mounts
    }

    private static func isRemote(_ mount: FileSystemUse) -> Bool {
        let remote: Set<String> = [
            "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "9p", "autofs", "lustre",
        ]
        return remote.contains(mount.type) || (mount.type.hasPrefix("fuse") && mount.type != "fuseblk")
    }

    /// `\040` and its like, which stand for blank, tab, newline and backslash.
    static func unescape(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = field.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, let value = UInt8(String(Substring(digits)), radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
