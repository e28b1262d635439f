/// How many lines an app may log: a token bucket. It holds ten seconds' worth, so that a start or a stack trace passes; a
/// bucket that was emptied is shut until it holds one second's worth again, so that what is kept are whole runs of lines,
/// with one gap a second at most between them.
///
/// A plain value: times are since any fixed moment, by the monotonic clock.
public struct LogRate: Sendable, Hashable {
    /// Lines a second; nil is no limit.
    public let linesPerSecond: Int?
    private var level: Double
    private var last: Duration
    private var isShut = false

    /// Seconds' worth that a full bucket holds.
    public static let burstSeconds = 10

    /// A full bucket.
    public init(linesPerSecond: Int?, at now: Duration) {
        self.linesPerSecond = linesPerSecond.map { max(1, $0) }
        level = Double(self.linesPerSecond ?? 0) * Double(LogRate.burstSeconds)
        last = now
    }

    /// Lines that may be written now; 0 while the bucket is shut.
    public mutating func allowance(at now: Duration) -> Int {
        guard let linesPerSecond else { return .max }
        let rate = Double(linesPerSecond)
        let (seconds, attoseconds) = max(.zero, now - last).components
        last = max(last, now)
        level = min(rate * Double(LogRate.burstSeconds), level + rate * (Double(seconds) + Double(attoseconds) * 1e-18))
        if isShut, level >= rate { isShut = false }
        return isShut ? 0 : Int(level)
    }

    /// Lines were written.
    public mutating func spend(_ lines: Int) {
        guard linesPerSecond != nil else { return }
        level -= Double(lines)
    }

    /// Lines had to be dropped: nothing more is written until a second's worth is there.
    public mutating func shut() {
        guard linesPerSecond != nil, !isShut else { return }
        isShut = true
        level = min(level, 0)
    }

    /// How long it stays shut from the last `allowance` on; nil when it is open.
    public var reopens: Duration? {
        guard isShut, let linesPerSecond else { return nil }
        return .nanoseconds(Int64((1 - level / Double(linesPerSecond)) * 1e9) + 1)
    }
}
