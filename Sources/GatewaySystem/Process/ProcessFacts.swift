internal import CLinux
internal import Glibc

/// What /proc says of a process that runs. Pid and start time together name one process for as long as the machine is up.
public struct ProcessFacts: Sendable, Hashable {
    public var pid: Int32
    /// Clock ticks after boot (field 22 of /proc/PID/stat, proc(5)).
    public var startTicks: UInt64
    public var group: Int32
    public var session: Int32

    /// nil when there is no such process, or only its zombie.
    public init?(_ pid: Int32) {
        guard pid > 0, let bytes = ProcessFacts.content("/proc/\(pid)/stat"),
            let bracket = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        // Field 3 is the first after the name.
        let fields = String(decoding: bytes[(bracket + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X", let group = Int32(fields[2]),
            let session = Int32(fields[3]), let start = UInt64(fields[19])
        else { return nil }
        self.pid = pid
        self.group = group
        self.session = session
        startTicks = start
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
        guard let bytes = ProcessFacts.content("/proc/\(pid)/environ") else { return nil }
        let prefix = Array("\(name)=".utf8)
        let line = bytes.split(separator: 0).first { $0.starts(with: prefix) }
        return line.map { String(decoding: $0.dropFirst(prefix.count), as: UTF8.self) }
    }

    /// All processes of a session, zombies left out.
    public static func members(ofSession session: Int32) -> [ProcessFacts] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [ProcessFacts] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = Int32(name), let info = ProcessFacts(pid), info.session == session { found.append(info) }
        }
        return found
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

    public static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The beginning of a file, up to about a limit; nil when it cannot be read.
    static func content(_ path: String, limit: Int = 262_144) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < limit {
            let count = read(fd, &buffer, buffer.count)
            guard count > 0 else { return count == 0 ? bytes : nil }
            bytes.append(contentsOf: buffer.prefix(count))
        }
        return bytes
    }
}
