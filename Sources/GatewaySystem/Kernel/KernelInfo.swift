internal import Glibc

/// What the kernel says of itself and the machine, read without starting a program.
public enum KernelInfo {
    /// uname(2).
    public struct Name: Sendable, Hashable {
        /// Name of the operating system.
        public var system = "Linux"
        /// The host's name in the network.
        public var node = ""
        /// Release of the kernel: `6.1.0-18-arm64`.
        public var release = ""
        /// Which build of that release: `#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)`.
        public var version = ""
        /// `x86_64`, `aarch64`, `armv7l`.
        public var machine = ""

        /// Empty but for `system`.
        public init() {}

        /// The line of `uname -a`.
        public var line: String {
            [system, node, release, version, machine, "GNU/Linux"].filter { !$0.isEmpty }.joined(separator: " ")
        }
    }

    /// Asks uname(2); `Name()` when that fails.
    public static var name: Name {
        var raw = utsname()
        var name = Name()
        guard uname(&raw) == 0 else { return name }
        name.system = withUnsafeBytes(of: raw.sysname, text)
        name.node = withUnsafeBytes(of: raw.nodename, text)
        name.release = withUnsafeBytes(of: raw.release, text)
        name.version = withUnsafeBytes(of: raw.version, text)
        name.machine = withUnsafeBytes(of: raw.machine, text)
        return name
    }

    private static func text(_ field: UnsafeRawBufferPointer) -> String {
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Load averages over 1, 5 and 15 minutes (getloadavg(3)); empty where the kernel tells none.
    public static var loadAverages: [Double] {
        var loads = [0.0, 0.0, 0.0]
        let count = getloadavg(&loads, 3)
        return Array(loads.prefix(max(0, Int(count))))
    }

    /// Time since boot, time asleep included (CLOCK_BOOTTIME).
    public static var uptime: Duration {
        var time = timespec()
        guard clock_gettime(CLOCK_BOOTTIME, &time) == 0 else { return .zero }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// The local time as date(1) writes it in the C locale: `Thu Dec 21 18:31:06 UTC 2017`.
    public static var date: String {
        var now = time(nil)
        var parts = tm()
        tzset()
        guard localtime_r(&now, &parts) != nil else { return "" }
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, "%a %b %e %H:%M:%S %Z %Y", &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Degrees Celsius by name of thermal zone (Documentation/driver-api/thermal/sysfs-api.rst). Two zones of one type
    /// are told apart by their number.
    public static func temperatures(folder: String = "/sys/class/thermal") -> [String: Double] {
        var found: [String: Double] = [:]
        for zone in names(in: folder) where zone.hasPrefix("thermal_zone") {
            guard let text = line(of: "\(folder)/\(zone)/temp"), let thousandths = Int(text) else { continue }
            let type = line(of: "\(folder)/\(zone)/type") ?? zone
            found[found[type] == nil ? type : zone] = Double(thousandths) / 1_000
        }
        return found
    }

    /// The first line of a small file of /proc or /sys; nil when it cannot be read, as some attributes of sysfs cannot.
    static func line(of path: String) -> String? {
        guard let bytes = try? AtomicFile.read(path, limit: 4_096) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// The entries of a folder in the order of their bytes; empty when there is no such folder.
    static func names(in folder: String) -> [String] {
        guard var reader = try? FolderReader(folder) else { return [] }
        var names: [String] = []
        while let entry = try? reader.next() { names.append(entry.name) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
