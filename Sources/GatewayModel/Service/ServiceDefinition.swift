/// How a service is run: what `supervisor.conf`, `app.yaml` and the manifest say together, with every default filled in.
/// Of one process: an app with `numprocs=3` has three. A plain value: two definitions that are equal run the same process in
/// the same way.
public struct ServiceDefinition: Sendable, Hashable {
    /// After which end of its process a service is started again: supervisord's `autorestart`.
    public enum Restart: String, Sendable, Hashable, CaseIterable {
        /// Whatever its end was.
        case always
        /// Unless it ended by itself with one of `exitCodes`.
        case unexpected
        /// Not even after a crash, nor when it is unhealthy.
        case never
    }

    /// Where one output stream goes.
    public struct Log: Sendable, Hashable {
        /// An absolute path; nil drops the output.
        public var path: String?
        /// Bytes at which the file is rotated; 0 never.
        public var maxByteCount: Int64
        /// Rotated files that are kept: `.1` is the newest.
        public var backups: Int

        /// A file with Gateway Engine's limits where none are given: 200 KiB, one rotated file.
        public init(path: String?, maxByteCount: Int64 = 200 << 10, backups: Int = 1) {
            self.path = path
            self.maxByteCount = maxByteCount
            self.backups = backups
        }
    }

    /// The app that the process belongs to.
    public var app: AppName
    /// supervisord's `process_name`; the app's name unless the package says otherwise.
    public var processName: String
    /// supervisord's `process_num`; nil for the only process of an app. See `key`.
    public var processNumber: Int?
    /// Which release this is for. Nothing is derived from it; but another release is another definition, so that an
    /// upgrade whose configuration did not change restarts the app all the same.
    public var release: String
    /// Program and arguments; never empty. No shell is involved: a name without `/` is looked up in PATH, a relative
    /// path counts from `directory`.
    public var command: [String]
    /// An absolute path. May lead through the `current` link: it is resolved at each start.
    public var directory: String
    /// Over what the agent itself has, and over HOME, USER, LOGNAME and SHELL of `user`.
    public var environment: [String: String]
    /// Whether little of the agent's environment is passed on; see `Policy.Environment.clean`.
    public var hasCleanEnvironment: Bool
    /// A name or a number; nil is the agent's own.
    public var user: String?
    /// nil is 022.
    public var umask: UInt16?
    /// Lower starts first and stops last.
    public var priority: Int
    /// supervisord's `autostart`: whether it is started by itself as soon as the supervisor knows it.
    public var autostart: Bool
    /// supervisord's `autorestart`: after which end it is started again.
    public var restart: Restart
    /// How long it must stay up to count as started.
    public var startSeconds: Int
    /// Starts that may fail in a row before it is given up as FATAL; nil never gives up.
    public var startRetries: Int?
    /// Codes 0 to 255 that are no failure.
    public var exitCodes: [Int32]
    /// Linux's number for it; see `SignalName`.
    public var stopSignal: Int32
    /// How long a stop may take before SIGKILL.
    public var stopWaitSeconds: Int
    /// Whether the stop signal goes to the whole process group. SIGKILL always does, at the end of every stop.
    public var stopAsGroup: Bool
    /// Kept as it was written; see `stopAsGroup`.
    public var killAsGroup: Bool
    /// Where standard output goes.
    public var output: Log
    /// nil: goes where `output` goes.
    public var errorOutput: Log?
    /// Services that must be up before this one starts.
    public var requires: [AppName]
    /// Of the app; nil is none.
    public var health: HealthCheck?

    /// A definition with the defaults of Gateway Engine and, behind them, of supervisord; but without `startretries`,
    /// so that it is never given up.
    public init(app: AppName, command: [String], context: ServiceContext) {
        self.app = app
        processName = app.text
        processNumber = nil
        release = context.release
        self.command = command
        directory = context.directory
        environment = context.environment
        hasCleanEnvironment = context.hasCleanEnvironment
        user = nil
        umask = nil
        priority = 999
        autostart = true
        restart = .unexpected
        startSeconds = 1
        startRetries = nil
        exitCodes = [0]
        stopSignal = 15
        stopWaitSeconds = 10
        stopAsGroup = false
        killAsGroup = false
        output = Log(path: "\(context.logFolder)/\(app).log")
        errorOutput = nil
        requires = context.requires
        health = context.health
    }

    /// Whether a process of this one is what the other would start: they differ at most in what is watched from outside.
    public func runs(like other: ServiceDefinition) -> Bool {
        var same = self
        same.health = other.health
        return same == other
    }

    /// What a supervisor tells its services apart by: the process is named only where the app has several.
    public var key: ServiceKey { ServiceKey(app, process: processNumber == nil ? nil : processName) }
}

/// What a definition is made in: the places and facts that neither `supervisor.conf` nor the manifest name.
public struct ServiceContext: Sendable, Hashable {
    /// See `ServiceDefinition.release`: version and digest, for one.
    public var release: String
    /// The release's `current` link: the default directory, and what `%(here)s` stands for.
    public var directory: String
    /// Where `<app>.log` goes by default.
    public var logFolder: String
    /// What every service of this app gets: GWE_APP, GWE_DATA_DIR and so on. The package's own `environment` wins.
    public var environment: [String: String]
    /// What `%(ENV_X)s` can name beside `environment`: the agent's environment.
    public var agentEnvironment: [String: String]
    /// `%(host_node_name)s`.
    public var hostName: String
    /// Apps that must be up before a service of this app starts.
    public var requires: [AppName]
    /// The check in force for the app; nil is none.
    public var health: HealthCheck?
    /// See `ServiceDefinition.hasCleanEnvironment`.
    public var hasCleanEnvironment: Bool

    /// A context with the facts of an app and its release. Without `environment` its services get nothing of their own.
    public init(
        release: String, directory: String, logFolder: String, environment: [String: String] = [:],
        agentEnvironment: [String: String] = [:], hostName: String = "localhost", requires: [AppName] = [],
        health: HealthCheck? = nil, hasCleanEnvironment: Bool = false
    ) {
        self.release = release
        self.directory = directory
        self.logFolder = logFolder
        self.environment = environment
        self.agentEnvironment = agentEnvironment
        self.hostName = hostName
        self.requires = requires
        self.health = health
        self.hasCleanEnvironment = hasCleanEnvironment
    }

    /// The variables that gwe gives every service of an app.
    /// - Parameters:
    ///   - current: the release's `current` link.
    ///   - data: the app's own folder.
    public static func appEnvironment(app: AppName, version: String, current: String, data: String) -> [String: String]
    {
        ["GWE_APP": app.text, "GWE_VERSION": version, "GWE_CURRENT_DIR": current, "GWE_DATA_DIR": data]
    }
}
