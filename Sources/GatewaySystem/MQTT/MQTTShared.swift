internal import CLinux
internal import Glibc

/// What a connection's thread and its callers share.
final class MQTTShared: Sendable {
    enum Phase {
        case idle, connecting, connected
        /// For good; nil after `close`.
        case closed(MQTTError?)
    }

    enum Work {
        case publish(MQTTMessage)
        case subscribe(String, MQTTMessage.QualityOfService)
    }

    struct Command {
        var ticket: UInt64
        var work: Work
        /// Whether somebody waits for the result.
        var isAwaited: Bool
    }

    struct State {
        var phase = Phase.idle
        var isClosing = false
        var commands: [Command] = []
        /// The tickets that somebody waits for.
        var awaited: Set<UInt64> = []
        var results: [UInt64: Result<Void, MQTTError>] = [:]
        var lastTicket: UInt64 = 0
        var wire = MQTTWireCount()
        var interface = ""
        /// nil before it runs and once it has come to its end: also `lost` is told by it.
        var thread: pthread_t?
        /// Whether the thread has come to its end.
        var isOver = false
    }

    let state = Monitor(State())
    /// Wakes the thread.
    let wakeUp: Int32

    init() throws(SystemError) {
        wakeUp = gwe_eventfd()
        guard wakeUp >= 0 else { throw .last("make an eventfd") }
    }

    deinit { Glibc.close(wakeUp) }

    func wake() {
        var one: UInt64 = 1
        while Glibc.write(wakeUp, &one, 8) < 0, errno == EINTR {}
    }

    func forgetWakeUps() {
        var count: UInt64 = 0
        _ = Glibc.read(wakeUp, &count, 8)
    }

    /// Whether the caller is the connection's own thread, which cannot wait for itself.
    var isOwnThread: Bool {
        state.look { state in state.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    var isClosing: Bool { state.look(\.isClosing) }
}
