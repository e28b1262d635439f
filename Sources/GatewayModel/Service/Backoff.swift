/// Delays between attempts: the first is `first`, each next one twice as long, up to `longest`; each drawn evenly from
/// its upper half, so that things that failed together do not come back together.
public struct Backoff: Sendable, Hashable {
    /// The first delay, which is not drawn by chance.
    public var first: Duration
    /// The most that a delay grows to.
    public var longest: Duration

    /// Delays between restarts of a service where none are given: 0.1 s at first, 5 minutes at most.
    public init(first: Duration = .milliseconds(100), longest: Duration = .seconds(300)) {
        self.first = first
        self.longest = longest
    }

    /// The delay before attempt `attempt`, counted from 1.
    /// - Parameter randomness: 0 gives the shortest delay, 1 the longest. The first delay has no jitter.
    public func delay(attempt: Int, randomness: Double) -> Duration {
        guard attempt > 1 else { return min(first, longest) }
        var delay = first
        for _ in 1..<min(attempt, 64) where delay < longest { delay *= 2 }
        delay = min(delay, longest)
        return delay / 2 + delay / 2 * min(max(randomness, 0), 1)
    }
}
