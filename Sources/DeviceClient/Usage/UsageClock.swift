internal import Glibc

/// The wall clock as metering believes it.
public enum UsageClock {
    /// When this program was made, at the latest: 2026-11-01T00:00:00Z. Unix time in seconds; no reading before it is true.
    public static let builtAt: Int64 = 1_793_491_200

    /// Twenty years later no gateway runs this program.
    public static let horizon: Int64 = builtAt + 20 * 365 * 86_400

    /// Unix time in seconds; nil when the clock was plainly never set, or set to anything.
    @Sendable public static func now() -> Int64? {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return believed(Int64(time.tv_sec))
    }

    /// The same time, where it can be one of this program's life.
    static func believed(_ unixSeconds: Int64) -> Int64? {
        (builtAt..<horizon).contains(unixSeconds) ? unixSeconds : nil
    }
}
