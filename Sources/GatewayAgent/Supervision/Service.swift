internal import GatewayModel
internal import GatewaySystem

/// One process that is to be kept running: its state machine, tree, pipes, timer and watch.
///
/// It belongs to the event loop's thread, which alone reads and changes it; what other threads may know of it is published
/// by its supervisor, see `ServiceBoard`. Its handlers in the loop end with it.
final class Service: @unchecked Sendable {
    let key: ServiceKey
    /// Outlives every call of a method here.
    unowned let supervisor: Supervisor

    var definition: ServiceDefinition
    /// What the process, or the last one, was started with.
    var startedWith: ServiceDefinition
    var machine: ServiceStateMachine
    var isWanted = false
    /// Whether the health check of its process has passed, and has not failed since.
    var isHealthy = false
    /// A start that waits for what the service requires.
    var waitsForOthers = false
    /// Forgotten as soon as it has stopped.
    var isLeaving = false

    var pid: Int32?
    var started: MonotonicTime?
    var isAdopted = false
    var watch: ProcessWatch?
    /// The process and all that descends from it.
    var tree: ProcessTree?
    /// How the process ended, while what it left behind is awaited; `pid` is kept as long.
    var leaderEnd: LeaderEnd?
    /// Whether the last start was put off for what this machine lacks.
    var isPostponed = false
    /// Whether the process that is ending came to a good end soon after its start and left others running.
    var leftOthersAtOnce = false
    var timer: EventLoop.Timer?

    var lastExit: ServiceExit?
    var restarts = 0
    /// Goes when the service runs.
    var problem: String?
    var lastError: String?

    var output: LogChannel?
    var errorOutput: LogChannel?

    /// The end of a process that left others behind.
    struct LeaderEnd {
        var exit: ServiceExit
        var uptime: Duration
        /// Whether the rest is killed, and not only asked to end.
        var isKilled: Bool
        var watch: ProcessTreeWatch?
    }

    init(_ definition: ServiceDefinition, _ supervisor: Supervisor) {
        key = definition.key
        self.supervisor = supervisor
        self.definition = definition
        startedWith = definition
        machine = ServiceStateMachine(rules: .init(definition))
    }

    var loop: EventLoop { supervisor.loop }
    var state: ServiceState { machine.state }
    /// As its files in `run` are called.
    var name: String { key.description }

    /// How long a stop or a start may take at most before nobody waits any more; it goes on all the same.
    var patience: Duration { .seconds(startedWith.stopWaitSeconds + definition.startSeconds + 15) }

    /// Whether others that require this one may start: it runs, and its health check, if it has one, has passed; or it ended
    /// as it should.
    var isUp: Bool {
        switch state {
        case .running: return definition.health == nil || isHealthy
        case .exited:
            if case .code(let code) = lastExit { return machine.rules.exitCodes.contains(code) }
            return false
        default: return false
        }
    }

    /// What is published.
    var view: ServiceView {
        let isThere = leaderEnd == nil
        var status = ServiceStatus(
            app: key.app, process: key.process, state: state, pid: isThere ? pid : nil, lastExit: lastExit,
            restarts: restarts, problem: problem, lastError: lastError, adopted: isAdopted, wanted: isWanted,
            release: startedWith.release)
        status.isPostponed = state == .backoff && isPostponed
        return ServiceView(
            status: status,
            started: pid != nil && isThere ? started : nil, nextAttempt: state == .backoff ? timer?.deadline : nil,
            logs: [output?.facts, errorOutput?.facts].compactMap(\.self), tree: isThere ? tree : nil)
    }

    /// A handler for the loop; does nothing once the service is forgotten.
    func handler(_ body: @escaping @Sendable (Service) -> Void) -> EventLoop.Handler {
        { [weak self, weak supervisor] in
            guard let self, let supervisor else { return }
            supervisor.turn { body(self) }
        }
    }

    /// What others are told of it has changed.
    func mark() { supervisor.own.value.changed.insert(key) }
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
