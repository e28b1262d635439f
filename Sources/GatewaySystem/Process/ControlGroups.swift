internal import Glibc

/// The cgroups v2 of one gateway: a group `gwe-<key>` below the one that gwe is in, and in it one for each process tree. The
/// key is of the gateway's state folder, so that two gateways on one machine do not meet and the next agent on the same
/// folder finds the groups again.
///
/// No controller is enabled: the groups only keep processes together. Nothing is written when nothing may be: then there
/// are no `ControlGroups`.
public struct ControlGroups: Sendable, Hashable {
    /// The folder of the gateway's group, `…/gwe-<key>`, in the cgroup2 file system.
    public let path: String

    /// nil where no cgroup2 is mounted (D23), gwe's own group is not to be seen, or no group can be made in it.
    /// - Parameter stateFolder: must exist.
    public init?(stateFolder: String) {
        guard let mounts = ProcessFacts.content("/proc/self/mountinfo", limit: 1 << 20),
            let own = ProcessFacts.content("/proc/self/cgroup")
        else { return nil }
        self.init(
            mountinfo: String(decoding: mounts, as: UTF8.self), cgroup: String(decoding: own, as: UTF8.self),
            key: ControlGroups.key(stateFolder))
    }

    init?(mountinfo: String, cgroup: String, key: String) {
        guard let own = ControlGroups.own(mountinfo: mountinfo, cgroup: cgroup) else { return nil }
        let name = "gwe-\(key)"
        var parts = own.split(separator: "/", omittingEmptySubsequences: false)
        if let inside = parts.firstIndex(of: name[...]) {
            // An app of this gateway started this agent: it must not end with the app.
            parts.removeSubrange(inside...)
            _ = ControlGroup.write("0", to: parts.joined(separator: "/") + "/cgroup.procs")
        }
        let parent = parts.joined(separator: "/")
        // A child may only come into a group if its parent may write here.
        guard access("\(parent)/cgroup.procs", W_OK) == 0 else { return nil }
        path = "\(parent)/\(name)"
        guard mkdir(path, 0o755) == 0 || errno == EEXIST, access("\(path)/cgroup.procs", W_OK) == 0 else { return nil }
    }

    /// A name for a state folder, whatever path leads to it.
    public static func key(_ stateFolder: String) -> String {
        var info = stat()
        let known = stat(stateFolder, &info) == 0
        let real = realpath(stateFolder, nil)
        defer { free(real) }
        let text = "\(real.map { String(cString: $0) } ?? stateFolder) \(known ? "\(info.st_dev) \(info.st_ino)" : "")"
        return String(SHA256.hex(of: Array(text.utf8)).prefix(16))
    }

    /// The folder of a process's own cgroup v2, from the texts of /proc/self/mountinfo (proc_pid_mountinfo(5)) and
    /// /proc/self/cgroup (cgroups(7)); nil when it has none or cannot see it.
    static func own(mountinfo: String, cgroup: String) -> String? {
        guard
            let own = cgroup.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })?.dropFirst(3),
            !own.hasSuffix(" (deleted)"), !own.hasPrefix("/..")
        else { return nil }
        for line in mountinfo.split(separator: "\n") {
            // Five fields and any number of optional ones, `-`, and the type.
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard let dash = words.firstIndex(of: "-"), dash + 1 < words.count, words[dash + 1] == "cgroup2" else {
                continue
            }
            let fields = words[..<dash]
            guard fields.count >= 5 else { continue }
            let root = KernelInfo.unescape(fields[3])
            let point = KernelInfo.unescape(fields[4])
            if root == "/" { return own == "/" ? point : point + own }
            if own == root { return point }
            if own.hasPrefix(root + "/") { return point + Substring(own.utf8.dropFirst(root.utf8.count)) }
        }
        return nil
    }

    /// Makes a new, empty group for a process tree.
    public func create(_ name: String) throws(SystemError) -> ControlGroup {
        let plain = ControlGroups.encode(name)
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw .last("make control group \(path)") }
        // A number, because what is left of the last one may take a moment to end.
        for number in 1..<1_000 {
            let group = ControlGroup(path: "\(path)/\(plain).\(number)")
            if mkdir(group.path, 0o755) == 0 { return group }
            guard errno == EEXIST else { throw .last("make control group \(group.path)") }
            // Left by one that has ended: its processes are being killed.
            if group.remove(), mkdir(group.path, 0o755) == 0 { return group }
        }
        throw SystemError("make control group \(path)/\(plain)", code: EEXIST)
    }

    /// Whether a group may be one of a gateway's; told by its place alone.
    public static func isOfGateway(_ group: ControlGroup) -> Bool {
        let parts = group.path.split(separator: "/")
        return parts.count >= 2 && parts[parts.count - 2].hasPrefix("gwe-") && parts[parts.count - 1].hasPrefix("app-")
    }

    /// All groups of this gateway.
    public var all: [ControlGroup] { ControlGroup.folders(in: path).map { ControlGroup(path: "\(path)/\($0)") } }

    /// Removes the gateway's group, if nothing is left in it. Waits 100 ms for processes that the kernel still counts
    /// although they have ended.
    public func remove() {
        for _ in 0..<20 {
            for group in all { group.remove() }
            if rmdir(path) == 0 || errno == ENOENT || ControlGroup(path: path).isPopulated == true { return }
            usleep(5_000)
        }
    }

    /// `app-` and the name: no file of the kernel is called so. Other characters than those of app names become `%XX`; a name
    /// that is too long for a folder is known by its digest.
    static func encode(_ name: String) -> String {
        var text = "app-"
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                text.append(Character(Unicode.Scalar(byte)))
            default: text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text.utf8.count <= 200 ? text : "app-" + SHA256.hex(of: Array(name.utf8))
    }
}
