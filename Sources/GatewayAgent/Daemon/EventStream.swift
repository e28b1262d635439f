internal import Documents
internal import GatewaySystem
internal import Glibc
internal import Wire

/// The events of one pass on their way to one reader. What a reader does not fetch is bounded: progress is dropped first,
/// then all but the result; of a reader that has gone nothing is kept. A reader who hears nothing for long gets a space, which
/// belongs to the line that follows: so he knows that the daemon lives, and neither end takes the connection for dead.
final class EventStream: Sendable {
    private struct State: Sendable {
        var lines: [String] = []
        var isEnded = false
        var isAbandoned = false
        /// Whether the pass has begun, or this has been said.
        var isWaitTold = false
        var handed = MonotonicTime.now
    }

    static let progressLimit = 1_000
    static let lineLimit = 10_000
    /// After so long without a line the reader gets a space.
    static let keepAlive: Duration = .seconds(10)
    /// After so long the reader is told that another pass is to end first.
    static let patience: Duration = .milliseconds(4_500)

    private let monitor = Monitor(State())

    /// How many lines wait for the reader.
    var waitingCount: Int { monitor.look(\.lines.count) }

    func append(_ event: PassEvent) {
        monitor.update { state in
            guard !state.isEnded, !state.isAbandoned else { return }
            if case .result = event {
                state.isEnded = true
            } else if state.lines.count >= EventStream.lineLimit {
                return
            } else if case .progress = event, state.lines.count >= EventStream.progressLimit {
                return
            }
            state.lines.append(event.line.jsonText())
        }
    }

    /// The pass has begun.
    func begin() { monitor.update { $0.isWaitTold = true } }

    /// The reader has gone.
    func abandon() {
        monitor.update { state in
            state.isAbandoned = true
            state.lines = []
        }
    }

    /// All lines that are there; after half a second without one an empty piece, or what keeps the reader patient; nil at the
    /// end.
    func next() -> [UInt8]? {
        let piece: [UInt8]?? = monitor.wait(atMost: .milliseconds(500)) { state in
            if state.lines.isEmpty { return state.isEnded || state.isAbandoned ? .some(nil) : nil }
            defer {
                state.lines = []
                state.handed = .now
            }
            return Array(state.lines.map { $0 + "\n" }.joined().utf8)
        }
        return piece ?? quiet()
    }

    private func quiet() -> [UInt8] {
        monitor.update { state in
            let silence = state.handed.duration(to: .now)
            if !state.isWaitTold, silence >= EventStream.patience {
                (state.isWaitTold, state.handed) = (true, .now)
                let words = "waiting for the pass of process \(getpid()) that is under way; this one begins after it"
                return Array((PassEvent.note(words).line.jsonText() + "\n").utf8)
            }
            guard silence >= EventStream.keepAlive else { return [] }
            state.handed = .now
            return [UInt8(ascii: " ")]
        }
    }
}
