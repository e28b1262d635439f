internal import Documents

/// Times as HTTP writes them: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
public enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// The text for a time in seconds since 1970.
    public static func text(unixSeconds: Int64) -> String {
        let time = CivilTime(unixSeconds: unixSeconds)
        let date = time.date
        // 1970-01-01 was a Thursday.
        let sinceSunday = date.daysSince1970 + 4
        let day = days[Int(sinceSunday - sinceSunday.quotient(by: 7) * 7)]
        return "\(day), \(CivilTime.two(date.day)) \(months[date.month - 1]) \(date.year) \(time.clock) GMT"
    }

    /// The seconds since 1970 of any of HTTP's three forms (IMF-fixdate, RFC 850, asctime); nil for anything else.
    public static func unixSeconds(_ text: String) -> Int64? {
        let words = text.split { " ,-".contains($0) }.map(String.init)
        // Sun 06 Nov 1994 08:49:37 GMT | Sunday 06 Nov 94 08:49:37 GMT | Sun Nov 6 08:49:37 1994
        let isASCTime = words.count == 5 && Int(words[1]) == nil
        guard isASCTime || (words.count == 6 && words[5] == "GMT") else { return nil }
        let (day, month, clock) = isASCTime ? (words[2], words[1], words[3]) : (words[1], words[2], words[4])
        let yearNumber = Int(isASCTime ? words[4] : words[3])
        let times = clock.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard let monthIndex = months.firstIndex(of: month), let dayNumber = Int(day), (1...31).contains(dayNumber),
            var year = yearNumber, times.count == 3, (0...23).contains(times[0]), (0...59).contains(times[1]),
            (0...60).contains(times[2])
        else { return nil }
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        guard (1970...9999).contains(year) else { return nil }
        let date = CivilDate(year: year, month: monthIndex + 1, day: dayNumber)
        return CivilTime(date: date, hour: times[0], minute: times[1], second: times[2]).unixSeconds
    }
}
