internal import GatewayModel
internal import GatewaySystem

/// Passes one after another on one thread: on request, and when the time of the next poll has come.
///
/// Level-triggered: requests that wait while a pass runs are answered together by one whole new pass, never by the end
/// of the one that runs.
final class PassQueue: Sendable {
    typealias Listener = @Sendable (PassEvent) -> Void

    struct Request: Sendable {
        var options: PassOptions
        var listener: Listener?
    }

    private struct State: Sendable {
        var waiting: [Request] = []
        var isStopping = false
        var hasStopped = false
        /// Whether a pass runs.
        var isBusy = false
        /// When the next pass begins by itself.
        var nextPoll: ContinuousClock.Instant?
    }

    private let monitor = Monitor(State())

    func enqueue(_ request: Request) { monitor.update { $0.waiting.append(request) } }

    /// Asks the thread to end after the pass that runs, and waits for it.
    func stop(timeout: Duration) {
        monitor.update { $0.isStopping = true }
        _ = monitor.wait(atMost: timeout) { $0.hasStopped ? true : nil }
    }

    var isBusy: Bool { monitor.look(\.isBusy) }

    var timeToNextPoll: Duration? { monitor.look(\.nextPoll).map { max(.zero, ContinuousClock.now.duration(to: $0)) } }

    /// Runs passes until `stop`. `pass` returns how long to wait before the next one.
    func run(first: Request, _ pass: (Request) -> Duration) {
        var next: Request? = first
        while let request = next {
            monitor.update { $0.isBusy = true }
            let pause = pass(request)
            monitor.update { state in
                state.isBusy = false
                state.nextPoll = ContinuousClock.now.advanced(by: pause)
            }
            next = wait(pause)
        }
        monitor.update { $0.hasStopped = true }
    }

    /// The next request; a timer's when the pause has passed; nil when the queue is stopped.
    private func wait(_ pause: Duration) -> Request? {
        let answer: Request?? = monitor.wait(atMost: pause) { state in
            if state.isStopping { return .some(nil) }
            // One whole pass answers all that are alike; others, with options of their own, one by one.
            guard let first = state.waiting.first else { return nil }
            let alike = state.waiting.filter { $0.options.isPlain && first.options.isPlain }
            if alike.isEmpty {
                state.waiting.removeFirst()
                return first
            }
            state.waiting.removeAll { $0.options.isPlain }
            let listeners = alike.compactMap(\.listener)
            return Request(options: first.options) { event in for listener in listeners { listener(event) } }
        }
        if let answer { return answer }
        var options = PassOptions()
        options.reason = "timer"
        return Request(options: options, listener: nil)
    }
}

extension PassOptions {
    /// Whether it asks for a whole pass and nothing else.
    var isPlain: Bool { until == nil && !isOffline && only == nil && !isDeep && !isDryRun }
}
