internal import DeviceClient
public import GatewayModel
internal import Glibc
internal import GatewaySystem
internal import Synchronization

/// What every part of the agent needs to know of this gateway: where its files are, how it is configured, what time
/// it is. A value that is passed down; there is no global.
public struct GatewayContext: Sendable {
    /// Where the files are.
    public var folders: Folders
    /// The configuration in force when this was made.
    public var configuration: GatewayConfiguration
    /// What was wrong with its files when this was made, a line each.
    public var configurationProblems: [String] = []
    /// The path of the local manifest: that of the configuration folder, unless a command named another.
    public var manifestFile: String
    /// The time for records: the wall clock's while it can be believed, else one in doubt (`WallTime.inDoubt`).
    public var clock: @Sendable () -> WallTime
    /// Whether the wall clock can be believed.
    public var trust: ClockTrust
    /// Time since boot, sleep included: for every interval.
    public var sinceBoot: @Sendable () -> Duration
    /// Of one request to the cloud; nil: as the device client has it.
    var requestTimeout: Duration?
    /// Changes with every start of the kernel.
    public var bootID: String
    /// See `usageMeter`.
    let sharedMeter = SharedUsageMeter()

    /// - Parameter isClockSynchronised: see `ClockTrust`; adjtimex(2) unless a test says otherwise.
    public init(
        folders: Folders, configuration: GatewayConfiguration, manifestFile: String? = nil,
        clock: @escaping @Sendable () -> WallTime = WallTime.now,
        sinceBoot: @escaping @Sendable () -> Duration = Duration.sinceBoot,
        isClockSynchronised: @escaping @Sendable () -> Bool = ClockTrust.isKernelsClockSynchronised
    ) {
        self.folders = folders
        self.configuration = configuration
        self.manifestFile = manifestFile ?? folders.manifestFile
        let trust = ClockTrust(clock: clock, sinceBoot: sinceBoot, isSynchronised: isClockSynchronised)
        self.trust = trust
        self.clock = { trust.stamp }
        self.sinceBoot = sinceBoot
        bootID = FileSystemInfo.bootIdentifier
    }
}

/// The meter that somebody counts by at the moment.
final class SharedUsageMeter: Sendable {
    private struct State: Sendable {
        weak var meter: UsageMeter?
        var stateFolder = ""
    }

    private let state = Lock(State())

    func meter(_ stateFolder: String, _ make: () -> UsageMeter) -> UsageMeter {
        state.withLock { state in
            if let meter = state.meter, state.stateFolder == stateFolder { return meter }
            let meter = make()
            state = State(meter: meter, stateFolder: stateFolder)
            return meter
        }
    }
}

extension GatewayContext {
    /// The cloud as people are told of it: "the cloud (https://…)".
    public var cloudWords: String { "the cloud" + (configuration.cloud.map { " (\($0))" } ?? "") }
}

extension Duration {
    /// The time since boot, sleep included, clock_gettime(2).
    public static func sinceBoot() -> Duration { KernelInfo.uptime }
}

extension WallTime {
    /// The wall clock's reading, clock_gettime(2).
    public static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// The minute of the day in the gateway's time zone, localtime_r(3).
    var localMinuteOfDay: Int {
        var seconds = time_t(milliseconds / 1_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return Int(parts.tm_hour) * 60 + Int(parts.tm_min)
    }
}

/// The version that `gwe --version`, `device_info` and `engine_report` give.
public enum AgentVersion {
    /// The version of gwe, in the form of Semantic Versioning.
    public static let text = "0.1.0"
    /// What the cloud is told: in the words of Gateway Engine, so that dashboards that look for it find it.
    public static let userAgent = "GatewayEngine-v\(text)"
}
