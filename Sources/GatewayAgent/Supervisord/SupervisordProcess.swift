internal import GatewayModel
internal import GatewaySystem

/// One element of `getAllProcessInfo` (http://supervisord.org/api.html#process-control).
struct SupervisordProcess: Sendable, Hashable {
    var name: String
    var group: String
    var state: ServiceState
    var pid: Int32?
    /// Seconds of supervisord's own wall clock; 0 for never.
    var start: Int64
    var stop: Int64
    var now: Int64
    var exitStatus: Int32
    var spawnError: String
    var logFile: String

    /// nil when a member is missing or of another kind.
    init?(_ value: XMLRPCValue) {
        guard let name = value["name"]?.string, let group = value["group"]?.string,
            let word = value["statename"]?.string, let start = value["start"]?.int, let stop = value["stop"]?.int,
            let now = value["now"]?.int, let exit = value["exitstatus"]?.int, let pid = value["pid"]?.int,
            let spawnError = value["spawnerr"]?.string
        else { return nil }
        self.name = name
        self.group = group
        state = ServiceState(rawValue: word) ?? .unknown
        self.pid = pid > 0 ? Int32(exactly: pid) : nil
        (self.start, self.stop, self.now) = (start, stop, now)
        exitStatus = Int32(clamping: exit)
        self.spawnError = SupervisordFailure.shown(spawnError)
        logFile = value["stdout_logfile"]?.string ?? ""
    }

    /// What supervisord takes for one process.
    var specification: String { "\(group):\(name)" }

    /// Whether supervisord counts it among those that run (RUNNING_STATES of its states.py).
    var isUp: Bool { state == .running || state == .starting || state == .backoff }

    /// By supervisord's own clock, so that a step of ours changes nothing; a step back of its own gives zero.
    var uptime: Duration? { pid == nil || start == 0 ? nil : .seconds(max(0, now &- start)) }

    /// supervisord says -1 for a process that a signal ended, and forgets which.
    var lastExit: ServiceExit? {
        guard stop > 0 || state == .exited else { return nil }
        return exitStatus < 0 ? .unknown : .code(exitStatus)
    }

    /// Why it is not running, in words; nil when nothing is wrong.
    func problem(expected exitCodes: [Int32]) -> String? {
        switch state {
        case .running, .starting, .stopping, .stopped: return nil
        case .exited:
            if exitCodes.contains(exitStatus) { return nil }
            return exitStatus < 0 ? "ended by a signal" : "exited with status \(exitStatus)"
        case .backoff, .fatal:
            return spawnError.isEmpty ? "\(state.rawValue), and supervisord does not say why" : spawnError
        case .unknown: return "supervisord does not know what it does"
        }
    }
}

extension SupervisordProcess {
    /// - Parameters:
    ///   - isOne: whether it is one of several of the app.
    ///   - isOwn: whether gwe wrote its program.
    func status(
        _ app: AppName, isOne: Bool, expected exitCodes: [Int32], release: String, isOwn: Bool
    ) -> ServiceStatus {
        let stopped = pid.flatMap { ProcessFacts($0)?.isStopped == true ? ServiceStatus.stopped($0) : nil }
        let problem = problem(expected: exitCodes) ?? stopped
        return ServiceStatus(
            app: app, process: isOne ? name : nil, state: state, pid: pid, uptime: uptime, lastExit: lastExit,
            problem: problem, lastError: problem, adopted: !isOwn, wanted: state != .stopped, release: release)
    }
}
