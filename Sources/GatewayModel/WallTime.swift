/// A moment of the wall clock in milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// For records and reports only: the wall clock may step. Intervals are measured with the monotonic clock.
public struct WallTime: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public static func < (a: WallTime, b: WallTime) -> Bool { a.milliseconds < b.milliseconds }

    public func advanced(by duration: Duration) -> WallTime {
        let (seconds, attoseconds) = duration.components
        return WallTime(milliseconds: milliseconds + seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
    }

    public func duration(to later: WallTime) -> Duration { .milliseconds(later.milliseconds - milliseconds) }

    /// A moment at which the wall clock was not to be believed: the time since boot, kept as a time that no clock shows.
    /// Such times compare and subtract among themselves within one boot, and are later than all others.
    public static func inDoubt(sinceBoot: Duration) -> WallTime {
        WallTime(milliseconds: doubt).advanced(by: sinceBoot)
    }

    /// See `inDoubt`. The year 144680.
    public static let doubt: Int64 = 1 << 52

    public var isInDoubt: Bool { milliseconds >= WallTime.doubt }

    /// `2026-11-22T15:20:45Z` (RFC 3339); `boot+0:12:03` for a moment in doubt. Days to civil date after H. Hinnant, "chrono-compatible low-level date
    /// algorithms".
    public var description: String {
        let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        if isInDoubt {
            let seconds = Int((milliseconds - WallTime.doubt) / 1_000)
            return "boot+\(seconds / 3_600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
        }
        let total = Int(milliseconds.quotient(by: 1_000))
        let days = Int(Int64(total).quotient(by: 86_400))
        let second = total - days * 86_400
        let shifted = days + 719_468
        let era = Int(Int64(shifted).quotient(by: 146_097))
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(year)-\(two(month))-\(two(day))T\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }
}

extension Int64 {
    /// Division that rounds towards minus infinity.
    fileprivate func quotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
