internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Passes one after another on one thread: on request, and when the time of the next poll has come.
///
/// Level-triggered: requests that wait while a pass runs are answered together by one whole new pass, never by the end
/// of the one that runs.
final class PassQueue: Sendable {
    typealias Listener = @Sendable (PassEvent) -> Void

    struct Request: Sendable {
        var options: PassOptions
        var listener: Listener?
        /// Told when the pass that answers the request begins.
        var begun: (@Sendable () -> Void)?
    }

    /// How the thread ends when it is told to.
    enum Ending: Sendable, Hashable {
        /// After the pass that runs.
        case afterPass
        /// At the pass's next step, in the middle of it: every point of a pass can be taken up again.
        case atNextStep
    }

    private struct State: Sendable {
        var waiting: [Request] = []
        /// Who listens to the pass that runs.
        var listener: Listener?
        var ending: Ending?
        /// What those are told whom no pass answers any more.
        var farewell = ""
        var hasStopped = false
        /// Whether a pass runs.
        var isBusy = false
        /// When the next pass begins by itself.
        var nextPoll: ContinuousClock.Instant?
        /// When the next pass begins that tries again what kept the last one from its work; nil: with the next poll.
        var nextRetry: ContinuousClock.Instant?
        /// Why it does.
        var retryReason = PassReason.machineRetry
        /// When the last passes began that the cloud's changes asked for, `freeChanges` at most.
        var changes: [ContinuousClock.Instant] = []

        /// When the next pass may begin that a change in the cloud asks for; nil: at once.
        var nextChange: ContinuousClock.Instant? {
            guard changes.count >= PassQueue.freeChanges, let first = changes.first else { return nil }
            return first.advanced(by: PassQueue.changePeriod)
        }

        /// Whether this request's time has come.
        func isReady(_ request: Request) -> Bool {
            guard request.options.isAskedByCloud, let nextChange else { return true }
            return nextChange <= .now
        }

        /// When to look again, though nobody asks.
        var nextLook: ContinuousClock.Instant? {
            [nextPoll, nextRetry, waiting.isEmpty ? nil : nextChange].compactMap(\.self).min()
        }
    }

    /// So many passes in `changePeriod` may begin at once because something changed in the cloud; the next waits until
    /// the period is over. However often a value is set there, this gateway does not do nothing else.
    static let freeChanges = 10
    static let changePeriod: Duration = .seconds(300)

    private let monitor = Monitor(State())

    /// Who asks while the queue ends is told so at once. A request that nobody listens to is dropped where one like it
    /// waits.
    func enqueue(_ request: Request) {
        let farewell: String? = monitor.update { state in
            if state.ending != nil { return state.farewell }
            let isAnswered =
                request.listener == nil && request.options.isPlain
                && state.waiting.contains { $0.options.isPlain && $0.options.reason == request.options.reason }
            if !isAnswered { state.waiting.append(request) }
            return nil
        }
        if let farewell { request.listener?(.result(.tryLater, farewell)) }
    }

    // MARK: the end

    /// Asks the thread to end, and does not wait for it. Those whose request waits are told with exit status 75; who
    /// listens to the pass that runs hears a note.
    func end(_ ending: Ending, farewell: String) {
        let (waiting, listener) = monitor.update { state in
            state.ending = ending
            state.farewell = farewell
            defer { state.waiting = [] }
            return (state.waiting, state.listener)
        }
        for request in waiting { request.listener?(.result(.tryLater, farewell)) }
        listener?(.note(farewell))
    }

    /// Waits for the thread's end. Returns whether it came in time.
    func waitForEnd(timeout: Duration) -> Bool {
        monitor.wait(atMost: timeout) { $0.hasStopped ? true : nil } ?? false
    }

    /// Tells who still listens to a pass that it will not come to its end.
    func abandon() {
        let (listener, farewell) = monitor.update { state in
            defer { state.listener = nil }
            return (state.listener, state.farewell)
        }
        listener?(.result(.tryLater, farewell))
    }

    /// Whether the pass that runs must not go on.
    var isInterrupted: Bool { monitor.look { $0.ending == .atNextStep } }

    /// Whether the thread still takes requests, or ended because it was told to.
    var isAlive: Bool { monitor.look { !$0.hasStopped || $0.ending != nil } }

    var waitingCount: Int { monitor.look(\.waiting.count) }

    var isBusy: Bool { monitor.look(\.isBusy) }

    var timeToNextPoll: Duration? { monitor.look(\.nextPoll).map { max(.zero, ContinuousClock.now.duration(to: $0)) } }

    /// Begins the next poll after this time.
    func setNextPoll(after pause: Duration) {
        monitor.update { $0.nextPoll = ContinuousClock.now.advanced(by: pause) }
    }

    var timeToNextRetry: Duration? {
        monitor.look(\.nextRetry).map { max(.zero, ContinuousClock.now.duration(to: $0)) }
    }

    /// Has a pass begin after this time that tries again what kept the last one from its work; nil: none but the poll.
    func retry(after pause: Duration?, _ reason: PassReason = .machineRetry) {
        monitor.update { state in
            state.nextRetry = pause.map { ContinuousClock.now.advanced(by: $0) }
            state.retryReason = reason
        }
    }

    /// Begins the next poll after this time, if it is not to begin earlier anyway.
    func bringPollForward(to pause: Duration) {
        monitor.update { state in
            guard let poll = state.nextPoll else { return }
            state.nextPoll = min(poll, ContinuousClock.now.advanced(by: pause))
        }
    }

    // MARK: the thread

    /// What a pass means for the next.
    enum Turn: Sendable {
        /// The time to the next poll.
        case pollAfter(Duration)
        /// It asked nobody: the next poll stays when it was.
        case pollAsBefore
        /// It did not come to its end, because it was told so. Its listener hears that from `abandon`.
        case interrupted
    }

    /// Runs passes until `end`; `settled` is called after each.
    func run(first: Request, _ pass: (Request) -> Turn, settled: () -> Void = {}) {
        var next: Request? = first
        while let request = next {
            monitor.update { state in
                state.isBusy = true
                state.listener = request.listener
            }
            request.begun?()
            let turn = pass(request)
            monitor.update { state in
                state.isBusy = false
                switch turn {
                case .interrupted: return
                case .pollAfter(let pause): state.nextPoll = ContinuousClock.now.advanced(by: pause)
                case .pollAsBefore: break
                }
                state.listener = nil
            }
            if case .interrupted = turn { break }
            settled()
            next = wait()
        }
        monitor.update { $0.hasStopped = true }
    }

    /// The next request, or the poll that is due; nil when the queue ends. A poll that is due comes first: requests in a
    /// row that ask nobody do not keep it away.
    private func wait() -> Request? {
        while true {
            let planned = monitor.look(\.nextLook)
            let pause = planned.map { max(.zero, ContinuousClock.now.duration(to: $0)) } ?? .seconds(86_400)
            let next: Next? = monitor.wait(atMost: pause) { state in
                if state.ending != nil { return .end }
                if let poll = state.nextPoll, poll <= .now { return .pass(PassQueue.poll(&state)) }
                if let first = state.waiting.first(where: state.isReady) {
                    return .pass(PassQueue.take(like: first, &state))
                }
                if let retry = state.nextRetry, retry <= .now {
                    state.nextRetry = nil
                    return .pass(Request(options: PassOptions(state.retryReason), listener: nil))
                }
                return state.nextLook == planned ? nil : .waitAnew
            }
            switch next {
            case .pass(let request): return request
            case .end: return nil
            case .waitAnew, nil: continue
            }
        }
    }

    private enum Next {
        case end, waitAnew
        case pass(Request)
    }

    private static func poll(_ state: inout State) -> Request {
        let plain = state.waiting.filter(\.options.isPlain)
        state.waiting.removeAll(where: \.options.isPlain)
        return Request(
            options: PassQueue.strongest(plain)?.options ?? PassOptions(.timer), listener: PassQueue.listener(plain),
            begun: PassQueue.begun(plain))
    }

    /// One whole pass answers all that are alike; others, with options of their own, one by one.
    private static func take(like first: Request, _ state: inout State) -> Request {
        guard first.options.isPlain else {
            // One that is not ready may stand before it.
            if let index = state.waiting.firstIndex(where: { !$0.options.isPlain }) { state.waiting.remove(at: index) }
            return first
        }
        let alike = state.waiting.filter(\.options.isPlain)
        state.waiting.removeAll(where: \.options.isPlain)
        if alike.contains(where: \.options.isAskedByCloud) {
            state.changes = state.changes.suffix(freeChanges - 1) + [.now]
        }
        return Request(
            options: strongest(alike)?.options ?? first.options, listener: listener(alike), begun: begun(alike))
    }

    /// Where a person asks among others, the pass is that person's.
    private static func strongest(_ alike: [Request]) -> Request? {
        alike.first(where: \.options.isByHand) ?? alike.first
    }

    private static func begun(_ requests: [Request]) -> @Sendable () -> Void {
        let told = requests.compactMap(\.begun)
        return { for begun in told { begun() } }
    }

    private static func listener(_ requests: [Request]) -> Listener? {
        let listeners = requests.compactMap(\.listener)
        guard !listeners.isEmpty else { return nil }
        return { event in for listener in listeners { listener(event) } }
    }
}

extension PassOptions {
    /// Whether it asks for a whole pass and nothing else.
    var isPlain: Bool { until == nil && !isOffline && only == nil && !isDeep && !isDryRun }

    /// Whether a change in the cloud is the reason, not a person or a time.
    var isAskedByCloud: Bool { reason.isCloudChange }
}
