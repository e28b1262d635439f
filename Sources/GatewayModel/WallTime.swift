internal import Documents

/// A moment of the wall clock in milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// For records and reports only: the wall clock may step. Intervals are measured with the monotonic clock.
public struct WallTime: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z; from `doubt` on, `doubt` and the time since boot.
    public var milliseconds: Int64

    /// A moment by its number, as the journal keeps it.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// From earlier to later; a moment in doubt is later than all others.
    public static func < (a: WallTime, b: WallTime) -> Bool { a.milliseconds < b.milliseconds }

    /// The moment that much later, cut to whole milliseconds.
    public func advanced(by duration: Duration) -> WallTime {
        let (seconds, attoseconds) = duration.components
        return WallTime(milliseconds: milliseconds + seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
    }

    /// How much later the other moment is; negative when it is earlier. Between a moment in doubt and another it means
    /// nothing.
    public func duration(to later: WallTime) -> Duration {
        let (difference, isTooLarge) = later.milliseconds.subtractingReportingOverflow(milliseconds)
        return .milliseconds(!isTooLarge ? difference : later > self ? .max : .min)
    }

    /// A moment at which the wall clock was not to be believed: the time since boot, kept as a time that no clock shows.
    /// Such times compare and subtract among themselves within one boot, and are later than all others.
    public static func inDoubt(sinceBoot: Duration) -> WallTime {
        WallTime(milliseconds: doubt).advanced(by: sinceBoot)
    }

    /// See `inDoubt`. The year 144680.
    public static let doubt: Int64 = 1 << 52

    /// Whether the wall clock was not to be believed; see `inDoubt(sinceBoot:)`.
    public var isInDoubt: Bool { milliseconds >= WallTime.doubt }

    /// `2026-11-22T15:20:45Z` (RFC 3339); `boot+0:12:03` for a moment in doubt.
    public var description: String {
        guard isInDoubt else { return CivilTime(unixSeconds: milliseconds.quotient(by: 1_000)).description }
        let seconds = Int((milliseconds - WallTime.doubt) / 1_000)
        return "boot+\(seconds / 3_600):\(CivilTime.two(seconds / 60 % 60)):\(CivilTime.two(seconds % 60))"
    }
}
