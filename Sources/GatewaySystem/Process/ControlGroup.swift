internal import Glibc

/// One cgroup v2 (cgroups(7), Documentation/admin-guide/cgroup-v2.rst) that holds the processes of one app: no process leaves
/// it by fork, setsid or a change of its environment.
public struct ControlGroup: Sendable, Hashable {
    /// Its folder in the cgroup2 file system.
    public let path: String

    /// Makes nothing and looks at nothing: the group need not exist.
    public init(path: String) { self.path = path }

    /// Whether a living process is in it or below it; zombies do not count. nil when there is no such group.
    public var isPopulated: Bool? {
        ProcessFacts.content("\(path)/cgroup.events").map { ControlGroup.populated(in: $0) }
    }

    static func populated(in events: [UInt8]) -> Bool {
        String(decoding: events, as: UTF8.self).split(separator: "\n").contains("populated 1")
    }

    /// The living processes in it and below it.
    public var processes: [Int32] {
        var found = ControlGroup.numbers(path)
        for below in groupsBelow(depth: 8) { found += ControlGroup.numbers(below) }
        // 0 stands for a process of another pid namespace.
        return found.filter { $0 > 0 }
    }

    /// Sends a signal to every process in it but one.
    public func signal(_ number: Int32, except: Int32? = nil) {
        for pid in processes where pid != except && pid != getpid() { Glibc.kill(pid, number) }
    }

    /// SIGKILL to every process in it and below it. Where the kernel has no cgroup.kill (before 5.14) they are frozen first
    /// (5.2), so that none makes another meanwhile, or signalled again while new ones appear.
    public func kill() {
        if ControlGroup.write("1", to: "\(path)/cgroup.kill") { return }
        killOneByOne()
    }

    func killOneByOne() {
        let frozen = ControlGroup.write("1", to: "\(path)/cgroup.freeze")
        var known: Set<Int32> = []
        for _ in 0..<100 {
            let left = processes.filter { $0 != getpid() }
            for pid in left { Glibc.kill(pid, SIGKILL) }
            if known.isSuperset(of: left) { break }
            known.formUnion(left)
        }
        if frozen { _ = ControlGroup.write("0", to: "\(path)/cgroup.freeze") }
    }

    /// Removes it with the empty groups below it.
    /// - Returns: whether it is gone: not while a process is in it.
    @discardableResult
    public func remove() -> Bool {
        if rmdir(path) == 0 || errno == ENOENT { return true }
        for below in groupsBelow(depth: 8).reversed() { rmdir(below) }
        return rmdir(path) == 0 || errno == ENOENT
    }

    /// A descriptor of the folder, or -1 and errno.
    func open() -> Int32 { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) }

    /// Its descendants, each after its parent. No deeper than a limit: an app may make groups as it likes.
    private func groupsBelow(depth: Int) -> [String] {
        guard depth > 0 else { return [] }
        var found: [String] = []
        for name in ControlGroup.folders(in: path) {
            let below = "\(path)/\(name)"
            found.append(below)
            found += ControlGroup(path: below).groupsBelow(depth: depth - 1)
        }
        return found
    }

    static func folders(in path: String) -> [String] {
        guard var folder = try? FolderReader(path) else { return [] }
        var names: [String] = []
        while names.count < 10_000, let entry = try? folder.next() {
            if entry.kind == .directory { names.append(entry.name) }
        }
        return names
    }

    private static func numbers(_ path: String) -> [Int32] {
        guard let text = ProcessFacts.content("\(path)/cgroup.procs", limit: 1 << 20) else { return [] }
        return text.split(separator: UInt8(ascii: "\n")).compactMap { Int32(String(decoding: $0, as: UTF8.self)) }
    }

    static func write(_ text: String, to path: String) -> Bool {
        let file = Glibc.open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return text.utf8CString.withUnsafeBytes { Glibc.write(file, $0.baseAddress, text.utf8.count) }
            == text.utf8.count
    }
}
