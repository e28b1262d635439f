/// A day of the Gregorian calendar, which is taken as valid for all times (H. Hinnant, "chrono-compatible low-level date
/// algorithms").
public struct CivilDate: Sendable, Hashable, CustomStringConvertible {
    /// Astronomical: the year 0 comes before the year 1.
    public var year: Int
    /// 1 to 12.
    public var month: Int
    /// 1 to 31.
    public var day: Int

    /// - Parameter day: a day beyond the end of the month counts on into the next one.
    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The day with a number.
    /// - Parameter daysSince1970: 0 is 1970-01-01; may be negative.
    public init(daysSince1970: Int64) {
        // Years begin in March here, so that the leap day is a year's last; 400 of them have 146,097 days.
        let shifted = daysSince1970 + 719_468
        let era = shifted.quotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }

    /// 1970-01-01 is 0.
    public var daysSince1970: Int64 {
        let shiftedYear = Int64(month <= 2 ? year - 1 : year)
        let era = shiftedYear.quotient(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * Int64(month > 2 ? month - 3 : month + 9) + 2) / 5 + Int64(day) - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// `2026-11-22` (ISO 8601).
    public var description: String { "\(year)-\(CivilTime.two(month))-\(CivilTime.two(day))" }
}

/// A second of a day, in UTC.
public struct CivilTime: Sendable, Hashable, CustomStringConvertible {
    /// The day, in UTC.
    public var date: CivilDate
    /// 0 to 23.
    public var hour: Int
    /// 0 to 59.
    public var minute: Int
    /// 0 to 60: leap seconds can be written, but not told from the second after them.
    public var second: Int

    /// A time from its parts, which are taken as they are: nothing checks their ranges.
    public init(date: CivilDate, hour: Int, minute: Int, second: Int) {
        self.date = date
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// - Parameter unixSeconds: since 1970-01-01T00:00:00Z, without leap seconds; may be negative.
    public init(unixSeconds: Int64) {
        let days = unixSeconds.quotient(by: 86_400)
        let rest = Int(unixSeconds - days * 86_400)
        self.init(date: CivilDate(daysSince1970: days), hour: rest / 3_600, minute: rest / 60 % 60, second: rest % 60)
    }

    /// Since 1970-01-01T00:00:00Z, without leap seconds.
    public var unixSeconds: Int64 { date.daysSince1970 * 86_400 + Int64(hour * 3_600 + minute * 60 + second) }

    /// `15:20:45`.
    public var clock: String { "\(CivilTime.two(hour)):\(CivilTime.two(minute)):\(CivilTime.two(second))" }

    /// `2026-11-22T15:20:45Z` (RFC 3339).
    public var description: String { "\(date)T\(clock)Z" }

    /// At least two digits.
    public static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Int64 {
    /// Division that rounds towards minus infinity.
    public func quotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
