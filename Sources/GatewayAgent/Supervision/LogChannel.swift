internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// One output stream of one app in the event loop. The first line after a pause is moved at once; then at most one move in
/// `pause`, so that a chatty app costs few wake-ups and its lines reach the flash in batches; but a pipe that fills is moved
/// without a pause.
final class LogChannel: Sendable {
    private struct State: ~Copyable {
        var log: PipeLog
        var source: EventLoop.Source?
        var timer: EventLoop.Timer?
        /// nil: the next move may come at once.
        var lastMove: MonotonicTime?
        /// Bytes of an unfinished line that the last move left in the pipe.
        var left = 0
        /// Whether the loop only calls when more has come than there was.
        var waitsForMore = false
    }

    private static let pause = Duration.milliseconds(100)
    /// Bytes in one move that call for the next one at once.
    private static let busy = 65_536

    private let loop: EventLoop
    private let scratch: PipeScratch
    private let state: Mutex<State>

    /// - Throws: when the pipe can neither be opened nor made.
    init(loop: EventLoop, scratch: PipeScratch, pipePath: String, owner: UserIdentity?) throws(SystemError) {
        self.loop = loop
        self.scratch = scratch
        let log = try PipeLog(pipePath: pipePath, owner: owner)
        let descriptor = log.descriptor
        state = Mutex(State(log: log))
        let source = try loop.add(descriptor, .readableOnce) { [weak self] in self?.readable() }
        state.withLock { $0.source = source }
    }

    deinit { close() }

    func setDestination(_ log: ServiceDefinition.Log) {
        state.withLock { $0.log.setFile(path: log.path, maxByteCount: log.maxByteCount, backups: log.backups) }
    }

    func appEnd() throws(SystemError) -> Int32 {
        try state.withLock { (state) throws(SystemError) in try state.log.appEnd() }
    }

    var problem: String? { state.withLock { $0.log.problem } }

    /// Moves everything that is there: the app has ended.
    func flush() {
        state.withLock { state in
            while state.log.move(all: true, scratch: scratch).byteCount > 0 {}
            state.left = 0
        }
    }

    /// Stops watching. The pipe and what is in it stay as long as an app has it.
    func close() {
        state.withLock { state in
            if let source = state.source { loop.remove(source) }
            if let timer = state.timer { loop.cancel(timer) }
            state.source = nil
            state.timer = nil
        }
    }

    private func readable() {
        state.withLock { state in
            guard state.timer == nil else { return }
            let now = MonotonicTime.now
            if let last = state.lastMove, case let due = last + LogChannel.pause, due > now {
                state.timer = loop.schedule(after: now.duration(to: due)) { [weak self] in self?.move() }
            } else {
                move(&state)
            }
        }
    }

    private func move() { state.withLock { move(&$0) } }

    private func move(_ state: inout State) {
        state.timer = nil
        guard let source = state.source else { return }
        let moved = state.log.move(all: false, scratch: scratch)
        state.lastMove = moved.byteCount >= LogChannel.busy ? nil : .now
        // An unfinished line stays in the pipe and would call again at once: wait for more of it instead.
        let stuck = moved.byteCount == 0 && moved.left > 0 && moved.left == state.left
        state.left = moved.left
        if stuck && state.waitsForMore { return }
        state.waitsForMore = stuck
        loop.rearm(source, stuck ? .moreReadable : .readableOnce)
    }
}
