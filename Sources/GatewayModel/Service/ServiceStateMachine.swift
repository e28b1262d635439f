/// supervisord's words for what a service is doing (http://supervisord.org/subprocess.html#process-states).
public enum ServiceState: String, Sendable, Hashable, CaseIterable {
    /// It does not run: it never did, or somebody stopped it.
    case stopped = "STOPPED"
    /// Its process is up for less than `startsecs`, or about to be made.
    case starting = "STARTING"
    /// Its process has been up for `startsecs`.
    case running = "RUNNING"
    /// It came up and went down again too quickly, or could not start; another attempt is due.
    case backoff = "BACKOFF"
    /// The stop signal was sent, and its process has not ended yet.
    case stopping = "STOPPING"
    /// It ended by itself after it had come up, and is not started again.
    case exited = "EXITED"
    /// Given up: only a start, by a person or by the next pass that finds it so, or another definition starts it again.
    case fatal = "FATAL"
    /// There is a process that cannot be signalled.
    case unknown = "UNKNOWN"

    /// Whether a process belongs to this state.
    public var hasProcess: Bool {
        switch self {
        case .starting, .running, .stopping, .unknown: true
        case .stopped, .backoff, .exited, .fatal: false
        }
    }

    /// Whether nothing more happens without a new event from outside, STARTING and STOPPING being on their way.
    public var isSettled: Bool { self != .starting && self != .stopping }
}

/// How a service's process ended. The status of an adopted process is not ours to know (D21).
public enum ServiceExit: Sendable, Hashable {
    /// The code that the process ended with, 0 to 255.
    case code(Int32)
    /// Linux's number of the signal that killed it.
    case signal(Int32)
    /// It ended, and how it did could not be found out.
    case unknown
}

/// The life of one service as a value: an event goes in, actions come out. Times are told by the caller and always of the
/// monotonic clock, so that no step of the wall clock changes anything.
///
/// It is supervisord's machine with these differences, all for gateways nobody stands beside:
/// - Without `startretries` it never becomes FATAL but for reasons that only a new configuration can take away.
/// - The delay in BACKOFF grows exponentially from 0.1 s to 5 minutes with jitter, not by a second each time.
/// - A service that was up is restarted at once; one that keeps failing within `resetAfter` of its start is delayed, also
///   when it lived longer than `startsecs`. A process that ended with an expected code did not fail.
/// - With `autorestart=false` and no `startretries`, a process that ended too quickly is EXITED, not tried again.
/// - A start that comes while it is stopping is done when it has stopped.
/// - It knows of health: a service that is found unhealthy is stopped as by a person and started again as after a crash, at
///   once the first time and then ever more rarely. It keeps running when `autorestart=false` says that nothing is to be
///   restarted. A start after which it never became healthy is one that `startretries` counts. What resets the delay is
///   how long it had been healthy, not how long it had been up.
public struct ServiceStateMachine: Sendable, Hashable {
    /// What happened to the service, or is asked of it.
    public enum Event: Sendable, Hashable {
        /// It is to run. Failures before are forgotten.
        case start
        /// It is not to run any more.
        case stop
        /// A stop and a start; a start alone when it is not running.
        case restart
        /// The process asked for with `.spawn` runs; exec has succeeded.
        case spawned
        /// It could not be started; `permanent` when only another configuration helps.
        case spawnFailed(permanent: Bool)
        /// It could not be started now for a reason of the machine, such as that no descriptor is left: `startretries` does
        /// not count it.
        case spawnPostponed
        /// A process that another agent started was found running.
        case adopted(uptime: Duration)
        /// The process has ended, after so long a time.
        case ended(ServiceExit, uptime: Duration)
        /// The one timer of this service fired.
        case timer
        /// The process exists and cannot be signalled.
        case signalFailed
        /// The health check found the process unhealthy. `healthyFor` is how long it had been healthy before; nil when it
        /// did not become so since its start. See `HealthMonitor`.
        case unhealthy(healthyFor: Duration?)
    }

    /// What the supervisor has to do, in the order of the list.
    public enum Action: Sendable, Hashable {
        /// Start a process; `spawned` or `spawnFailed` is expected as an answer.
        case spawn
        /// The stop signal, to the group if `stopasgroup` says so.
        case signalStop
        /// SIGKILL to the process and all that descends from it.
        case kill
        /// Replaces the timer of this service.
        case setTimer(Duration)
        /// No timer is wanted any more.
        case cancelTimer
    }

    /// What of a definition decides over the life of its process.
    public struct Rules: Sendable, Hashable {
        /// After which end it is started again.
        public var restart: ServiceDefinition.Restart
        /// How long it must stay up to count as started; zero counts at once.
        public var startSeconds: Duration
        /// Starts that may fail in a row before it is given up; nil never gives up.
        public var startRetries: Int?
        /// Codes that are no failure; no signal is one of them.
        public var exitCodes: Set<Int32>
        /// From the stop signal to SIGKILL.
        public var stopWait: Duration
        /// The delays between restarts.
        public var backoff = Backoff()
        /// A process that was up this long is no failing one, whatever its end.
        public var resetAfter: Duration = .seconds(60)

        /// The rules of a definition, with the delays of every service.
        public init(_ definition: ServiceDefinition) {
            restart = definition.restart
            startSeconds = .seconds(definition.startSeconds)
            startRetries = definition.startRetries
            exitCodes = Set(definition.exitCodes)
            stopWait = .seconds(definition.stopWaitSeconds)
        }
    }

    /// May be replaced at any time; they count from the next event on.
    public var rules: Rules
    /// What the service is doing now.
    public private(set) var state = ServiceState.stopped
    /// Starts that failed in a row: what `startretries` counts.
    public private(set) var failedStarts = 0
    /// Failures in a row, of starts and soon after: what the delay grows with.
    public private(set) var failures = 0
    /// Whether a start waits for the end of a stop.
    public private(set) var startsAgain = false
    /// Whether it is stopping because it is unhealthy, and starts again after that.
    public private(set) var isStoppedUnhealthy = false
    /// Starts in a row after which it did not become healthy: what `startretries` counts of them.
    private var unhealthyStarts = 0

    /// A service that is stopped.
    public init(rules: Rules) { self.rules = rules }

    /// - Parameter randomness: from 0 to 1, for the jitter of a delay.
    public mutating func handle(_ event: Event, randomness: Double) -> [Action] {
        switch event {
        case .start: start()
        case .stop: stop()
        case .restart: restart()
        case .spawned: spawned()
        case .spawnFailed(let permanent): spawnFailed(permanent: permanent, randomness)
        case .spawnPostponed: spawnPostponed(randomness)
        case .adopted(let uptime): adopted(uptime)
        case .ended(let exit, let uptime): ended(exit, uptime, randomness)
        case .timer: timer()
        case .signalFailed: signalFailed()
        case .unhealthy(let healthyFor): unhealthy(healthyFor)
        }
    }

    private mutating func start() -> [Action] {
        switch state {
        case .stopped, .exited, .fatal, .backoff:
            forgetFailures()
            state = .starting
            return [.cancelTimer, .spawn]
        case .starting, .running:
            return []
        case .stopping, .unknown:
            startsAgain = true
            isStoppedUnhealthy = false
            return []
        }
    }

    private mutating func forgetFailures() {
        failedStarts = 0
        failures = 0
        unhealthyStarts = 0
    }

    private mutating func stop() -> [Action] {
        startsAgain = false
        isStoppedUnhealthy = false
        switch state {
        case .stopped, .exited, .fatal, .backoff:
            state = .stopped
            return [.cancelTimer]
        case .starting, .running, .unknown:
            state = .stopping
            return [.signalStop, .setTimer(rules.stopWait)]
        case .stopping:
            return []
        }
    }

    private mutating func restart() -> [Action] {
        guard state.hasProcess else { return start() }
        let actions = stop()
        startsAgain = true
        return actions
    }

    private mutating func spawned() -> [Action] {
        switch state {
        case .starting:
            guard rules.startSeconds > .zero else {
                state = .running
                failedStarts = 0
                return [.cancelTimer]
            }
            return [.setTimer(rules.startSeconds)]
        case .running, .stopping, .unknown:
            return []
        case .stopped, .exited, .fatal, .backoff:
            // A process that nobody wants any more.
            state = .stopping
            return [.signalStop, .setTimer(rules.stopWait)]
        }
    }

    private mutating func spawnFailed(permanent: Bool, _ randomness: Double) -> [Action] {
        guard state == .starting else { return [] }
        if permanent {
            state = .fatal
            return [.cancelTimer]
        }
        return startFailed(randomness)
    }

    private mutating func spawnPostponed(_ randomness: Double) -> [Action] {
        guard state == .starting else { return [] }
        failures += 1
        state = .backoff
        return [.setTimer(rules.backoff.delay(attempt: failures, randomness: randomness))]
    }

    private mutating func startFailed(_ randomness: Double) -> [Action] {
        failedStarts += 1
        failures += 1
        if let retries = rules.startRetries, failedStarts > retries {
            state = .fatal
            return [.cancelTimer]
        }
        state = .backoff
        return [.setTimer(rules.backoff.delay(attempt: failures, randomness: randomness))]
    }

    private mutating func adopted(_ uptime: Duration) -> [Action] {
        switch state {
        case .stopped, .exited, .fatal, .backoff, .starting:
            let left = rules.startSeconds - uptime
            state = left > .zero ? .starting : .running
            return [left > .zero ? .setTimer(left) : .cancelTimer]
        case .running, .stopping, .unknown:
            return []
        }
    }

    private mutating func ended(_ exit: ServiceExit, _ uptime: Duration, _ randomness: Double) -> [Action] {
        switch state {
        case .stopped, .exited, .fatal, .backoff:
            return []
        case .stopping, .unknown:
            if isStoppedUnhealthy { return endedUnhealthy(randomness) }
            guard startsAgain else {
                state = .stopped
                return [.cancelTimer]
            }
            startsAgain = false
            forgetFailures()
            state = .starting
            return [.cancelTimer, .spawn]
        case .starting where uptime < rules.startSeconds:
            if rules.restart == .never && rules.startRetries == nil {
                state = .exited
                return [.cancelTimer]
            }
            return startFailed(randomness)
        case .starting, .running:
            return endedAfterStart(exit, uptime, randomness)
        }
    }

    private mutating func endedAfterStart(_ exit: ServiceExit, _ uptime: Duration, _ randomness: Double) -> [Action] {
        failedStarts = 0
        let expected = if case .code(let code) = exit { rules.exitCodes.contains(code) } else { false }
        // A second at least, so that `autorestart=true` with `startsecs=0` and a program that ends at once cannot spin.
        let did = expected && uptime >= .seconds(1)
        if uptime >= rules.resetAfter || did { failures = 0 }
        guard rules.restart == .always || (rules.restart == .unexpected && !expected) else {
            state = .exited
            return [.cancelTimer]
        }
        if !did { failures += 1 }
        return startAgain(randomness)
    }

    private mutating func timer() -> [Action] {
        switch state {
        case .starting:
            state = .running
            failedStarts = 0
            return []
        case .backoff:
            state = .starting
            return [.spawn]
        case .stopping:
            // Again and again: a process in the kernel may only notice later.
            return [.kill, .setTimer(max(rules.stopWait, .seconds(1)))]
        case .stopped, .running, .exited, .fatal, .unknown:
            return []
        }
    }

    private mutating func unhealthy(_ healthyFor: Duration?) -> [Action] {
        guard state == .starting || state == .running, rules.restart != .never else { return [] }
        if let healthyFor {
            unhealthyStarts = 0
            if healthyFor >= rules.resetAfter { failures = 0 }
        } else {
            unhealthyStarts += 1
        }
        failures += 1
        isStoppedUnhealthy = true
        state = .stopping
        return [.signalStop, .setTimer(rules.stopWait)]
    }

    private mutating func endedUnhealthy(_ randomness: Double) -> [Action] {
        isStoppedUnhealthy = false
        if let retries = rules.startRetries, unhealthyStarts > retries {
            state = .fatal
            return [.cancelTimer]
        }
        return startAgain(randomness)
    }

    /// After a failure of a service that had been up: the first time at once.
    private mutating func startAgain(_ randomness: Double) -> [Action] {
        if failures <= 1 {
            state = .starting
            return [.cancelTimer, .spawn]
        }
        state = .backoff
        return [.setTimer(rules.backoff.delay(attempt: failures - 1, randomness: randomness))]
    }

    private mutating func signalFailed() -> [Action] {
        guard state == .stopping else { return [] }
        state = .unknown
        return [.cancelTimer]
    }
}
