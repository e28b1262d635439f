internal import Glibc

/// Times as HTTP writes them: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
public enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// The text for a time in seconds since 1970.
    public static func text(unixSeconds: Int64) -> String {
        var time = time_t(unixSeconds)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil else { return "Thu, 01 Jan 1970 00:00:00 GMT" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = days[Int(parts.tm_wday) % 7]
        let month = months[Int(parts.tm_mon) % 12]
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return "\(day), \(two(parts.tm_mday)) \(month) \(parts.tm_year + 1900) \(clock) GMT"
    }

    /// The seconds since 1970 of any of HTTP's three forms (IMF-fixdate, RFC 850, asctime); nil for anything else.
    public static func unixSeconds(_ text: String) -> Int64? {
        let words = text.split { " ,-".contains($0) }.map(String.init)
        var parts = tm()
        var year: Int32?
        // Sun 06 Nov 1994 08:49:37 GMT | Sunday 06 Nov 94 08:49:37 GMT | Sun Nov 6 08:49:37 1994
        let isASCTime = words.count == 5 && Int(words[1]) == nil
        guard isASCTime || (words.count == 6 && words[5] == "GMT") else { return nil }
        let (day, month, clock) = isASCTime ? (words[2], words[1], words[3]) : (words[1], words[2], words[4])
        year = Int32(isASCTime ? words[4] : words[3])
        let times = clock.split(separator: ":", omittingEmptySubsequences: false).map { Int32($0) ?? -1 }
        guard let monthIndex = months.firstIndex(of: month), let dayNumber = Int32(day), (1...31).contains(dayNumber),
            var year, times.count == 3, (0...23).contains(times[0]), (0...59).contains(times[1]),
            (0...60).contains(times[2])
        else { return nil }
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        guard (1970...9999).contains(year) else { return nil }
        parts.tm_year = year - 1900
        parts.tm_mon = Int32(monthIndex)
        parts.tm_mday = dayNumber
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (times[0], times[1], times[2])
        return Int64(timegm(&parts))
    }
}
