internal import Foundation

/// Wakes long polls and MQTT connections when some resource has changed.
final class ChangeSignal: Sendable {
    private let condition = NSCondition()
    private nonisolated(unsafe) var generation = 0
    private nonisolated(unsafe) var hasClosed = false
    private nonisolated(unsafe) var listener: (@Sendable () -> Void)?

    var current: Int { condition.withLock { generation } }

    var isClosed: Bool { condition.withLock { hasClosed } }

    func open() { condition.withLock { hasClosed = false } }

    /// Nobody shall wait any more.
    func close() {
        condition.withLock {
            hasClosed = true
            condition.broadcast()
        }
    }

    func notify() {
        let listener = condition.withLock {
            generation += 1
            condition.broadcast()
            return self.listener
        }
        listener?()
    }

    /// Called after each change, from the thread that made it; it must not block.
    func onChange(_ listener: (@Sendable () -> Void)?) { condition.withLock { self.listener = listener } }

    /// Returns when something changed since `generation` was `seen`, or after the time, or spuriously.
    func wait(after seen: Int, atMost duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let limit = Date(timeIntervalSinceNow: Double(seconds) + Double(attoseconds) / 1e18)
        condition.withLock { if generation == seen, !hasClosed { _ = condition.wait(until: limit) } }
    }
}
