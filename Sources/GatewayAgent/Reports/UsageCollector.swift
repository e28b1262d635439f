public import DeviceClient
public import GatewaySystem
internal import Glibc

/// The daemon's end of `run/usage.sock`: takes what every process of the gateway has counted, and writes it to `usage.db`.
///
/// Its thread sleeps until a datagram comes; then it gathers for 700 ms and writes once. Whoever may reach the socket may
/// send; what is malformed is ignored, and every value is bounded. What users other than root and the daemon's own send
/// is counted only as far as its interface has moved as much: see `UsageCeiling`.
public final class UsageCollector: Sendable {
    /// Keys of one batch, and datagrams of one write: more are left to the next one, or to the senders.
    private static let keyLimit = 1_000
    private static let datagramLimit = 5_000
    /// Keys of one batch that other users may have.
    private static let strangerKeyLimit = 200
    /// Between attempts to write what could not be written, when nothing comes.
    private static let pauses: ClosedRange<Duration> = .seconds(1) ... .seconds(60)

    private let receiver: DatagramReceiver
    private let phase = Phase()

    /// What the thread and those who stop it tell one another.
    private final class Phase: Sendable {
        enum Value: Sendable { case running, ending, ended }
        private let monitor = Monitor(Value.running)

        var isEnding: Bool { monitor.look { $0 != .running } }
        func end() { monitor.update { if $0 == .running { $0 = .ending } } }
        func hasEnded() { monitor.update { $0 = .ended } }
        func waitForEnd() { monitor.wait { $0 == .ended ? () : nil } }
    }

    /// Makes the socket in the state folder's `run`, or in memory where that cannot be, and starts.
    ///
    /// - Parameters:
    ///   - clock: see `UsageMeter`.
    ///   - problem: told when counts cannot be written; once until they can.
    public init(
        stateFolder: String, clock: @escaping @Sendable () -> Int64? = UsageClock.now,
        problem: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        let receiver = try UsageSocket.make(stateFolder) { (path) throws(SystemError) in
            try DatagramReceiver(path: path, mode: 0o666)
        }
        self.receiver = receiver
        do throws(SystemError) {
            let thread = try BackgroundThread("gwe-usage") { [phase] in
                UsageCollector.run(receiver, stateFolder, clock, problem, phase)
                phase.hasEnded()
            }
            thread.detach()
        } catch {
            // All members are set, so that deinit runs, which waits for the thread's end.
            phase.hasEnded()
            throw error
        }
    }

    deinit { stop() }

    /// Takes nothing more, writes what has come until now, and ends. Whoever counts then finds nobody, and writes itself.
    public func stop() {
        phase.end()
        receiver.close()
        phase.waitForEnd()
    }

    private static func run(
        _ receiver: DatagramReceiver, _ stateFolder: String, _ clock: @Sendable () -> Int64?,
        _ problem: @Sendable (String) -> Void, _ phase: Phase
    ) {
        var batch = UsageBatch(limit: keyLimit)
        var strangers = UsageBatch(limit: strangerKeyLimit)
        var ceiling = UsageCeiling(UsageCeiling.readings())
        let trusted: Set<UInt32> = [0, geteuid()]
        // Stays open: opening it again would cost another sync, of its folder.
        var store: UsageStore?
        var hasTold = false
        var pause = pauses.lowerBound
        while true {
            // What could not be written is tried again, sooner if something comes.
            var reception = receiver.receive(
                limit: UsageDatagram.byteLimit, timeout: batch.isEmpty ? nil : pause)
            let deadline = MonotonicTime.now + UsageMeter.pause
            var count = 0
            gathering: while true {
                switch reception {
                case .datagram(let bytes, let sender):
                    for record in UsageDatagram.decode(bytes) ?? [] {
                        if trusted.contains(sender) { batch.add(record) } else { strangers.add(record) }
                    }
                case .unusable: break
                case .nothing: break gathering
                case .woken:
                    if phase.isEnding { break gathering }
                }
                count += 1
                // Also what waits in the socket is taken at a stop: `receive` says so when there is no more.
                if count >= datagramLimit, !phase.isEnding { break }
                let rest = MonotonicTime.now.duration(to: deadline)
                if rest <= .zero, !phase.isEnding { break }
                reception = receiver.receive(
                    limit: UsageDatagram.byteLimit, timeout: phase.isEnding ? .zero : max(.zero, rest))
            }
            if !strangers.isEmpty {
                ceiling.advance(to: UsageCeiling.readings())
                for record in strangers.take() { batch.add(ceiling.admit(record)) }
            }
            do throws(DatabaseError) {
                if !batch.isEmpty {
                    if store?.isInPlace != true { store = try UsageStore.open(stateFolder: stateFolder) }
                    try store?.add(Array(batch.records.values), at: clock())
                    batch.remove(Array(batch.records.values))
                    hasTold = false
                    pause = pauses.lowerBound
                }
            } catch {
                // Kept, and written with what comes next.
                store = nil
                if !hasTold { problem("usage is not counted: \(error)") }
                hasTold = true
                pause = min(pause * 2, pauses.upperBound)
            }
            if phase.isEnding { return }
        }
    }
}
