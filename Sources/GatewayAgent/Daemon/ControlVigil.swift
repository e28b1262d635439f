internal import GatewaySystem
internal import Synchronization

/// Watches over one call: says for whom it waits, and looks whether the daemon still gives a sign of life, each time that
/// nothing has come for a while. libcurl asks it about once a second.
final class ControlVigil: Sendable {
    private struct State: Sendable {
        var heard: MonotonicTime
        var looked: MonotonicTime
        var hasTold = false
        var isSilent = false
    }

    let pid: Int32?
    private let socket: String
    private let waiting: ControlClient.Waiting
    private let state = Lock(State(heard: .now, looked: .now))

    init(_ pid: Int32?, _ socket: String, _ waiting: @escaping ControlClient.Waiting) {
        self.pid = pid
        self.socket = socket
        self.waiting = waiting
    }

    /// Something has come.
    func heard() {
        state.withLock { state in
            (state.heard, state.looked) = (.now, .now)
            state.hasTold = false
        }
    }

    var isSilent: Bool { state.withLock(\.isSilent) }

    /// Whether the call is to be given up.
    func isOver() -> Bool {
        let (isToTell, isToLook) = state.withLock { state in
            let isToTell = !state.hasTold && state.heard.duration(to: .now) >= ControlClient.patience
            if isToTell { state.hasTold = true }
            let isToLook = state.looked.duration(to: .now) >= ControlClient.patience
            return (isToTell, isToLook)
        }
        if isToTell { waiting(pid) }
        guard isToLook else { return isSilent }
        let isDead =
            switch FileTree.signOfLife(ofServer: socket, within: ControlClient.patience) {
            case .silent: true
            case .answers, .nobody, .notPermitted: false
            }
        state.withLock { state in
            state.looked = .now
            state.isSilent = isDead
        }
        return isDead
    }
}
