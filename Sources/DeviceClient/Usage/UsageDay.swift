public import Documents

/// A day of the calendar, in UTC, so that no change of the time zone makes a day twice.
public struct UsageDay: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Days since 1970-01-01. 0 stands for bytes that were counted before any clock could be trusted.
    public var number: Int64

    /// The day with this number.
    /// - Parameter number: days since 1970-01-01.
    public init(number: Int64) { self.number = number }

    /// The day of a Unix time in seconds.
    public init(unixSeconds: Int64) {
        number = unixSeconds.quotient(by: 86_400)
    }

    /// The earlier day comes first.
    public static func < (a: UsageDay, b: UsageDay) -> Bool { a.number < b.number }

    /// Its year, month and day.
    public var date: CivilDate { CivilDate(daysSince1970: number) }

    /// The first day of this day's month.
    public var firstOfMonth: UsageDay { UsageDay(number: number - Int64(date.day) + 1) }

    /// `2026-11-22`.
    public var description: String { date.description }
}
