/// When the health of one service is checked, and what follows from the results, as a value: an event goes in, actions come
/// out. Times are told by the caller and of the monotonic clock.
///
/// After a start the checks begin soon and come quickly, with pauses from 0.1 s that double up to 5 s or `every`, until one
/// passes: failures do not count meanwhile. If none has passed when `within` is over, the service is unhealthy at once.
/// Later a check is made every `every`, counted from the end of the one before, and `failures` failed ones in a row make it
/// unhealthy. An unhealthy service is to be restarted; while it goes on running all the same, so do the checks, and each
/// further `failures` failed ones ask for the restart again.
///
/// Compared with others: `within` is Kubernetes' startup probe (a failure after its time restarts) and Docker's
/// `start_period` (failures do not count, the first success ends it); `every` and `failures` are the liveness probe's
/// `periodSeconds` and `failureThreshold`, and HEALTHCHECK's `interval` and `retries`; the quick checks at first are
/// Docker's `start_interval`. Unlike Docker alone, unhealthy leads to a restart, as in Kubernetes. There is no
/// `successThreshold`: one check that passes makes a service healthy, as with both for liveness.
///
/// A process that has been up for longer than `within` when it is first seen (it was adopted), or whose check was replaced
/// by another, is judged by `failures` in a row from the beginning.
public struct HealthMonitor: Sendable, Hashable {
    /// What is known of the service's health.
    public enum Phase: String, Sendable, Hashable, CaseIterable {
        /// Nothing is checked: there is no process, or it is not to be checked.
        case idle
        /// `starting`: no check has decided yet. `healthy`: one has passed. `unhealthy`: checks failed, and none has
        /// passed since.
        case starting, healthy, unhealthy
    }

    /// What happened to the service or to its check.
    public enum Event: Sendable, Hashable {
        /// There is a process, and another one than before.
        case started(uptime: Duration)
        /// The process has ended or is being stopped, or is not to be checked any more.
        case stopped
        /// The check that was under way found the service well.
        case passed
        /// It did not; the reason is in words.
        case failed(String)
        /// The check could not be made, for a reason that is not the service's: it says nothing.
        case skipped
        /// The timer that `setTimer` asked for has run out.
        case timer
        /// Another check is to be made from now on, or the same one at other times.
        case changed(HealthCheck)
    }

    /// What the watcher has to do.
    public enum Action: Sendable, Hashable {
        /// Check now, and tell the result.
        case check
        /// The result of the check that is under way is of no interest any more.
        case abandon
        /// Replaces the timer.
        case setTimer(Duration)
        /// No check is to be made until the next event.
        case cancelTimer
        /// The service is unhealthy.
        /// - `healthyFor`: how long it had been healthy in this process; nil when it never became so within `within`.
        case restart(reason: String, healthyFor: Duration?)
    }

    /// From a start to its first check.
    public static let firstPause = Duration.milliseconds(100)
    /// The longest pause between the checks of a service that starts; `every`, if that is shorter.
    public static let longestFirstPause = Duration.seconds(5)

    /// The check in force.
    public private(set) var check: HealthCheck
    /// Where the service stands now.
    public private(set) var phase = Phase.idle
    /// Whether a check is under way.
    public private(set) var isChecking = false
    /// How often it was found healthy or unhealthy: a wait for a verdict compares it.
    public private(set) var verdictCount = 0
    /// Failed checks in a row that count.
    public private(set) var failuresInRow = 0
    /// Why it was last found unhealthy; goes when a check passes.
    private var complaint: String?
    /// When the time of `within` is over; nil when it is, or does not apply.
    private var graceEnd: Duration?
    /// Before the next check of a service that starts.
    private var pause = HealthMonitor.firstPause
    private var healthySince: Duration?
    private var failingSince: Duration?
    /// Whether it had its whole time from the start and did not become healthy.
    private var neverBecameHealthy = false

    /// A monitor of a service that does not run yet.
    public init(_ check: HealthCheck) { self.check = check }

    /// Whether it has until the end of `within` to become healthy.
    public var isInGrace: Bool { graceEnd != nil }

    /// nil when nothing is checked.
    public var health: ServiceHealth? {
        switch phase {
        case .idle: nil
        case .starting: complaint.map(ServiceHealth.unhealthy) ?? .starting
        case .healthy: .healthy
        case .unhealthy: .unhealthy(complaint ?? "")
        }
    }

    /// - Parameter now: since any fixed point of the monotonic clock.
    public mutating func handle(_ event: Event, at now: Duration) -> [Action] {
        switch event {
        case .started(let uptime): started(uptime, now)
        case .stopped: stopped()
        case .passed: passed(now)
        case .failed(let reason): failed(reason, now)
        case .skipped: skipped()
        case .timer: timer()
        case .changed(let check): changed(check)
        }
    }

    private mutating func started(_ uptime: Duration, _ now: Duration) -> [Action] {
        graceEnd = uptime < check.within ? now + check.within - uptime : nil
        return begin()
    }

    /// A first verdict is to be found.
    private mutating func begin() -> [Action] {
        let actions: [Action] = (isChecking ? [.abandon] : []) + [.setTimer(HealthMonitor.firstPause)]
        phase = .starting
        isChecking = false
        failuresInRow = 0
        pause = HealthMonitor.firstPause
        healthySince = nil
        failingSince = nil
        neverBecameHealthy = false
        return actions
    }

    private mutating func stopped() -> [Action] {
        guard phase != .idle else { return [] }
        let actions: [Action] = (isChecking ? [.abandon] : []) + [.cancelTimer]
        phase = .idle
        isChecking = false
        graceEnd = nil
        return actions
    }

    private mutating func timer() -> [Action] {
        guard phase != .idle, !isChecking else { return [] }
        isChecking = true
        return [.check]
    }

    private mutating func passed(_ now: Duration) -> [Action] {
        guard isChecking else { return [] }
        isChecking = false
        if phase != .healthy {
            phase = .healthy
            healthySince = now
            verdictCount += 1
        }
        complaint = nil
        graceEnd = nil
        failuresInRow = 0
        failingSince = nil
        neverBecameHealthy = false
        return [.setTimer(check.every)]
    }

    private mutating func skipped() -> [Action] {
        guard isChecking else { return [] }
        isChecking = false
        return [.setTimer(check.every)]
    }

    private mutating func failed(_ reason: String, _ now: Duration) -> [Action] {
        guard isChecking else { return [] }
        isChecking = false
        if let end = graceEnd {
            let left = end - now
            guard left <= .zero else {
                pause = min(pause * 2, HealthMonitor.longestFirstPause, max(check.every, HealthMonitor.firstPause))
                return [.setTimer(min(pause, left))]
            }
            graceEnd = nil
            neverBecameHealthy = true
            let time = HealthMonitor.text(of: check.within)
            return unhealthy("health check \(check.probe.words) did not pass within \(time): \(reason)", now)
        }
        failuresInRow += 1
        if failuresInRow == 1 { failingSince = now }
        guard failuresInRow >= check.failures else { return [.setTimer(check.every)] }
        let times = check.failures == 1 ? "once" : "\(check.failures) times"
        return unhealthy("health check \(check.probe.words) failed \(times): \(reason)", now)
    }

    private static func text(of duration: Duration) -> String {
        let (seconds, milliseconds) = Quantities.json(of: duration)
        return milliseconds == 0 ? "\(seconds) s" : "\(seconds * 1_000 + milliseconds) ms"
    }

    private mutating func unhealthy(_ reason: String, _ now: Duration) -> [Action] {
        let healthyFor: Duration? =
            neverBecameHealthy ? nil : healthySince.map { max(.zero, (failingSince ?? now) - $0) } ?? .zero
        phase = .unhealthy
        complaint = reason
        verdictCount += 1
        failuresInRow = 0
        failingSince = nil
        healthySince = nil
        return [.setTimer(check.every), .restart(reason: reason, healthyFor: healthyFor)]
    }

    private mutating func changed(_ new: HealthCheck) -> [Action] {
        let old = check
        check = new
        if new.probe != old.probe { complaint = nil }
        guard phase != .idle, new != old else { return [] }
        guard new.probe == old.probe else {
            graceEnd = nil
            return begin()
        }
        if let end = graceEnd { graceEnd = end - old.within + new.within }
        return isChecking ? [] : [.setTimer(phase == .starting ? HealthMonitor.firstPause : new.every)]
    }
}
