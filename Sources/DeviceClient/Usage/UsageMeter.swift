internal import GatewaySystem
internal import Glibc

/// Where a process brings what it has counted: to the daemon's socket `run/usage.sock` if a daemon is there, else into
/// `usage.db` itself; what cannot go anywhere is dropped, and counted as dropped.
///
/// `count` never waits for the daemon. Into the file it writes at most once in 700 ms, and what came in between so much
/// later at the latest, by a thread that exists only until then: a crash loses no more. Any number of threads may use one
/// meter, and any number of processes one state folder.
public final class UsageMeter: Sendable {
    /// Keys that may wait while nobody takes them.
    private static let backlogLimit = 64
    /// How long the file is left alone between writes.
    static let pause: Duration = .milliseconds(700)
    private static let patience: Duration = .seconds(3)

    private struct State: Sendable {
        var backlog = UsageBatch(limit: backlogLimit)
        var lastWrite: MonotonicTime?
        var isWriterWaiting = false
        var isEnding = false
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
            sockets = UsageCollector.sockets(stateFolder)
        }

        /// Whether a daemon takes what waits, or will; false when there is none.
        func send(_ backlog: inout UsageBatch) -> Bool {
            for socket in sockets {
                packs: for pack in UsageDatagram.encode(Array(backlog.records.values)) {
                    switch sender.send(pack.bytes, to: socket) {
                    case .sent: backlog.remove(pack.records)
                    case .full: return true
                    case .nobody: break packs
                    }
                }
                if backlog.isEmpty { return true }
            }
            return false
        }

        func write(_ backlog: inout UsageBatch) {
            guard !backlog.isEmpty else { return }
            guard mayWrite else { return }
            // A file that cannot be written now may be later, and the daemon may come: the backlog stays.
            guard let store = try? UsageStore.open(stateFolder: stateFolder),
                (try? store.add(Array(backlog.records.values), at: clock())) != nil
            else { return }
            backlog.remove(Array(backlog.records.values))
        }

        func deliver(_ backlog: inout UsageBatch) {
            if !send(&backlog) || !backlog.isEmpty { write(&backlog) }
        }

        /// Whether a daemon holds the state folder. While it executes itself anew it has no socket for a moment.
        var isDaemonThere: Bool { (try? FileLock.probe(stateFolder + "/lock"))?.purpose == "run" }

        /// Writes what came soon after the last write, once the pause is over.
        /// - Returns: whether there is a thread for it.
        func writeLater() -> Bool {
            let thread = try? BackgroundThread("gwe-usage") { [self] in
                _ = state.wait(atMost: pause) { $0.isEnding ? true : nil }
                state.update { state in
                    state.isWriterWaiting = false
                    guard !state.isEnding, !send(&state.backlog) else { return }
                    write(&state.backlog)
                    state.lastWrite = .now
                }
            }
            thread?.detach()
            return thread != nil
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

    /// Takes a record. Costs one system call where there is a daemon; without one, at most a durable write.
    public func count(_ record: UsageRecord) {
        let core = core
        core.state.update { state in
            state.backlog.add(record.bounded)
            if core.send(&state.backlog) { return }
            if let last = state.lastWrite, last.duration(to: .now) < UsageMeter.pause {
                if !state.isWriterWaiting { state.isWriterWaiting = core.writeLater() }
                if state.isWriterWaiting { return }
            }
            core.write(&state.backlog)
            state.lastWrite = .now
        }
    }

    /// Brings away what still waits, before the process ends; what then remains is dropped. Done by deinit. Whoever may not
    /// write the file waits some seconds at most for a daemon that has no socket, or a full one.
    public func flush() {
        let core = core
        core.state.update { state in
            core.deliver(&state.backlog)
            let deadline = MonotonicTime.now + UsageMeter.patience
            while !state.backlog.isEmpty, MonotonicTime.now < deadline, core.isDaemonThere {
                usleep(20_000)
                core.deliver(&state.backlog)
            }
            state.backlog.drop()
        }
    }

    /// How many records went nowhere.
    public var droppedCount: Int { core.state.look { $0.backlog.droppedCount } }
}
