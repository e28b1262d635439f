/// The one byte budget for the logs of all apps: which file goes next when it is exceeded. A pure decision.
public enum LogBudget {
    /// A log with its rotated files.
    public struct Log: Sendable, Hashable {
        /// Whose output it is: the logs of one app count together.
        public var app: AppName
        /// The path of the file itself; `.1`, `.2` behind it give the rotated ones.
        public var path: String
        /// Bytes by number: 0 is the file itself, 1 the newest rotated one.
        public var sizes: [Int: Int64]
        /// Whether rotation may leave rotated files; without them a full file begins anew.
        public var keepsBackups: Bool
        /// Whether the app is no longer installed.
        public var isRemoved: Bool

        /// A log as it was found on the disk.
        public init(
            app: AppName, path: String, sizes: [Int: Int64], keepsBackups: Bool = true, isRemoved: Bool = false
        ) {
            self.app = app
            self.path = path
            self.sizes = sizes
            self.keepsBackups = keepsBackups
            self.isRemoved = isRemoved
        }

        /// Of the file and its rotated ones together.
        public var byteCount: Int64 { sizes.values.reduce(0, +) }
        /// The number of the oldest rotated file.
        var oldest: Int? { sizes.keys.filter { $0 > 0 }.max() }
    }

    /// One thing to do that makes room.
    public enum Step: Sendable, Hashable {
        /// Remove the file with this number.
        case remove(path: String, number: Int)
        /// Keep the newer half of the file with this number.
        case cut(path: String, number: Int)
        /// Let the file begin anew.
        case empty(path: String)

        /// The log that the step is about.
        public var path: String {
            switch self {
            case .remove(let path, _), .cut(let path, _), .empty(let path): path
            }
        }
    }

    /// What is to be done next; nil when the logs are within the budget, or nothing is left to take. Removed apps come first,
    /// then the app with the most bytes in all its logs. Of an app the oldest rotated file goes; where it has more than half
    /// of its log, or only the file itself is left, its older half. So an app that writes more than the whole budget between
    /// two looks keeps the end of what it wrote.
    public static func next(_ logs: [Log], budget: Int64) -> Step? {
        let present = logs.filter { $0.byteCount > 0 }
        guard present.reduce(0, { $0 + $1.byteCount }) > budget else { return nil }
        var totals: [AppName: Int64] = [:]
        for log in present { totals[log.app, default: 0] += log.byteCount }
        let removed = present.filter(\.isRemoved)
        let candidates = removed.isEmpty ? present : removed
        // The name decides between equals, so that the same state always gives the same step.
        func total(_ log: Log) -> (Int64, String) { (totals[log.app] ?? 0, log.app.text) }
        guard let greediest = candidates.max(by: { total($0) < total($1) })?.app else { return nil }
        let own = candidates.filter { $0.app == greediest }.sorted { ($0.byteCount, $0.path) > ($1.byteCount, $1.path) }
        if let log = own.first(where: { $0.oldest != nil }), let oldest = log.oldest {
            let isMost = (log.sizes[oldest] ?? 0) > log.byteCount / 2
            return isMost && log.keepsBackups && !log.isRemoved
                ? .cut(path: log.path, number: oldest) : .remove(path: log.path, number: oldest)
        }
        guard let log = own.first else { return nil }
        if log.isRemoved { return .remove(path: log.path, number: 0) }
        return log.keepsBackups ? .cut(path: log.path, number: 0) : .empty(path: log.path)
    }
}
