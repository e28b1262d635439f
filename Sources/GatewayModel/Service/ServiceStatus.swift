/// What a supervisor knows of one service.
public struct ServiceStatus: Sendable, Hashable {
    public var app: AppName
    public var state: ServiceState
    public var pid: Int32?
    /// Since the start of the process; nil when there is none.
    public var uptime: Duration?
    /// Of the process before this one, or of the last.
    public var lastExit: ServiceExit?
    /// Restarts without anybody's command since the supervisor knows the service.
    public var restarts: Int
    /// Why it is not running: why it could not start, what it waits for, how it ended; nil when nothing is wrong now.
    public var problem: String?
    /// The last thing that went wrong, kept when it is over.
    public var lastError: String?
    /// Why its log is not written, in words; the service runs all the same.
    public var logProblem: String?
    /// Until the next attempt, in BACKOFF.
    public var nextAttempt: Duration?
    /// Whether this supervisor found it running and did not start it.
    public var adopted: Bool
    /// Whether it shall run: an operator's stop makes this false.
    public var wanted: Bool
    /// Of the definition that the running process, or the last one, was started with.
    public var release: String

    public init(
        app: AppName, state: ServiceState, pid: Int32? = nil, uptime: Duration? = nil, lastExit: ServiceExit? = nil,
        restarts: Int = 0, problem: String? = nil, lastError: String? = nil, logProblem: String? = nil,
        nextAttempt: Duration? = nil,
        adopted: Bool = false, wanted: Bool = true, release: String = ""
    ) {
        self.app = app
        self.state = state
        self.pid = pid
        self.uptime = uptime
        self.lastExit = lastExit
        self.restarts = restarts
        self.problem = problem
        self.lastError = lastError
        self.logProblem = logProblem
        self.nextAttempt = nextAttempt
        self.adopted = adopted
        self.wanted = wanted
        self.release = release
    }

    /// supervisord's `exitstatus`: the code, 128 and the signal like a shell, -1 for an unknown one, 0 for none yet.
    public var exitStatus: Int32 {
        switch lastExit {
        case .code(let code): code
        case .signal(let number): 128 + number
        case .unknown: -1
        case nil: 0
        }
    }
}
