public import GatewaySystem
internal import Synchronization

/// The daemon's end of `run/usage.sock`: takes what every process of the gateway has counted, and writes it to `usage.db`.
///
/// Its thread sleeps until a datagram comes; then it gathers for a second and writes once. Whoever may reach the socket may
/// send; what is malformed is ignored, and every value is bounded.
public final class UsageCollector: Sendable {
    /// Keys of one batch, and datagrams of one second: more are left to the next one, or to the senders.
    private static let keyLimit = 1_000
    private static let datagramLimit = 5_000

    private let receiver: DatagramReceiver
    private let thread: Mutex<Thread>

    private struct Thread: @unchecked Sendable { var thread: BackgroundThread? }

    static func folders(_ stateFolder: String) -> RunFolders { RunFolders(stateFolder: stateFolder) }

    /// Makes the socket in the state folder's `run`, or in memory where that cannot be, and starts.
    ///
    /// - Parameters:
    ///   - clock: see `UsageMeter`.
    ///   - problem: told when counts cannot be written; once until they can.
    public init(
        stateFolder: String, clock: @escaping @Sendable () -> Int64? = UsageClock.now,
        problem: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        let receiver = try UsageCollector.folders(stateFolder).make("usage.sock") { (path) throws(SystemError) in
            try DatagramReceiver(path: path, mode: 0o666)
        }
        self.receiver = receiver
        let isStopped = Flag()
        let thread = try BackgroundThread("gwe-usage") {
            UsageCollector.run(receiver, stateFolder, clock, problem, until: isStopped)
        }
        self.isStopped = isStopped
        self.thread = Mutex(Thread(thread: thread))
    }

    private let isStopped: Flag
    private final class Flag: Sendable {
        private let value = Mutex(false)
        var isSet: Bool {
            get { value.withLock { $0 } }
            set { value.withLock { $0 = newValue } }
        }
    }

    deinit { stop() }

    /// Writes what has come until now, and ends. The socket's name stays, so that senders keep what they have until the next
    /// daemon is there.
    public func stop() {
        isStopped.isSet = true
        receiver.wake()
        thread.withLock { $0.thread }?.join()
    }

    private static func run(
        _ receiver: DatagramReceiver, _ stateFolder: String, _ clock: @Sendable () -> Int64?,
        _ problem: @Sendable (String) -> Void, until isStopped: Flag
    ) {
        var batch = UsageBatch(limit: keyLimit)
        var hasTold = false
        while true {
            var reception = receiver.receive(limit: UsageDatagram.byteLimit)
            let deadline = MonotonicTime.now + .seconds(1)
            var count = 0
            gathering: while true {
                switch reception {
                case .datagram(let bytes): for record in UsageDatagram.decode(bytes) ?? [] { batch.add(record) }
                case .unusable: break
                case .nothing: break gathering
                case .woken:
                    if isStopped.isSet { break gathering }
                }
                count += 1
                // Also what waits in the socket is taken at a stop: `receive` says so when there is no more.
                if count >= datagramLimit, !isStopped.isSet { break }
                let rest = MonotonicTime.now.duration(to: deadline)
                if rest <= .zero, !isStopped.isSet { break }
                reception = receiver.receive(
                    limit: UsageDatagram.byteLimit, timeout: isStopped.isSet ? .zero : max(.zero, rest))
            }
            do throws(DatabaseError) {
                if !batch.isEmpty {
                    try UsageStore.open(stateFolder: stateFolder).add(Array(batch.records.values), at: clock())
                    batch.remove(Array(batch.records.values))
                }
                hasTold = false
            } catch {
                // Kept, and written with what comes next.
                if !hasTold { problem("usage is not counted: \(error)") }
                hasTold = true
            }
            if isStopped.isSet { return }
        }
    }
}
