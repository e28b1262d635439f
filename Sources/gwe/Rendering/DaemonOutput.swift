internal import Documents
internal import GatewayAgent
internal import Glibc
internal import GatewaySystem
internal import Synchronization

/// The daemon's lines on standard error, made safe for whoever shows them (``TerminalText``). Nobody waits for whoever reads them: a log daemon that hangs, or a pipe that is full,
/// must neither hold up the supervision of apps nor a stop. Lines that cannot be written are dropped, and the next one that
/// can be is preceded by their number.
final class DaemonOutput: Sendable {
    private struct State: Sendable {
        var dropped = 0
        /// Whether the last line is there in part.
        var isTorn = false
    }

    private let render: @Sendable (PassEvent) -> String?
    private let state = Lock(State())

    /// - Parameter render: the line of an event; nil when it has none.
    init(_ render: @escaping @Sendable (PassEvent) -> String?) { self.render = render }

    func write(_ event: PassEvent) {
        guard let line = render(event) else { return }
        state.withLock { state in
            if state.dropped > 0 || state.isTorn {
                let what = "\(state.dropped) lines of this log are missing here: nobody took them"
                let note = (state.isTorn ? "\n" : "") + (render(.problem(what)) ?? "") + "\n"
                guard DaemonOutput.put(note) == .all else {
                    state.dropped += 1
                    return
                }
                state = State()
            }
            switch DaemonOutput.put(line + "\n") {
            case .all: break
            case .none: state.dropped += 1
            case .part:
                state.dropped += 1
                state.isTorn = true
            }
        }
    }

    private enum Written { case all, part, none }

    /// A pipe that poll(2) finds writable takes PIPE_BUF bytes at once (pipe(7)), a socket more than that. A reader that is
    /// gone takes everything: there is nothing to tell any more.
    private static func put(_ text: String) -> Written {
        let bytes = Array(TerminalText.safe(text).utf8)
        var written = 0
        while written < bytes.count {
            var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            let piece = bytes[written..<min(written + 4_096, bytes.count)]
            let count =
                poll(&descriptor, 1, 0) > 0
                ? piece.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) } : 0
            if count < 0, errno == EINTR { continue }
            if count < 0, errno != EAGAIN { return .all }
            guard count > 0 else { return written == 0 ? .none : .part }
            written += count
        }
        return .all
    }
}
