internal import Glibc

/// The one thread that may touch what belongs to a loop: the one in `run`. While none is in `run`, a thread that is in
/// `perform` or `wait` takes its place for that time.
extension EventLoop {
    struct Ownership: Sendable {
        var owner: pthread_t?
        /// Whether the owner handles events, and does not only make a call of its own.
        var isRunning = false
        /// Threads that want to be in `run`: those in `wait` let them go first.
        var runsWanted = 0
        var waits: [PendingWait] = []

        var isOurs: Bool { owner.map { pthread_equal($0, pthread_self()) != 0 } ?? false }

        mutating func take(isRunning: Bool) {
            owner = pthread_self()
            self.isRunning = isRunning
        }

        mutating func release() {
            owner = nil
            isRunning = false
        }
    }

    /// A call of `wait` by another thread. The owner calls `ask`; `isOver` is guarded by the ownership's monitor.
    final class PendingWait: @unchecked Sendable {
        let ask: @Sendable () -> Bool
        var isOver = false

        init(_ ask: @escaping @Sendable () -> Bool) { self.ask = ask }
    }

    /// A call of `perform` by another thread; guarded by the ownership's monitor.
    private final class PendingCall<Result: Sendable>: @unchecked Sendable {
        enum Progress {
            case waiting, running
            case done(Result)
        }
        var progress = Progress.waiting
    }

    /// What a condition found; written by the owner before `PendingWait.isOver` is set, and read after.
    private final class Found<Result: Sendable>: @unchecked Sendable { var result: Result? }

    /// Whether the calling thread is the one that owns the loop now.
    public var isCurrent: Bool { ownership.look(\.isOurs) }

    /// Whether any thread handles events.
    public var isRunning: Bool { ownership.look(\.isRunning) }

    // MARK: running

    /// Handles events until a condition holds, which is asked after each batch of events. A handler may call this to wait for
    /// something that other handlers bring about. On another thread it begins when the one that handles events now has ended.
    public func run(until condition: () -> Bool) {
        if isCurrent { return handleEvents(until: condition) }
        let isTaken = ownership.update { state in
            state.runsWanted += 1
            return state.owner != nil
        }
        if isTaken { wakeUp() }
        ownership.wait { state -> Void? in
            guard state.owner == nil else { return nil }
            state.runsWanted -= 1
            return state.take(isRunning: true)
        }
        defer { ownership.update { $0.release() } }
        // What somebody waits for may have come about while a thread in `perform` had the loop, which asks nobody.
        askWaits()
        handleEvents(until: condition)
    }

    private func handleEvents(until condition: () -> Bool) {
        while !condition() {
            turn()
            askWaits()
        }
    }

    /// Tells those who wait on other threads for what has come about.
    private func askWaits() {
        let over = ownership.look(\.waits).filter { $0.ask() }
        guard !over.isEmpty else { return }
        ownership.update { state in
            for wait in over { wait.isOver = true }
            state.waits.removeAll(where: \.isOver)
        }
    }

    // MARK: calls from other threads

    /// Runs the work on the loop's thread and returns what it gives: at once when this is the loop's thread, else after the
    /// work that was posted before. While no thread runs the loop, or when none does any more, the caller's thread does the
    /// work itself: nobody waits for a loop that has ended.
    ///
    /// The work must not wait for a thread that may be in here.
    public func perform<Result: Sendable>(_ work: @escaping @Sendable () -> Result) -> Result {
        let (isOurs, isBorrowed) = ownership.update { state in
            guard state.owner == nil else { return (state.isOurs, false) }
            state.take(isRunning: false)
            return (true, true)
        }
        if isBorrowed { return asOwner(work) }
        if isOurs { return work() }
        let call = PendingCall<Result>()
        post { [ownership] in
            let isWanted = ownership.update { _ in
                guard case .waiting = call.progress else { return false }
                call.progress = .running
                return true
            }
            guard isWanted else { return }
            let result = work()
            ownership.update { _ in call.progress = .done(result) }
        }
        let made: Result?? = ownership.wait { state in
            switch call.progress {
            case .done(let result): return .some(result)
            case .running: return nil
            case .waiting:
                // The loop has ended before it came to this: the call is taken back.
                guard state.owner == nil else { return nil }
                call.progress = .running
                state.take(isRunning: false)
                return .some(nil)
            }
        }
        if case .some(.some(let result)) = made { return result }
        return asOwner(work)
    }

    private func asOwner<Result>(_ work: () -> Result) -> Result {
        defer { ownership.update { $0.release() } }
        return work()
    }

    /// Waits until a condition holds, which the loop's thread asks at once and after each batch of events. While no thread runs
    /// the loop, the caller's thread handles its events meanwhile; so it does on the loop's own thread.
    /// - Returns: whether the condition held before the time was over.
    @discardableResult
    public func wait(atMost timeout: Duration, until condition: @escaping @Sendable () -> Bool) -> Bool {
        wait(atMost: timeout) { condition() ? true : nil } ?? false
    }

    /// The same for a condition that gives a value as soon as it holds; nil when the time was over first.
    public func wait<Result: Sendable>(
        atMost timeout: Duration, for take: @escaping @Sendable () -> Result?
    ) -> Result? {
        let end = MonotonicTime.now + timeout
        let found = Found<Result>()
        let pending = PendingWait {
            found.result = take()
            return found.result != nil
        }
        if isCurrent {
            handleEvents(until: end) { pending.ask() }
            return found.result
        }
        ownership.update { $0.waits.append(pending) }
        wakeUp()
        defer { ownership.update { state in state.waits.removeAll { $0 === pending } } }
        while true {
            let left = max(.zero, MonotonicTime.now.duration(to: end))
            let isOver: Bool? = ownership.wait(atMost: left) { state in
                if pending.isOver { return true }
                guard left > .zero, state.owner == nil, state.runsWanted == 0 else { return nil }
                state.take(isRunning: true)
                return false
            }
            guard let isOver else { return nil }
            if isOver { return found.result }
            let isFound = asOwner {
                var isFound = false
                handleEvents(until: end) {
                    isFound = isFound || pending.isOver || pending.ask()
                    return isFound || self.ownership.look(\.runsWanted) > 0
                }
                return isFound
            }
            if isFound { return found.result }
        }
    }

    private func handleEvents(until end: MonotonicTime, or condition: () -> Bool) {
        let timer = schedule(after: MonotonicTime.now.duration(to: end)) {}
        defer { cancel(timer) }
        handleEvents { condition() || MonotonicTime.now >= end }
    }
}

/// A value that belongs to the thread of an event loop: whoever is on another thread comes to it by `EventLoop.perform`. Debug
/// builds check each use.
public final class LoopOwned<Value>: @unchecked Sendable {
    private let loop: EventLoop
    private var stored: Value

    /// The value belongs to the loop from now on; it may be made on any thread.
    public init(_ value: sending Value, loop: EventLoop) {
        self.loop = loop
        stored = value
    }

    /// To be read and changed on the thread that is in the loop only.
    public var value: Value {
        _read {
            assert(loop.isCurrent, "a value of the event loop is used on another thread")
            yield stored
        }
        _modify {
            assert(loop.isCurrent, "a value of the event loop is used on another thread")
            yield &stored
        }
    }
}
