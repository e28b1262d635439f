internal import Glibc

/// A time of CLOCK_MONOTONIC (clock_gettime(2)): no step of the wall clock moves it.
public struct MonotonicTime: Sendable, Hashable, Comparable {
    /// Since some point before boot.
    public let nanoseconds: Int64

    /// The time now.
    public static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// How long it is from this time until the other; negative when the other is earlier.
    public func duration(to other: MonotonicTime) -> Duration { .nanoseconds(other.nanoseconds - nanoseconds) }

    /// Whether `a` is earlier than `b`.
    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Stops at about 290 years instead of overflowing.
    public static func + (time: MonotonicTime, delay: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = delay.components
        let (scaled, far) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, farther) = time.nanoseconds.addingReportingOverflow(scaled)
        guard !far && !farther else { return MonotonicTime(nanoseconds: seconds > 0 ? .max / 2 : 0) }
        return MonotonicTime(nanoseconds: sum + attoseconds / 1_000_000_000)
    }

    /// The time that much earlier; like `+`, it stops at the far ends instead of overflowing.
    public static func - (time: MonotonicTime, delay: Duration) -> MonotonicTime { time + (.zero - delay) }

    var components: (seconds: Int64, nanoseconds: Int64) { (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000) }
}

extension Duration {
    /// Whole milliseconds, rounded up, for poll(2); at most about 24 days.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 2_000_000 else { return 2_000_000_000 }
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return Int32(seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
