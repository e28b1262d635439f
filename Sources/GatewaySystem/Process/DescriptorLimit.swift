internal import CLinux
internal import Glibc

/// How many descriptors this process may have open (RLIMIT_NOFILE, getrlimit(2)). A supervisor needs several for each child:
/// it takes all that it may have, and leaves the last ones to itself, so that it can always answer and remember.
public enum DescriptorLimit {
    /// So many stay free for the agent's socket, its journal and the like when a process is started.
    public static let reserve = 16

    /// The soft limit before `raise`; nil where that changed nothing.
    private static let before = Lock<UInt64?>(nil)

    /// Raises the soft limit to the hard one. The programs that `ChildProcess` starts get the one from before: some go through
    /// all descriptors that there may be. Nothing is changed where that fails.
    public static func raise() {
        guard let (soft, hard) = limits, soft < hard, gwe_set_descriptor_limit(hard) == 0 else { return }
        before.withLock { $0 = $0 ?? soft }
    }

    /// Takes `raise` back, for a program that takes this process over.
    public static func restore() {
        let soft = before.withLock { before in
            defer { before = nil }
            return before
        }
        if let soft { _ = gwe_set_descriptor_limit(soft) }
    }

    /// What a child gets; 0 for what this process has.
    static var ofChildren: UInt64 { before.withLock { $0 ?? 0 } }

    private static var limits: (soft: UInt64, hard: UInt64)? {
        var (soft, hard): (UInt64, UInt64) = (0, 0)
        return gwe_descriptor_limit(&soft, &hard) == 0 ? (soft, hard) : nil
    }

    /// What a process may have open, and what it has.
    public struct Use: Sendable, Hashable {
        /// The soft limit.
        public var limit: Int
        /// How many are open.
        public var open: Int

        /// So many of so many.
        public init(limit: Int, open: Int) {
            self.limit = limit
            self.open = open
        }

        /// Whether so many more, for a start and soon after it, leave the reserve.
        public func hasRoom(for count: Int) -> Bool { open + max(0, count) + DescriptorLimit.reserve <= limit }

        /// "60 of 64 descriptors are open, …": what is so when there is no room, and what mends it.
        public var shortage: String {
            "\(open) of \(limit) descriptors are open, and \(DescriptorLimit.reserve) stay free for gwe itself: raise the hard "
                + "limit of gwe run (LimitNOFILE= of its unit, ulimit -Hn)"
        }
    }

    /// Of this process; nil without /proc.
    public static var use: Use? {
        guard let limits, let open = openCount("self") else { return nil }
        // The one that was used for counting is not counted.
        return Use(limit: Int(clamping: limits.soft), open: max(0, open - 1))
    }

    /// Of another process; nil when there is none, or this process may not look.
    public static func use(of pid: Int32) -> Use? {
        guard pid > 0, let bytes = ProcessFacts.content("/proc/\(pid)/limits"), let open = openCount("\(pid)") else {
            return nil
        }
        // "Max open files            1024                 4096                 files"
        let label = "Max open files"
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix(label) }),
            let soft = line.dropFirst(label.count).split(separator: " ").first
        else { return nil }
        return Use(limit: Int(soft) ?? .max, open: open)
    }

    /// Entries of /proc/PID/fd, the one of this look among them when it is this process's.
    private static func openCount(_ process: String) -> Int? {
        guard var folder = try? FolderReader("/proc/\(process)/fd") else { return nil }
        var count = 0
        do throws(SystemError) { while try folder.next() != nil { count += 1 } } catch { return nil }
        return count
    }
}
