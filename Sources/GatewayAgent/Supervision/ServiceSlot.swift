internal import GatewayModel
internal import GatewaySystem

/// Everything that the supervisor holds of one service.
struct ServiceSlot {
    var definition: ServiceDefinition
    /// What the process, or the last one, was started with.
    var startedWith: ServiceDefinition
    var machine: ServiceStateMachine
    var wanted = false
    /// Whether the health check of its process has passed, and has not failed since.
    var isHealthy = false
    /// A start that waits for what the service requires.
    var waitsForOthers = false
    /// Forgotten as soon as it has stopped.
    var removing = false

    var pid: Int32?
    var started: MonotonicTime?
    var adopted = false
    var watch: ProcessWatch?
    /// The process and all that descends from it.
    var tree: ProcessTree?
    /// How the process ended, while what it left behind is awaited; `pid` is kept as long.
    var leaderEnd: LeaderEnd?

    /// The end of a process that left others behind.
    struct LeaderEnd {
        var exit: ServiceExit
        var uptime: Duration
        /// Whether the rest is killed, and not only asked to end.
        var isKilled: Bool
        var watch: ProcessTreeWatch?
    }

    var timer: EventLoop.Timer?
    /// A timer that fires while it is being replaced carries an old number.
    var timerNumber = 0

    var lastExit: ServiceExit?
    var restarts = 0
    /// Goes when the service runs.
    var problem: String?
    var lastError: String?

    var output: LogChannel?
    var errorOutput: LogChannel?

    init(_ definition: ServiceDefinition) {
        self.definition = definition
        startedWith = definition
        machine = ServiceStateMachine(rules: .init(definition))
    }

    func status(now: MonotonicTime) -> ServiceStatus {
        var status = ServiceStatus(
            app: definition.app, process: definition.key.process, state: machine.state,
            pid: leaderEnd == nil ? pid : nil,
            uptime: pid == nil || leaderEnd != nil ? nil : started?.duration(to: now),
            lastExit: lastExit, restarts: restarts, problem: problem, lastError: lastError,
            logProblem: output?.problem ?? errorOutput?.problem,
            nextAttempt: machine.state == .backoff ? timer.map { max(.zero, now.duration(to: $0.deadline)) } : nil,
            adopted: adopted, wanted: wanted, release: startedWith.release)
        status.logCounters = (output?.counters ?? .init()) + (errorOutput?.counters ?? .init())
        return status
    }

    /// Whether others that require this one may start: it runs, and its health check, if it has one, has passed; or it ended
    /// as it should.
    var isUp: Bool {
        switch machine.state {
        case .running: return definition.health == nil || isHealthy
        case .exited:
            if case .code(let code) = lastExit { return machine.rules.exitCodes.contains(code) }
            return false
        default: return false
        }
    }
}

extension ServiceExit {
    init(_ exit: ChildProcess.Exit) {
        switch exit {
        case .code(let code): self = .code(code)
        case .signal(let number): self = .signal(number)
        }
    }

    /// "exit code 3", "ended by SIGSEGV", "ended, nobody knows how".
    var words: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let number): "ended by \(SignalName.text(number))"
        case .unknown: "ended, its exit status went to the agent that started it"
        }
    }
}
