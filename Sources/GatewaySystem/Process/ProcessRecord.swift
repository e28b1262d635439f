internal import CLinux
internal import Glibc

/// The file that says which process runs for a name, so that a later agent finds it: written by the child itself before
/// exec, so that no kill can come in between (D21). Its lines:
/// ```
/// boot <boot id>
/// data <a line of the caller's>
/// cgroup <its folder>                 (missing where there is none, and in records of older versions)
/// pid <pid> <start ticks>
/// ```
/// It need not be synced: it only counts while the machine stays up, and the page cache outlives every process. A crash
/// before the last line leaves a record without a process, which means that none was started.
public struct ProcessRecord: Sendable, Hashable {
    /// The boot in which the record was made; `-` where /proc did not tell it.
    public var bootID: String
    /// The line that `create` was given.
    public var data: String
    /// The cgroup that the process was started in; nil where there is none.
    public var controlGroup: ControlGroup?
    /// nil when the child has not come to its exec: then no process was started.
    public var pid: Int32?
    /// When the process started, see `ProcessFacts.startTicks`; 0 without a pid.
    public var startTicks: UInt64

    /// Makes a new file in place of an old one and returns a descriptor for `SpawnRequest.record`, which the caller
    /// closes. An old child that has not come to its exec yet writes to the old file, not to this one.
    public static func create(
        _ path: String, data: String, controlGroup: ControlGroup? = nil
    ) throws(SystemError) -> Int32 {
        guard unlink(path) == 0 || errno == ENOENT else { throw .last("remove \(path)") }
        let fd = gwe_open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw .last("make \(path)") }
        let group = controlGroup.map { "cgroup \($0.path)\n" } ?? ""
        let text = Array("boot \(ProcessFacts.bootID ?? "-")\ndata \(data)\n\(group)".utf8)
        let count = write(fd, text, text.count)
        guard count == text.count else {
            let error = SystemError("write \(path)", code: count < 0 ? errno : ENOSPC)
            close(fd)
            unlink(path)
            throw error
        }
        return fd
    }

    /// What a record's file name ends with.
    public static let suffix = ".process"

    /// Makes the folder of records if there is none, and names the records in it, without their suffix.
    public static func folder(_ path: String) throws(SystemError) -> [String] {
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw .last("make folder \(path)") }
        var folder = try FolderReader(path)
        var names: [String] = []
        // On a broken disk some records are better than none: each is a process that is not started twice.
        while let name = try? folder.next()?.name {
            if name.hasSuffix(suffix) { names.append(String(name.dropLast(suffix.count))) }
        }
        return names.sorted()
    }

    /// Removes the file. One that is not there or cannot be removed is no error. Not synced: see above.
    public static func remove(_ path: String) { unlink(path) }

    /// nil when there is none, or none that can be read; at most 1 MiB.
    public init?(_ path: String) {
        guard let text = ProcessFacts.content(path, limit: 1 << 20) else { return nil }
        var bootID: String?
        var data: String?
        var process: [Substring] = []
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix("boot ") {
                bootID = String(line.dropFirst(5))
            } else if line.hasPrefix("data ") {
                data = String(line.dropFirst(5))
            } else if line.hasPrefix("cgroup ") {
                controlGroup = ControlGroup(path: String(line.dropFirst(7)))
            } else if line.hasPrefix("pid ") {
                process = line.split(separator: " ")
            }
        }
        guard let bootID, let data else { return nil }
        self.bootID = bootID
        self.data = data
        pid = process.count == 3 ? Int32(process[1]) : nil
        startTicks = process.count == 3 ? UInt64(process[2]) ?? 0 : 0
    }

    /// Whether the record was made since this boot.
    public var isOfThisBoot: Bool { bootID == ProcessFacts.bootID && bootID != "-" }

    /// The process of this record, if it still runs, or if it is a child of ours that has ended and was not reaped: one that
    /// ended while this process was replaced by exec.
    public var process: ProcessFacts? {
        guard isOfThisBoot, let pid, let facts = ProcessFacts(pid, withZombies: true), facts.startTicks == startTicks,
            !facts.isZombie || facts.parent == getpid()
        else { return nil }
        return facts
    }
}
