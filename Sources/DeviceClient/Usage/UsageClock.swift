internal import Glibc

/// The wall clock as metering believes it.
public enum UsageClock {
    /// 2026-11-01T00:00:00Z, when this program was written: no reading before it is true.
    private static let floor: Int64 = 1_793_491_200

    /// So many years later no gateway runs this program.
    private static let horizon: Int64 = floor + 20 * 365 * 86_400

    /// Unix time in seconds; nil when the clock was plainly never set, or set to anything.
    @Sendable public static func now() -> Int64? {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return (floor..<horizon).contains(Int64(time.tv_sec)) ? Int64(time.tv_sec) : nil
    }
}
