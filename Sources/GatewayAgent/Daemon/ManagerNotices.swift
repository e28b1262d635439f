internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// What the daemon tells the service manager that started it (sd_notify(3)): each thing when it happens, and no thing twice
/// in a row. Says nothing where there is no such manager.
final class ManagerNotices: Sendable {
    private struct State {
        var isReady = false
        var status: String?
    }
    private let notification: ServiceNotification?
    private let state = Lock(State())

    init(_ notification: ServiceNotification? = ServiceNotification()) { self.notification = notification }

    /// Whether anybody listens, so that a status need not be made for nobody.
    var areHeard: Bool { notification != nil }

    /// The socket answers, and the installed apps have been told to start.
    func ready() {
        state.withLock { $0.isReady = true }
        notification?.send(["READY=1"])
    }

    /// One line for people, sent only when it differs from the last one.
    func status(_ line: String) {
        guard let notification else { return }
        let isNew = state.withLock { state in
            defer { state.status = line }
            return state.status != line
        }
        if isNew { notification.send(["STATUS=\(line)"]) }
    }

    /// Everything is read again, until `reloaded`.
    func reloading(_ words: String) {
        state.withLock { $0.status = words }
        notification?.send(["RELOADING=1", ServiceNotification.monotonicTime, "STATUS=\(words)"])
    }

    /// What `reloading` announced is over. Nothing is said of a daemon that is not up yet.
    func reloaded() {
        if state.withLock(\.isReady) { notification?.send(["READY=1"]) }
    }

    func stopping(_ words: String) {
        state.withLock { $0.status = words }
        notification?.send(["STOPPING=1", "STATUS=\(words)"])
    }

    /// Between two signs of life that a manager's watchdog asks for; nil where no manager watches.
    var watchdogInterval: Duration? { notification?.watchdogInterval }

    func isAlive() { notification?.send(["WATCHDOG=1"]) }
}

/// Sends `WATCHDOG=1` at half of the time that the manager allows, from the loop: a loop that hangs sends none, and neither
/// does one whose condition fails. Nothing is scheduled where no manager watches. It is the first part to start and the last
/// to stop: while the apps are stopped, the loop runs and the manager hears of it.
final class ManagerWatchdog: DaemonPart {
    private let notices: ManagerNotices
    private let loop: EventLoop
    private let isWell: @Sendable () -> Bool
    private let timer = Lock<EventLoop.Timer?>(nil)

    init(_ notices: ManagerNotices, _ loop: EventLoop, while isWell: @escaping @Sendable () -> Bool) {
        self.notices = notices
        self.loop = loop
        self.isWell = isWell
    }

    func start() {
        guard let interval = notices.watchdogInterval else { return }
        if isWell() { notices.isAlive() }
        let next = loop.schedule(after: interval) { [weak self] in self?.start() }
        timer.withLock { $0 = next }
    }

    func stop(_ ending: DaemonEnding) {
        if let timer = timer.withLock(\.self) { loop.cancel(timer) }
    }
}

/// The line that `systemctl status` shows.
enum DaemonStatusLine {
    /// "3 apps, 2 running, 1 failed: web; next poll 2026-11-22T19:04:05Z". The time of the poll and not the time until then:
    /// the line changes only when something does.
    static func text(_ services: [ServiceStatus], nextPoll: WallTime?) -> String {
        let running = services.count { $0.state == .running }
        let failed = services.filter(isFailed).map(\.app.text)
        var text =
            "\(services.count) \(services.count == 1 ? "app" : "apps"), \(running) running, \(failed.count) failed"
        if !failed.isEmpty {
            text += ": " + failed.prefix(3).joined(separator: ", ") + (failed.count > 3 ? ", …" : "")
        }
        if let nextPoll { text += "; next poll \(nextPoll)" }
        return text
    }

    private static func isFailed(_ status: ServiceStatus) -> Bool {
        if case .unhealthy = status.health { return true }
        return switch status.state {
        case .fatal, .backoff, .unknown: true
        case .exited: status.problem != nil
        case .stopped, .starting, .running, .stopping: false
        }
    }
}
