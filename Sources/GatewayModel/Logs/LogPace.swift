/// When a log pipe is emptied next: often enough that its app does not come to wait for room, and no more often.
///
/// The first lines after a pause are moved at once. Then the moves follow each other at a pause that finds the pipe
/// about a quarter full: between 0.25 ms, for an app that writes as fast as it can, and 0.1 s, so that a chatty app costs
/// few wake-ups and its lines reach the flash in batches. The pause grows slowly, by a factor of two at most, and shrinks
/// at once. What is dropped, because the app writes more than it may, is not worth that haste: 10 ms at the least, which
/// lets the app write 100 MB a second.
///
/// A plain value: times are since any fixed moment, by the monotonic clock.
public struct LogPace: Sendable, Hashable {
    /// The longest pause, of an app that writes little.
    public static let longest: Duration = .milliseconds(100)
    /// The shortest pause, of an app that writes as fast as it can.
    public static let shortest: Duration = .microseconds(250)
    /// The shortest while lines are dropped.
    public static let shortestDropping: Duration = .milliseconds(10)
    /// The first pause after a rest.
    public static let first: Duration = .milliseconds(5)

    /// Bytes that the pipe holds.
    private let capacity: Int
    /// Between the last move and the next.
    public private(set) var pause = LogPace.first
    private var last: Duration?

    /// A pipe of which nothing was moved yet.
    /// - Parameter capacity: bytes that the pipe holds; less than 1 counts as 1.
    public init(capacity: Int) { self.capacity = max(1, capacity) }

    /// How long lines that are there now wait until they are moved; zero when they are not to wait.
    public func delay(at now: Duration) -> Duration {
        guard let last else { return .zero }
        return max(.zero, last + pause - now)
    }

    /// Bytes were moved, or dropped because they are more than the app may write.
    public mutating func moved(_ byteCount: Int, at now: Duration, isDropping: Bool = false) {
        let shortest = isDropping ? LogPace.shortestDropping : LogPace.shortest
        defer { last = now }
        guard let last, case let elapsed = now - last, elapsed <= LogPace.longest * 2 else {
            pause = max(shortest, LogPace.first)
            return
        }
        let fitting = elapsed * Double(capacity / 4) / Double(max(1, byteCount))
        pause = max(shortest, min(fitting, pause * 2, LogPace.longest))
    }
}
