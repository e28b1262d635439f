internal import Documents
internal import GatewaySystem
internal import Wire

/// The events of one pass on their way to one reader. What a reader does not fetch is bounded: progress is dropped first,
/// then all but the result; of a reader that has gone nothing is kept.
final class EventStream: Sendable {
    private struct State: Sendable {
        var lines: [String] = []
        var isEnded = false
        var isAbandoned = false
    }

    static let progressLimit = 1_000
    static let lineLimit = 10_000

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

    /// The reader has gone.
    func abandon() {
        monitor.update { state in
            state.isAbandoned = true
            state.lines = []
        }
    }

    /// All lines that are there; an empty piece after half a second without one; nil at the end.
    func next() -> [UInt8]? {
        let piece: [UInt8]?? = monitor.wait(atMost: .milliseconds(500)) { state in
            if state.lines.isEmpty { return state.isEnded || state.isAbandoned ? .some(nil) : nil }
            defer { state.lines = [] }
            return Array(state.lines.map { $0 + "\n" }.joined().utf8)
        }
        return piece ?? []
    }
}
