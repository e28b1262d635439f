internal import GatewaySystem
internal import Glibc

/// Where a process brings what it has counted: to the daemon's socket `run/usage.sock` if a daemon is there, else into
/// `usage.db` itself; what cannot go anywhere is dropped, and counted as dropped.
///
/// `count` never waits for the daemon. Into the file it writes 700 ms after the first count that waits, with all that came
/// since, by a thread that exists only until then: a crash loses no more. While somebody else holds the file,
/// or the daemon's queue is full, what waits is tried again after pauses that grow up to a minute. Only the thread that
/// writes waits for the file; the others count on. Any number of threads may use one meter, and any number of processes
/// one state folder.
public final class UsageMeter: Sendable {
    /// Keys that may wait while nobody takes them.
    private static let backlogLimit = 64
    /// How long the file is left alone between writes.
    package static let pause: Duration = .milliseconds(700)
    /// How long the end of a process waits for a daemon that has no socket for a moment.
    private static let patience: Duration = .seconds(3)
    private static let longestPause: Duration = .seconds(60)

    private struct State: Sendable {
        var backlog = UsageBatch(limit: backlogLimit)
        /// Somebody has taken the backlog out and writes it.
        var isWriting = false
        var isWriterWaiting = false
        /// Counts have come that the waiting writer is to write after one pause, however long it meant to wait.
        var isPressing = false
        var isEnding = false

        mutating func takeToWrite() -> [UsageRecord] {
            isWriting = !backlog.isEmpty
            return backlog.take()
        }
    }

    /// The part that a waiting thread keeps alive.
    private final class Core: Sendable {
        let stateFolder: String
        let sockets: [String]
        let mayWrite: Bool
        let clock: @Sendable () -> Int64?
        let sender = DatagramSender()
        let state = Monitor(State())

        init(stateFolder: String, mayWrite: Bool, clock: @escaping @Sendable () -> Int64?) {
            self.stateFolder = stateFolder
            self.mayWrite = mayWrite
            self.clock = clock
            sockets = UsageSocket.places(stateFolder)
        }

        /// What the daemon took of what waits. `full`: it will take the rest later; `nobody`: there is none.
        func send(_ backlog: inout UsageBatch) -> DatagramSender.Outcome {
            for socket in sockets {
                packs: for pack in UsageDatagram.encode(Array(backlog.records.values)) {
                    switch sender.send(pack.bytes, to: socket) {
                    case .sent: backlog.remove(pack.records)
                    case .full: return .full
                    case .nobody: break packs
                    }
                }
                if backlog.isEmpty { return .sent }
            }
            return backlog.isEmpty ? .sent : .nobody
        }

        /// Writes what `takeToWrite` gave. What cannot be written now may be later, and the daemon may come: it goes back.
        /// Called without the lock: another holder of the file is waited for.
        func write(_ records: [UsageRecord]) {
            guard !records.isEmpty else { return }
            let store = try? UsageStore.open(stateFolder: stateFolder)
            let isWritten = store.map { (try? $0.add(records, at: clock())) != nil } ?? false
            state.update { state in
                if !isWritten { for record in records { state.backlog.add(record) } }
                state.isWriting = false
                if !state.backlog.isEmpty { _ = hasWriter(&state) }
            }
        }

        /// Whether a daemon holds the state folder. While it executes itself anew it has no socket for a moment.
        /// Those who may not read its lock see only that somebody has it.
        var isDaemonThere: Bool {
            do throws(SystemError) { return try StateLock.probe(stateFolder)?.purpose == "run" } catch {
                return StateLock.isHeld(stateFolder)
            }
        }

        /// Whether a thread waits to write what is left; starts it.
        func hasWriter(_ state: inout State) -> Bool {
            if !state.isWriterWaiting, !state.isEnding { state.isWriterWaiting = writeLater() }
            return state.isWriterWaiting
        }

        /// Brings away what waits after a pause, and again after longer ones while some is left.
        /// - Returns: whether there is a thread for it.
        private func writeLater() -> Bool {
            let thread = try? BackgroundThread("gwe-usage") { [self] in
                var pause = UsageMeter.pause
                while true {
                    rest(pause)
                    let records: [UsageRecord]? = state.update { state in
                        let outcome = state.isEnding ? .sent : send(&state.backlog)
                        // Who writes elsewhere starts a new thread for what it brings back.
                        state.isWriterWaiting = outcome != .sent
                        guard outcome != .sent else { return nil }
                        return state.isWriting || outcome == .full || !mayWrite ? [] : state.takeToWrite()
                    }
                    guard let records else { return }
                    write(records)
                    let isDone = state.update { state in
                        if state.backlog.isEmpty, !state.isWriting { state.isWriterWaiting = false }
                        return !state.isWriterWaiting
                    }
                    if isDone { return }
                    pause = min(pause * 2, UsageMeter.longestPause)
                }
            }
            thread?.detach()
            return thread != nil
        }

        private func rest(_ pause: Duration) {
            let isEnough = state.wait(atMost: pause) { state in
                guard state.isPressing, pause > UsageMeter.pause else { return state.isEnding ? true : nil }
                return state.isEnding
            }
            if isEnough == false { _ = state.wait(atMost: UsageMeter.pause) { $0.isEnding ? true : nil } }
            state.update { $0.isPressing = false }
        }
    }

    private let core: Core

    /// - Parameters:
    ///   - stateFolder: of the gateway, `/var/lib/gwe` for one. One that is missing is not made.
    ///   - mayWrite: false: only a daemon is told, for a process that changes no file; without one, counts are dropped.
    ///   - clock: Unix time in seconds; nil when it cannot be believed.
    public init(
        stateFolder: String, mayWrite: Bool = true, clock: @escaping @Sendable () -> Int64? = UsageClock.now
    ) {
        core = Core(stateFolder: stateFolder, mayWrite: mayWrite, clock: clock)
    }

    deinit {
        flush()
        core.state.update { $0.isEnding = true }
    }

    /// Takes a record. Costs one system call where there is a daemon; without one, a write only where no thread can be had.
    public func count(_ record: UsageRecord) {
        let core = core
        let records: [UsageRecord] = core.state.update { state in
            state.backlog.add(record.bounded)
            let outcome = core.send(&state.backlog)
            if outcome == .sent || outcome == .nobody && !core.mayWrite { return [] }
            let isLeftToWriter = core.hasWriter(&state)
            state.isPressing = isLeftToWriter
            if isLeftToWriter || outcome == .full || state.isWriting { return [] }
            return state.takeToWrite()
        }
        core.write(records)
    }

    /// Brings away what still waits, before the process ends; what then remains is dropped. Done by deinit. It
    /// waits some seconds at most for a daemon that has no socket, or a full one.
    public func flush() {
        let core = core
        let deadline = MonotonicTime.now + UsageMeter.patience
        while true {
            let records: [UsageRecord] = core.state.wait { state in
                if state.isWriting { return nil }
                return core.send(&state.backlog) == .sent || !core.mayWrite ? [] : state.takeToWrite()
            }
            core.write(records)
            let isOver = core.state.look { $0.backlog.isEmpty } || MonotonicTime.now >= deadline || !core.isDaemonThere
            if isOver { break }
            usleep(20_000)
        }
        core.state.update { $0.backlog.drop() }
    }

    /// How many records went nowhere.
    public var droppedCount: Int { core.state.look { $0.backlog.droppedCount } }
}
