internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// One output stream of one app in the event loop, moved at the pace that `LogPace` decides. Lines above the rate that the policy allows are dropped, and a line in the log says how many.
final class LogChannel: Sendable {
    private struct State: ~Copyable {
        var log: PipeLog
        var path: String?
        var source: EventLoop.Source?
        var timer: EventLoop.Timer?
        var pace: LogPace
        /// Bytes of an unfinished line that the last move left in the pipe.
        var left = 0
        /// Whether the loop only calls when more has come than there was.
        var waitsForMore = false
        /// Bytes that waited when the agent started: written while it was not there, so no rate can be told.
        var backlog: Int
        var rate: LogRate
        /// Dropped because of the rate and not said in the log yet.
        var unsaid = PipeLog.Loss()
        /// Dropped because of the rate, all in all.
        var limited = PipeLog.Loss()
        var noteTimer: EventLoop.Timer?
    }

    private let loop: EventLoop
    private let scratch: PipeScratch
    private let ledger: LogLedger
    private let state: Mutex<State>

    /// - Throws: when the pipe can neither be opened nor made.
    init(
        loop: EventLoop, scratch: PipeScratch, ledger: LogLedger, pipePath: String, owner: UserIdentity?
    ) throws(SystemError) {
        self.loop = loop
        self.scratch = scratch
        self.ledger = ledger
        let log = try PipeLog(pipePath: pipePath, owner: owner)
        let descriptor = log.descriptor
        let backlog = log.waiting
        let pace = LogPace(capacity: log.capacity)
        let rate = LogRate(linesPerSecond: ledger.linesPerSecond, at: LogChannel.now)
        state = Mutex(State(log: log, pace: pace, backlog: backlog, rate: rate))
        let source = try loop.add(descriptor, .readableOnce) { [weak self] in self?.readable() }
        state.withLock { $0.source = source }
    }

    deinit { close() }

    private static var now: Duration { .nanoseconds(MonotonicTime.now.nanoseconds) }

    func setDestination(_ log: ServiceDefinition.Log, owner: UserIdentity?) {
        state.withLock {
            $0.path = log.path
            $0.log.setFile(path: log.path, maxByteCount: log.maxByteCount, backups: log.backups, owner: owner)
        }
    }

    func appEnd() throws(SystemError) -> Int32 {
        try state.withLock { (state) throws(SystemError) in try state.log.appEnd() }
    }

    /// What keeps lines out of the log now.
    var problem: String? {
        state.withLock { state in
            if let problem = state.log.problem { return problem }
            guard state.unsaid.lineCount > 0, let rate = state.rate.linesPerSecond else { return nil }
            return "log \(state.path ?? ""): \(LogChannel.text(state.unsaid, rate))"
        }
    }

    var counters: ServiceLogCounters {
        state.withLock { state in
            var counters = ServiceLogCounters()
            counters.writes = state.log.counts.appends
            counters.rotations = state.log.counts.rotations
            counters.droppedLines = state.log.lost.lineCount + state.limited.lineCount
            counters.droppedBytes = state.log.lost.byteCount + state.limited.byteCount
            return counters
        }
    }

    /// Moves everything that is there: the app has ended.
    func flush() {
        state.withLock { state in
            while true {
                let moved = move(&state, all: true)
                if moved.isBusy, state.timer == nil { wait(LogPace.longest, &state) }
                if moved.isBusy || moved.byteCount == 0 { break }
            }
            state.left = 0
            note(&state, isLast: true)
        }
    }

    /// Stops watching. The pipe and what is in it stay as long as an app has it.
    func close() {
        state.withLock { state in
            if let source = state.source { loop.remove(source) }
            if let timer = state.timer { loop.cancel(timer) }
            if let timer = state.noteTimer { loop.cancel(timer) }
            state.source = nil
            state.timer = nil
            state.noteTimer = nil
        }
    }

    // MARK: events

    private func readable() {
        state.withLock { state in
            guard state.timer == nil else { return }
            let delay = state.pace.delay(at: LogChannel.now)
            if delay > .zero { wait(delay, &state) } else { turn(&state) }
        }
    }

    private func wait(_ delay: Duration, _ state: inout State) {
        state.timer = loop.schedule(after: delay) { [weak self] in self?.state.withLock { self?.turn(&$0) } }
    }

    private func turn(_ state: inout State) {
        state.timer = nil
        guard let source = state.source else { return }
        let limited = state.limited
        let moved = move(&state, all: false)
        state.pace.moved(moved.byteCount, at: LogChannel.now, isDropping: state.limited != limited)
        // Whoever reads the log is slow: the pipe stays readable, so the loop would call at once.
        if moved.isBusy { return wait(LogPace.longest, &state) }
        // An unfinished line stays in the pipe and would call again at once: wait for more of it instead.
        let stuck = moved.byteCount == 0 && moved.left > 0 && moved.left == state.left
        state.left = moved.left
        if stuck && state.waitsForMore { return }
        state.waitsForMore = stuck
        loop.rearm(source, stuck ? .moreReadable : .readableOnce)
    }

    // MARK: moving

    /// Moves what may be moved, and drops what is too much.
    private func move(_ state: inout State, all: Bool) -> PipeLog.Moved {
        defer {
            if let path = state.path {
                ledger.moved(path, byteCount: state.log.fileByteCount, rotated: state.log.takeRotated())
            }
        }
        if state.backlog > 0 {
            let moved = state.log.move(all: all, byteLimit: state.backlog, scratch: scratch)
            state.backlog =
                moved.byteCount == 0 || moved.byteCount >= state.backlog ? 0 : state.backlog - moved.byteCount
            if moved.byteCount > 0 || moved.isBusy { return moved }
        }
        let limit = ledger.linesPerSecond
        if limit != state.rate.linesPerSecond { state.rate = LogRate(linesPerSecond: limit, at: LogChannel.now) }
        guard limit != nil, state.log.hasFile else {
            note(&state, isLast: false)
            return state.log.move(all: all, scratch: scratch)
        }
        let allowance = state.rate.allowance(at: LogChannel.now)
        note(&state, isLast: false)
        guard allowance > 0 else { return drop(&state, all: all, PipeLog.Moved()) }
        let moved = state.log.move(all: all, lineLimit: allowance, scratch: scratch)
        state.rate.spend(moved.lineCount)
        guard moved.isLimited else { return moved }
        state.rate.shut()
        return drop(&state, all: all, moved)
    }

    private func drop(_ state: inout State, all: Bool, _ before: PipeLog.Moved) -> PipeLog.Moved {
        var moved = before
        let loss = state.log.drop(all: all, scratch, &moved)
        state.unsaid += loss
        state.limited += loss
        if loss.lineCount > 0, state.noteTimer == nil { noteLater(&state) }
        return moved
    }

    private func noteLater(_ state: inout State) {
        guard let delay = state.rate.reopens else { return }
        state.noteTimer = loop.schedule(after: delay) { [weak self] in
            self?.state.withLock { state in
                guard let self, state.noteTimer != nil else { return }
                state.noteTimer = nil
                _ = state.rate.allowance(at: LogChannel.now)
                self.note(&state, isLast: false)
                if state.unsaid.lineCount > 0 { self.noteLater(&state) }
            }
        }
    }

    /// Says in the log what was dropped, as soon as lines are let through again.
    private func note(_ state: inout State, isLast: Bool) {
        guard state.unsaid.lineCount > 0, isLast || state.rate.reopens == nil else { return }
        guard state.log.note("gwe: \(LogChannel.text(state.unsaid, state.rate.linesPerSecond))") else { return }
        state.unsaid = PipeLog.Loss()
    }

    private static func text(_ loss: PipeLog.Loss, _ rate: Int?) -> String {
        let lines = "dropped \(loss.lineCount) line\(loss.lineCount == 1 ? "" : "s")"
        return lines + (rate.map { ": more than \($0) a second (policy.log_rate)" } ?? "")
    }
}
