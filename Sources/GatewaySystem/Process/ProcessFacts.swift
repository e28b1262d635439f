internal import CLinux
internal import Glibc

/// What /proc says of a process that runs. Pid and start time together name one process for as long as the machine is up.
public struct ProcessFacts: Sendable, Hashable {
    /// Process number; the kernel gives it away again once the process has ended and was reaped.
    public var pid: Int32
    /// Clock ticks after boot (field 22 of /proc/PID/stat, proc(5)).
    public var startTicks: UInt64
    /// Pid of its parent; once that has ended, of whoever gets its orphans.
    public var parent: Int32
    /// Number of its process group.
    public var group: Int32
    /// Number of its session (setsid(2)).
    public var session: Int32
    /// Whether it has ended and its parent has not asked how.
    public var isZombie: Bool
    /// Whether a signal such as SIGSTOP has stopped it (state T): it does nothing until SIGCONT comes. A process that a
    /// debugger holds is in another state.
    public var isStopped: Bool

    /// nil when there is no such process, or only its zombie.
    public init?(_ pid: Int32) {
        self.init(pid, withZombies: false)
    }

    /// For tests of what is decided by them.
    init(
        pid: Int32, startTicks: UInt64, parent: Int32, group: Int32, session: Int32, isZombie: Bool = false,
        isStopped: Bool = false
    ) {
        self.pid = pid
        self.startTicks = startTicks
        self.parent = parent
        self.group = group
        self.session = session
        self.isZombie = isZombie
        self.isStopped = isStopped
    }

    /// nil when there is no such process.
    public init?(_ pid: Int32, withZombies: Bool) {
        guard pid > 0, let bytes = ProcessFacts.content("/proc/\(pid)/stat"),
            let bracket = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        // Field 3 is the first after the name.
        let fields = String(decoding: bytes[(bracket + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, fields[0] != "X", let parent = Int32(fields[1]), let group = Int32(fields[2]),
            let session = Int32(fields[3]), let start = UInt64(fields[19])
        else { return nil }
        isZombie = fields[0] == "Z"
        isStopped = fields[0] == "T"
        guard withZombies || !isZombie else { return nil }
        self.pid = pid
        self.parent = parent
        self.group = group
        self.session = session
        startTicks = start
    }

    /// Whether a signal has stopped a process (state T, proc_pid_stat(5)); false where that cannot be told.
    public static func isStopped(_ pid: Int32) -> Bool {
        guard pid > 0, let bytes = content("/proc/\(pid)/stat"), let bracket = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return false }
        let state = bytes[(bracket + 1)...].first { $0 != UInt8(ascii: " ") }
        return state == UInt8(ascii: "T") || state == UInt8(ascii: "t")
    }

    /// Since the process started; the time in suspend counts.
    public var uptime: Duration {
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        let ticksPerSecond = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        let started =
            Duration.seconds(Int64(startTicks / ticksPerSecond))
            + .nanoseconds(Int64(startTicks % ticksPerSecond * 1_000_000_000 / ticksPerSecond))
        return max(.zero, .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec) - started)
    }

    /// The value of a variable in the environment that the process was started with; nil when it cannot be read.
    public func environment(_ name: String) -> String? {
        guard let bytes = environmentBytes else { return nil }
        let prefix = Array("\(name)=".utf8)
        let line = bytes.split(separator: 0).first { $0.starts(with: prefix) }
        return line.map { String(decoding: $0.dropFirst(prefix.count), as: UTF8.self) }
    }

    /// The whole environment. While an execve(2) is on its way the kernel shows none, so an empty one is read again until
    /// the kernel says that it is empty, for 100 ms at the most.
    private var environmentBytes: [UInt8]? {
        for _ in 0..<100 {
            guard let bytes = ProcessFacts.content("/proc/\(pid)/environ") else { return nil }
            guard bytes.isEmpty, hasEnvironment else { return bytes }
            usleep(1_000)
        }
        return []
    }

    /// Whether there is an environment or will be: by vsize, env_start and env_end, fields 23, 50 and 51 of
    /// /proc/PID/stat (proc(5)). A thread of the kernel and a zombie have no memory; between an execve's new memory and
    /// the environment in it, env_end is 0.
    private var hasEnvironment: Bool {
        guard let bytes = ProcessFacts.content("/proc/\(pid)/stat"),
            let bracket = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return false }
        let fields = String(decoding: bytes[(bracket + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 48, fields[20] != "0" else { return false }
        return fields[48] == "0" || fields[47] != fields[48]
    }

    /// All processes that /proc shows, zombies left out.
    public static var all: [ProcessFacts] {
        guard var folder = try? FolderReader("/proc") else { return [] }
        var found: [ProcessFacts] = []
        while let entry = try? folder.next() {
            if let pid = Int32(entry.name), let facts = ProcessFacts(pid) { found.append(facts) }
        }
        return found
    }

    /// Its program file; nil when it cannot be read (another user's, or a thread of the kernel).
    var program: String? {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let count = readlink("/proc/\(pid)/exe", &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    /// Whether it has a file open that has one of these paths.
    func holds(_ paths: [String]) -> Bool {
        guard !paths.isEmpty, var folder = try? FolderReader("/proc/\(pid)/fd") else { return false }
        var buffer = [CChar](repeating: 0, count: 4_096)
        var seen = 0
        while seen < 4_096, let entry = try? folder.next() {
            seen += 1
            let count = readlink("/proc/\(pid)/fd/\(entry.name)", &buffer, buffer.count)
            guard count > 0 else { continue }
            let path = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if paths.contains(path) { return true }
        }
        return false
    }

    /// The id that Linux draws at each boot; nil without /proc.
    public static let bootID: String? = content("/proc/sys/kernel/random/boot_id").map {
        String(decoding: $0.prefix { $0 > 0x20 }, as: UTF8.self)
    }

    /// The environment of this process now.
    public static var environment: [String: String] {
        var result: [String: String] = [:]
        guard var next = gwe_environment() else { return result }
        while let text = next.pointee {
            let pair = String(cString: text)
            if let sign = pair.firstIndex(of: "=") {
                result[String(pair[..<sign])] = String(pair[pair.index(after: sign)...])
            }
            next += 1
        }
        return result
    }

    /// The pid of this process.
    public static var ownPid: Int32 { getpid() }

    /// The name of this host in the network; `localhost` when the kernel does not tell it.
    public static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The beginning of a file, up to about a limit; nil when it cannot be read.
    static func content(_ path: String, limit: Int = 262_144) -> [UInt8]? {
        let fd = retrying { open(path, O_RDONLY | O_CLOEXEC) }
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < limit {
            let count = retrying { read(fd, &buffer, buffer.count) }
            guard count > 0 else { return count == 0 ? bytes : nil }
            bytes.append(contentsOf: buffer.prefix(count))
        }
        return bytes
    }
}
