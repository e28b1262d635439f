/// The `policy` mapping as a layer wrote it: absent keys are nil.
public struct PolicyLayer: Sendable, Hashable {
    public var keepVersions: Int?
    public var requireSignature: Bool?
    public var allowDowngrade: Bool?
    public var allowSetuid: Bool?
    public var window: DailyWindow?
    /// Bytes per second.
    public var bandwidth: Int64?
    public var precedence: Policy.Precedence?
    public var atomic: Policy.Atomicity?
    /// Bytes.
    public var logBudget: Int64?
    /// Lines per second and app.
    public var logRate: Int?
    /// Bytes per interface and period: `ppp0: 50MiB/month`.
    public var dataBudget: [String: DataBudget]?

    public init() {}
}

/// A time of day in which apps may be interrupted, in the gateway's local time; may pass midnight.
public struct DailyWindow: Sendable, Hashable {
    /// Minutes after midnight, 0 to 1439.
    public var start: Int
    public var end: Int

    public init(start: Int, end: Int) {
        self.start = start
        self.end = end
    }

    /// Whether a time of day lies inside; the start belongs to it, the end does not.
    public func contains(minuteOfDay minute: Int) -> Bool {
        start <= end ? (start..<end).contains(minute) : minute >= start || minute < end
    }
}

public struct DataBudget: Sendable, Hashable {
    public enum Period: String, Sendable, Hashable, CaseIterable { case day, month }
    public var byteCount: Int64
    public var period: Period

    public init(byteCount: Int64, period: Period) {
        self.byteCount = byteCount
        self.period = period
    }
}

/// The policy in force.
public struct Policy: Sendable, Hashable {
    public enum Precedence: String, Sendable, Hashable, CaseIterable { case cloud, local }
    public enum Atomicity: String, Sendable, Hashable, CaseIterable { case app, all }

    /// What `log_rate: unlimited` stands for; any lower rate is tighter.
    public static let unlimitedLogRate = 1_000_000_000

    /// Releases of an app that are kept, the current one included; at least 1.
    public var keepVersions = 2
    public var requireSignature = false
    public var allowDowngrade = false
    public var allowSetuid = false
    public var window: DailyWindow?
    public var bandwidth: Int64?
    public var precedence = Precedence.cloud
    public var atomic = Atomicity.app
    public var logBudget: Int64 = 16 << 20
    /// Lines per second and app; `unlimitedLogRate` is no limit.
    public var logRate = 1_000
    public var dataBudget: [String: DataBudget] = [:]

    public init() {}
}
