internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// What every thread may know of services: the loop's thread puts a view of a service here whenever it has changed one, and
/// readers compute from that without the loop. The lock is held for a copy, never over I/O: a status does not wait for an app
/// that starts, nor for a log that is written.
final class ServiceBoard: Sendable {
    private let views = Lock<[ServiceKey: ServiceView]>([:])

    /// Replaces views, all at the same moment; nil is a service that is gone.
    func publish(_ changes: [(ServiceKey, ServiceView?)]) {
        views.withLock { views in
            for (key, view) in changes { views[key] = view }
        }
    }

    /// One of every app, sorted by name.
    func statuses() -> [ServiceStatus] {
        let now = MonotonicTime.now
        let all = views.withLock(\.self).values.map { $0.status(at: now) }
        let apps = Dictionary(grouping: all, by: \.app)
        return apps.values.compactMap(ServiceStatus.init(of:)).sorted { $0.app < $1.app }
    }

    /// nil when the app is not known.
    func status(of app: AppName) -> ServiceStatus? {
        let now = MonotonicTime.now
        let own = views.withLock(\.self).filter { $0.key.app == app }
        return ServiceStatus(of: own.values.map { $0.status(at: now) })
    }
}

/// A service as it was when it last changed, and what is computed when it is read: how long that has lasted, and what its
/// logs say by now.
struct ServiceView: Sendable {
    /// Without times and logs.
    var status: ServiceStatus
    /// When its process began.
    var started: MonotonicTime?
    /// When it is started again, in BACKOFF.
    var nextAttempt: MonotonicTime?
    var logs: [LogFacts] = []
    /// The process and what descends from it; nil when there is none.
    var tree: ProcessTree?

    func status(at now: MonotonicTime) -> ServiceStatus {
        var status = status
        // Nobody tells of a process that is stopped: it is looked at.
        if status.problem == nil, let pid = tree?.stoppedProcess { status.problem = ServiceStatus.stopped(pid) }
        status.uptime = started?.duration(to: now)
        status.nextAttempt = nextAttempt.map { max(.zero, now.duration(to: $0)) }
        for facts in logs.map(\.value) {
            status.logProblem = status.logProblem ?? facts.problem
            status.logCounters = status.logCounters + facts.counters
        }
        return status
    }
}

/// What the last move of one output stream found: for readers on other threads, behind a lock that is held for a copy.
final class LogFacts: Sendable {
    struct Value: Sendable, Hashable {
        /// What keeps lines out of the log now.
        var problem: String?
        var counters = ServiceLogCounters()
    }

    private let stored = Lock(Value())

    var value: Value {
        get { stored.withLock(\.self) }
        set { stored.withLock { $0 = newValue } }
    }
}
