internal import Glibc

/// Tells a service manager how the service fares: sd_notify(3), spoken directly. One datagram a message to the socket that
/// the manager named in NOTIFY_SOCKET.
public struct ServiceNotification: Sendable {
    /// What fits `sun_path` (unix(7)): a path, or an abstract name that begins with a NUL byte.
    private let name: [UInt8]
    /// How often `WATCHDOG=1` is to be sent: half of what the manager allows (sd_watchdog_enabled(3)). nil when it does
    /// not watch, or watches another process.
    public let watchdogInterval: Duration?

    /// nil when no manager listens: NOTIFY_SOCKET is missing, or is neither an absolute path nor an abstract name (`@…`).
    /// - Parameter environment: with NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    public init?(environment: [String: String] = ProcessFacts.environment) {
        guard let text = environment["NOTIFY_SOCKET"], let first = text.utf8.first else { return nil }
        var name = Array(text.utf8)
        switch first {
        case UInt8(ascii: "/"): break
        case UInt8(ascii: "@"): name[0] = 0
        default: return nil
        }
        guard name.count > 1, name.count <= ServiceNotification.nameLimit else { return nil }
        self.name = name
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdogInterval = isOurs && microseconds > 0 ? .microseconds(microseconds) / 2 : nil
    }

    private static let nameLimit = 107

    /// Sends assignments such as `READY=1`; line ends within one become blanks. Waits at most a second for a manager that
    /// does not read. Returns whether the manager has it; a manager that is gone is no error.
    @discardableResult
    public func send(_ assignments: [String]) -> Bool {
        let text = assignments.map { String($0.map { $0.isNewline ? " " : $0 }) }.joined(separator: "\n")
        let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        // An abstract name ends where the length says, not at a NUL byte.
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let bytes = Array(text.utf8)
        let sent = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(fd, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
        return sent == bytes.count
    }

    /// `MONOTONIC_USEC=…`, which goes with `RELOADING=1`.
    public static var monotonicTime: String { "MONOTONIC_USEC=\(MonotonicTime.now.nanoseconds / 1_000)" }

    /// The variables by which a service manager speaks to the agent: not for the programs that the agent starts.
    public static let variables = [
        "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "INVOCATION_ID",
    ]
}
