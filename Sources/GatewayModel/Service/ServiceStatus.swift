/// What a supervisor knows of one app, or of one of its processes.
public struct ServiceStatus: Sendable, Hashable {
    /// The app that it is of.
    public var app: AppName
    /// See `ServiceKey.process`; nil in the status of a whole app.
    public var process: String?
    /// What it is doing; of an app with several processes, what the one that is worst off does.
    public var state: ServiceState
    /// Of its process; nil when there is none.
    public var pid: Int32?
    /// Since the start of the process; nil when there is none.
    public var uptime: Duration?
    /// Of the process before this one, or of the last.
    public var lastExit: ServiceExit?
    /// Restarts without anybody's command since the supervisor knows the service.
    public var restarts: Int
    /// Why it is not running: why it could not start, what it waits for, how it ended, or that a signal has stopped its
    /// process; nil when nothing is wrong now.
    public var problem: String?
    /// The last thing that went wrong, kept when it is over.
    public var lastError: String?
    /// Why its log is not written, in words; the service runs all the same.
    public var logProblem: String?
    /// Of the agent that watches it now.
    public var logCounters = ServiceLogCounters()
    /// Until the next attempt, in BACKOFF.
    public var nextAttempt: Duration?
    /// Whether that attempt was put off for what this machine lacks (descriptors, memory): it says nothing of the release.
    public var isPostponed = false
    /// Whether this supervisor found it running and did not start it.
    public var adopted: Bool
    /// Whether it shall run: an operator's stop makes this false.
    public var wanted: Bool
    /// Of the definition that the running process, or the last one, was started with.
    public var release: String
    /// What its health check says; nil without one, and when it does not run or is held.
    public var health: ServiceHealth?
    /// Those of an app that has several; empty for one that has one.
    public var processes: [ServiceStatus] = []

    /// A status without log counters, health and processes, which are set afterwards.
    public init(
        app: AppName, process: String? = nil, state: ServiceState, pid: Int32? = nil, uptime: Duration? = nil,
        lastExit: ServiceExit? = nil,
        restarts: Int = 0, problem: String? = nil, lastError: String? = nil, logProblem: String? = nil,
        nextAttempt: Duration? = nil,
        adopted: Bool = false, wanted: Bool = true, release: String = ""
    ) {
        self.app = app
        self.process = process
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

    /// Whether it has a process that is up, or coming up.
    public var isRunning: Bool { state == .running || state == .starting }

    /// Whether it does what it shall: runs or has ended well, and passes its health check. nil when it shall not run, or
    /// while it starts for the first time and nobody knows yet.
    public var isWell: Bool? {
        guard wanted else { return nil }
        if hasEndedWell { return true }
        switch state {
        case .running:
            guard case .unhealthy = health else { return true }
            return false
        // Between two crashes it starts, too.
        case .starting: return lastError == nil ? nil : false
        case .stopped, .stopping, .unknown: return nil
        case .backoff, .exited, .fatal: return false
        }
    }

    /// Whether it ended by itself with an exit code that it may end with.
    public var hasEndedWell: Bool { state == .exited && problem == nil }

    /// What is wrong now, or went wrong last, in words: what keeps it from running before what fails while it runs.
    public var trouble: String? { problem ?? health?.reason ?? logProblem ?? lastError }

    /// The problem of a service with a process that SIGSTOP or the like has stopped.
    public static func stopped(_ pid: Int32) -> String {
        "stopped by a signal (state T): 'kill -CONT \(pid)' lets it go on"
    }

    /// supervisord's `exitstatus`, which dashboards read: 0 while there is a process or never was one, the code that the last
    /// one ended with, -1 where a signal ended it or nobody knows how it ended.
    public var supervisordExitStatus: Int32 {
        guard !state.hasProcess, let lastExit else { return 0 }
        if case .code(let code) = lastExit { return code }
        return -1
    }

    /// How the last process ended as a shell tells it: the code, 128 and the signal, -1 for an unknown one, 0 for none yet.
    public var exitStatus: Int32 {
        switch lastExit {
        case .code(let code): code
        case .signal(let number): 128 + number
        case .unknown: -1
        case nil: 0
        }
    }
}

extension ServiceStatus {
    /// What the supervisor tells its services apart by.
    public var key: ServiceKey { ServiceKey(app, process: process) }

    /// One status for an app with several processes: that of the one that is worst off, with the restarts of all. nil when
    /// there are none.
    public init?(of processes: [ServiceStatus]) {
        let sorted = processes.sorted { $0.key < $1.key }
        // The first of those that are equally bad.
        guard let worst = sorted.min(by: { $0.badness < $1.badness }) else { return nil }
        self = worst
        guard worst.process != nil else { return }
        process = nil
        restarts = processes.reduce(0) { $0 + $1.restarts }
        pid = worst.pid ?? sorted.lazy.compactMap(\.pid).first
        uptime = worst.uptime ?? sorted.lazy.compactMap(\.uptime).first
        problem = worst.namedProblem ?? sorted.lazy.compactMap(\.namedProblem).first
        lastError = worst.lastError ?? sorted.lazy.compactMap(\.lastError).first
        logProblem = sorted.lazy.compactMap(\.logProblem).first
        logCounters = sorted.reduce(ServiceLogCounters()) { $0 + $1.logCounters }
        adopted = processes.contains(where: \.adopted)
        wanted = processes.contains(where: \.wanted)
        self.processes = sorted
    }

    private var namedProblem: String? { problem.map { "\(process ?? app.text): \($0)" } }

    /// Lower is worse.
    private var badness: Int {
        switch state {
        case .fatal: 0
        case .unknown: 1
        case .backoff: 2
        case .exited: problem == nil ? 8 : 3
        case .stopped: 4
        case .stopping: 5
        case .starting: 6
        case .running: 7
        }
    }
}
