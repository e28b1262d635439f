/// A day of the calendar, in UTC, so that no change of the time zone makes a day twice.
public struct UsageDay: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Days since 1970-01-01. 0 stands for bytes that were counted before any clock could be trusted.
    public var number: Int64

    public init(number: Int64) { self.number = number }

    /// The day of a Unix time in seconds.
    public init(unixSeconds: Int64) {
        number = (unixSeconds - (unixSeconds < 0 ? 86_399 : 0)) / 86_400
    }

    public static func < (a: UsageDay, b: UsageDay) -> Bool { a.number < b.number }

    /// Year, month and day (H. Hinnant, "chrono-compatible low-level date algorithms").
    public var civil: (year: Int, month: Int, day: Int) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (Int(year), Int(month), Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1))
    }

    /// The first day of this day's month.
    public var firstOfMonth: UsageDay { UsageDay(number: number - Int64(civil.day) + 1) }

    /// `2026-11-22`.
    public var description: String {
        let (year, month, day) = civil
        return "\(year)-" + (month < 10 ? "0" : "") + "\(month)-" + (day < 10 ? "0" : "") + "\(day)"
    }
}
