/// The `policy` mapping as a layer wrote it: absent keys are nil.
public struct PolicyLayer: Sendable, Hashable {
    /// Releases of an app that are kept, the current one included: 1 to 100.
    public var keepVersions: Int?
    /// Whether packages without a signature are refused.
    public var requireSignature: Bool?
    /// Whether a lower version may replace a higher one.
    public var allowDowngrade: Bool?
    /// Whether packages may hold setuid files.
    public var allowSetuid: Bool?
    /// The time of day in which apps may be interrupted.
    public var window: DailyWindow?
    /// Bytes per second.
    public var bandwidth: Int64?
    /// Which layer wins where both name an app.
    public var precedence: Policy.Precedence?
    /// Whether an app that fails, is blocked or must wait keeps the others from being interrupted.
    public var atomic: Policy.Atomicity?
    /// Bytes.
    public var logBudget: Int64?
    /// Lines per second and app.
    public var logRate: Int?
    /// Bytes per interface and period: `ppp0: 50MiB/month`.
    public var dataBudget: [String: DataBudget]?
    /// How much of gwe's own environment apps and installers get.
    public var environment: Policy.Environment?

    /// A policy that says nothing.
    public init() {}
}

/// A time of day in which apps may be interrupted, in the gateway's local time; may pass midnight.
public struct DailyWindow: Sendable, Hashable {
    /// Minutes after midnight, 0 to 1439.
    public var start: Int
    /// Minutes after midnight, 0 to 1439: the first one that is outside again.
    public var end: Int

    /// A window of two different minutes; `Quantities.window(_:)` reads one.
    public init(start: Int, end: Int) {
        self.start = start
        self.end = end
    }

    /// Whether a time of day lies inside; the start belongs to it, the end does not.
    public func contains(minuteOfDay minute: Int) -> Bool {
        start <= end ? (start..<end).contains(minute) : minute >= start || minute < end
    }
}

/// What may go over a network interface in a period, in both directions together.
public struct DataBudget: Sendable, Hashable {
    /// A calendar day or month, in UTC.
    public enum Period: String, Sendable, Hashable, CaseIterable { case day, month }
    /// For the whole period.
    public var byteCount: Int64
    /// When the count begins anew.
    public var period: Period

    /// A budget by hand; `Quantities.budget(_:)` reads one.
    public init(byteCount: Int64, period: Period) {
        self.byteCount = byteCount
        self.period = period
    }
}

/// The policy in force.
public struct Policy: Sendable, Hashable {
    /// Which of two layers ranks higher.
    public enum Precedence: String, Sendable, Hashable, CaseIterable { case cloud, local }
    /// `app`: each app for itself. `all`: no app is interrupted before every installer of the pass has ended well, nor
    /// while an app is blocked or must wait.
    public enum Atomicity: String, Sendable, Hashable, CaseIterable { case app, all }

    /// `inherit`: apps and installers get the environment of gwe run, but for what speaks to gwe itself. `clean`: of it only PATH,
    /// LANG, TZ, HOME, USER, LOGNAME, SHELL and what begins with `GWE_`.
    public enum Environment: String, Sendable, Hashable, CaseIterable { case inherit, clean }

    /// What `log_rate: unlimited` stands for; any lower rate is tighter.
    public static let unlimitedLogRate = 1_000_000_000

    /// Releases of an app that are kept, the current one included; at least 1.
    public var keepVersions = 2
    /// Whether packages without a signature are refused. So far gwe can check none, so true installs nothing new.
    public var requireSignature = false
    /// Whether a lower version may replace a higher one.
    public var allowDowngrade = false
    /// Whether packages may hold setuid files.
    public var allowSetuid = false
    /// The time of day in which apps may be interrupted; nil is any.
    public var window: DailyWindow?
    /// The highest rate of a download in bytes per second; nil is no limit.
    public var bandwidth: Int64?
    /// Which layer wins where both name an app.
    public var precedence = Precedence.cloud
    /// Whether an app that fails, is blocked or must wait keeps the others from being interrupted.
    public var atomic = Atomicity.app
    /// Bytes for the logs of all apps together; 16 MiB where no layer says.
    public var logBudget: Int64 = 16 << 20
    /// Lines per second and app; `unlimitedLogRate` is no limit.
    public var logRate = 1_000
    /// Limits by the name of the network interface; an interface that is not there has none.
    public var dataBudget: [String: DataBudget] = [:]
    /// How much of gwe's own environment apps and installers get.
    public var environment = Environment.inherit

    /// The defaults.
    public init() {}
}
