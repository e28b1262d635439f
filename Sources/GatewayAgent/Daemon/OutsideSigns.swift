internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// Signs from outside that trouble may be over: the network has changed, the clock was set. Both come from the kernel;
/// nothing is looked at again and again. The network is watched only while something is wrong.
final class OutsideSigns: DaemonPart {
    private struct State: Sendable {
        var hasStopped = false
        var network: NetworkWatch?
        var clock: ClockSteps?
        var wasInDoubt = false
    }

    private let loop: EventLoop
    private let trust: ClockTrust
    private let timing: CloudTiming
    private let passes: PassQueue
    private let state = Lock(State())

    init(_ loop: EventLoop, _ trust: ClockTrust, _ timing: CloudTiming, _ passes: PassQueue) {
        self.loop = loop
        self.trust = trust
        self.timing = timing
        self.passes = passes
    }

    func start() {
        let clock = try? ClockSteps(loop: loop) { [weak self] in self?.clockStepped() }
        state.withLock { state in
            state.clock = clock
            state.wasInDoubt = !trust.isTrusted
        }
    }

    func stop(_ ending: DaemonEnding) {
        state.withLock { state in
            state.hasStopped = true
            state.clock = nil
            state.network = nil
        }
    }

    /// Watches the network as long as there is trouble that it can end.
    func watch(_ trouble: CloudTrouble?) {
        let isWanted = trouble.map { !$0.kind.isRefusal } ?? false
        state.withLock { state in
            if !isWanted { state.network = nil }
            guard isWanted, state.network == nil, !state.hasStopped else { return }
            state.network = try? NetworkWatch(loop: loop) { [weak self] in self?.networkChanged() }
        }
    }

    private func networkChanged() {
        if let pause = timing.networkChanged() { passes.bringPollForward(to: pause) }
    }

    private func clockStepped() {
        if let pause = timing.clockStepped() { passes.bringPollForward(to: pause) }
        let isInDoubt = !trust.isTrusted
        let hasChanged = state.withLock { state in
            defer { state.wasInDoubt = isInDoubt }
            return state.wasInDoubt != isInDoubt
        }
        guard hasChanged else { return }
        // Stamps records, and judges windows anew.
        var options = PassOptions(.clockSet)
        options.isOffline = true
        passes.enqueue(.init(options: options, listener: nil))
    }
}
