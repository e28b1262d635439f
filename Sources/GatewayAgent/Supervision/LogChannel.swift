internal import GatewayModel
internal import GatewaySystem

/// One output stream of one app in the event loop, moved at the pace that `LogPace` decides. Lines above the rate that the
/// policy allows are dropped, and a line in the log says how many.
///
/// It belongs to the loop's thread, like the service that has it. Other threads read `facts`, which is behind a lock of its
/// own that is never held while a log is read or written.
final class LogChannel: @unchecked Sendable {
    /// What the last move found.
    let facts = LogFacts()

    private let loop: EventLoop
    private let scratch: PipeScratch
    private let ledger: LogLedger
    private var log: PipeLog
    private var path: String?
    private var source: EventLoop.Source?
    private var timer: EventLoop.Timer?
    private var pace: LogPace
    /// Bytes of an unfinished line that the last move left in the pipe.
    private var left = 0
    /// Whether the loop only calls when more has come than there was.
    private var waitsForMore = false
    /// Bytes that waited when the agent started: written while it was not there, so no rate can be told.
    private var backlog: Int
    private var rate: LogRate
    /// Dropped because of the rate and not said in the log yet.
    private var unsaid = PipeLog.Loss()
    /// Dropped because of the rate, all in all.
    private var limited = PipeLog.Loss()
    private var noteTimer: EventLoop.Timer?
    /// Since when the beginning of a line waits in the pipe for its end.
    private var unfinishedSince: MonotonicTime?
    private var unfinishedTimer: EventLoop.Timer?
    /// How long it waits before people see it without its end.
    private static let patienceWithLine = Duration.seconds(2)

    /// - Throws: when the pipe can neither be opened nor made.
    init(
        loop: EventLoop, scratch: PipeScratch, ledger: LogLedger, pipePath: String, owner: UserIdentity?
    ) throws(SystemError) {
        self.loop = loop
        self.scratch = scratch
        self.ledger = ledger
        log = try PipeLog(pipePath: pipePath, owner: owner)
        backlog = log.waiting
        pace = LogPace(capacity: log.capacity)
        rate = LogRate(linesPerSecond: ledger.linesPerSecond, at: LogChannel.now)
        source = try loop.add(log.descriptor, .readableOnce) { [weak self] in self?.readable() }
    }

    /// Stops watching. The pipe and what is in it stay as long as an app has it.
    deinit {
        if let source { loop.remove(source) }
        if let timer { loop.cancel(timer) }
        if let noteTimer { loop.cancel(noteTimer) }
        if let unfinishedTimer { loop.cancel(unfinishedTimer) }
    }

    private static var now: Duration { .nanoseconds(MonotonicTime.now.nanoseconds) }

    /// - Parameter isAdopted: whether the process ran before this channel was made; else one is about to start.
    func setDestination(_ destination: ServiceDefinition.Log, owner: UserIdentity?, isAdopted: Bool) {
        path = destination.path
        log.setFile(
            path: destination.path, maxByteCount: destination.maxByteCount, backups: destination.backups, owner: owner,
            goesOn: isAdopted)
        if !isAdopted { log.begin() }
        publish()
    }

    /// Descriptors that the log will take when something is written to it.
    var descriptorsToCome: Int { log.descriptorsToCome }

    /// The end of the pipe for the app. The caller closes it.
    func appEnd() throws(SystemError) -> Int32 { try log.appEnd() }

    /// Moves everything that is there: the app has ended.
    func flush() {
        while true {
            let moved = move(all: true)
            if moved.isBusy, timer == nil { wait(LogPace.longest) }
            if moved.isBusy || moved.byteCount == 0 { break }
        }
        left = 0
        unfinishedSince = nil
        note(isLast: true)
        publish()
    }

    private func publish() {
        var value = LogFacts.Value()
        value.problem = problem
        value.counters.writes = log.counts.appends
        value.counters.rotations = log.counts.rotations
        value.counters.droppedLines = log.lost.lineCount + limited.lineCount
        value.counters.droppedBytes = log.lost.byteCount + limited.byteCount
        facts.value = value
    }

    private var problem: String? {
        if let problem = log.problem { return problem }
        guard unsaid.lineCount > 0, let linesPerSecond = rate.linesPerSecond else { return nil }
        return "log \(path ?? ""): \(LogChannel.text(unsaid, linesPerSecond))"
    }

    // MARK: events

    private func readable() {
        guard timer == nil else { return }
        let delay = pace.delay(at: LogChannel.now)
        if delay > .zero { wait(delay) } else { turn() }
    }

    private func wait(_ delay: Duration) {
        timer = loop.schedule(after: delay) { [weak self] in self?.turn() }
    }

    private func turn() {
        timer = nil
        guard let source else { return }
        let limited = limited
        let moved = move(all: false)
        publish()
        watchUnfinished(moved)
        pace.moved(moved.byteCount, at: LogChannel.now, isDropping: self.limited != limited)
        // Whoever reads the log is slow: the pipe stays readable, so the loop would call at once.
        if moved.isBusy { return wait(LogPace.longest) }
        // An unfinished line stays in the pipe and would call again at once: wait for more of it instead.
        let isStuck = moved.byteCount == 0 && moved.left > 0 && moved.left == left
        left = moved.left
        if isStuck && waitsForMore { return }
        waitsForMore = isStuck
        loop.rearm(source, isStuck ? .moreReadable : .readableOnce)
    }

    // MARK: unfinished lines

    private func watchUnfinished(_ moved: PipeLog.Moved) {
        guard moved.left > 0, log.hasFile else { return unfinishedSince = nil }
        if unfinishedSince == nil || moved.byteCount > 0 { unfinishedSince = .now }
        if unfinishedTimer == nil { lookAtUnfinished(after: LogChannel.patienceWithLine) }
    }

    private func lookAtUnfinished(after delay: Duration) {
        unfinishedTimer = loop.schedule(after: delay) { [weak self] in self?.showUnfinished() }
    }

    /// Moves the beginning of a line that has waited for its end long enough. A line that goes on and on (a progress bar)
    /// is shown once in that time.
    private func showUnfinished() {
        unfinishedTimer = nil
        guard let since = unfinishedSince else { return }
        let rest = LogChannel.patienceWithLine - since.duration(to: .now)
        guard rest <= .zero else { return lookAtUnfinished(after: rest) }
        unfinishedSince = nil
        let moved = move(all: false, unfinished: true)
        publish()
        left = moved.left
        watchUnfinished(moved)
    }

    // MARK: moving

    /// Moves what may be moved, and drops what is too much.
    private func move(all: Bool, unfinished: Bool = false) -> PipeLog.Moved {
        defer {
            if let path { ledger.moved(path, byteCount: log.fileByteCount, rotated: log.takeRotated()) }
        }
        if backlog > 0 {
            let moved = log.move(all: all, unfinished: unfinished, byteLimit: backlog, scratch: scratch)
            backlog = moved.byteCount == 0 || moved.byteCount >= backlog ? 0 : backlog - moved.byteCount
            if moved.byteCount > 0 || moved.isBusy { return moved }
        }
        let limit = ledger.linesPerSecond
        if limit != rate.linesPerSecond { rate = LogRate(linesPerSecond: limit, at: LogChannel.now) }
        guard limit != nil, log.hasFile else {
            note(isLast: false)
            return log.move(all: all, unfinished: unfinished, scratch: scratch)
        }
        let allowance = rate.allowance(at: LogChannel.now)
        note(isLast: false)
        guard allowance > 0 else { return drop(all: all, PipeLog.Moved()) }
        let moved = log.move(all: all, unfinished: unfinished, lineLimit: allowance, scratch: scratch)
        rate.spend(moved.lineCount)
        guard moved.isLimited else { return moved }
        rate.shut()
        return drop(all: all, moved)
    }

    private func drop(all: Bool, _ before: PipeLog.Moved) -> PipeLog.Moved {
        var moved = before
        let loss = log.drop(all: all, scratch, &moved)
        unsaid += loss
        limited += loss
        if loss.lineCount > 0, noteTimer == nil { noteLater() }
        return moved
    }

    private func noteLater() {
        guard let delay = rate.reopens else { return }
        noteTimer = loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            noteTimer = nil
            _ = rate.allowance(at: LogChannel.now)
            note(isLast: false)
            if unsaid.lineCount > 0 { noteLater() }
        }
    }

    /// Says in the log what was dropped, as soon as lines are let through again. The status has forgotten it by then.
    private func note(isLast: Bool) {
        guard unsaid.lineCount > 0, isLast || rate.reopens == nil else { return }
        let said = unsaid
        unsaid = PipeLog.Loss()
        publish()
        guard !log.note("gwe: \(LogChannel.text(said, rate.linesPerSecond))") else { return }
        unsaid = said
        publish()
    }

    private static func text(_ loss: PipeLog.Loss, _ rate: Int?) -> String {
        let lines = "dropped \(loss.lineCount) line\(loss.lineCount == 1 ? "" : "s")"
        return lines + (rate.map { ": more than \($0) a second (policy.log_rate)" } ?? "")
    }
}
