internal import Glibc

/// The wall clock as metering believes it.
public enum UsageClock {
    /// 2026-11-01T00:00:00Z, when this program was written: no reading before it is true.
    private static let floor: Int64 = 1_793_491_200

    /// Unix time in seconds; nil when the clock was plainly never set.
    @Sendable public static func now() -> Int64? {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) >= floor ? Int64(time.tv_sec) : nil
    }
}
