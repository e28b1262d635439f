/// How people write times and amounts in a manifest, and back.
public enum Quantities {
    /// Longest time a document may ask for: 3,650 days, whose nanoseconds fit Int64.
    public static let longestDuration = Duration.seconds(315_360_000)
    /// What a duration may look like, for messages that expected one.
    public static let durationForm = "a duration such as 30s, 4h, 1h30m or 250ms, or a whole number of seconds"

    /// `4h`, `30s`, `250ms`, `1h30m`; plain digits are seconds. Units d, h, m, s, ms in this order, each once, at most
    /// 9 digits each; nil when the text is none, or longer than `longestDuration`.
    public static func duration(_ text: String) -> Duration? {
        var rest = text.utf8[...]
        var total = Duration.zero
        var order = 0
        while !rest.isEmpty {
            guard let number = leadingNumber(&rest) else { return nil }
            let letters = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            rest = rest.dropFirst(letters.count)
            switch (String(Substring(letters)), order) {
            case ("d", 0): (order, total) = (1, total + .seconds(number * 86_400))
            case ("h", 0...1): (order, total) = (2, total + .seconds(number * 3_600))
            case ("m", 0...2): (order, total) = (3, total + .seconds(number * 60))
            case ("s", 0...3): (order, total) = (4, total + .seconds(number))
            case ("ms", 0...4): (order, total) = (5, total + .milliseconds(number))
            case ("", 0) where rest.isEmpty: (order, total) = (5, .seconds(number))
            default: return nil
            }
        }
        return order > 0 && total <= longestDuration ? total : nil
    }

    /// Whole seconds as an integer, else seconds and milliseconds: `1s500ms`.
    public static func json(of duration: Duration) -> (seconds: Int64, milliseconds: Int64) {
        let (seconds, attoseconds) = duration.components
        return (seconds, attoseconds / 1_000_000_000_000_000)
    }

    /// What an amount of bytes may look like, for messages that expected one.
    public static let byteCountForm = "an amount such as 512B, 200KiB or 16MiB, or a whole number of bytes"
    /// What a rate may look like, for messages that expected one.
    public static let rateForm = "a rate such as 200KiB/s, or a whole number of bytes a second"
    /// What a data budget may look like, for messages that expected one.
    public static let budgetForm = "a budget such as 50MiB/month or 2MiB/day"

    /// Units of IEC 80000-13 and of SI, largest first. `KB` is none: some mean 1,000 by it and others 1,024.
    static let units: [(name: String, byteCount: Int64)] = [
        ("GiB", 1 << 30), ("GB", 1_000_000_000), ("MiB", 1 << 20), ("MB", 1_000_000), ("KiB", 1 << 10), ("kB", 1_000),
        ("B", 1),
    ]

    /// `200KiB`: at most 9 digits and a unit.
    public static func byteCount(_ text: some StringProtocol) -> Int64? {
        var rest = Substring(text).utf8[...]
        guard let number = leadingNumber(&rest) else { return nil }
        let unit = String(Substring(rest))
        return units.first { $0.name == unit }.map { number * $0.byteCount }
    }

    /// `200KiB/s` in bytes a second.
    public static func rate(_ text: String) -> Int64? {
        text.hasSuffix("/s") ? byteCount(text.dropLast(2)) : nil
    }

    /// `50MiB/month`.
    public static func budget(_ text: String) -> DataBudget? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let byteCount = byteCount(parts[0]),
            let period = DataBudget.Period(rawValue: String(parts[1]))
        else { return nil }
        return DataBudget(byteCount: byteCount, period: period)
    }

    /// An amount in the largest unit that divides it.
    public static func text(byteCount: Int64) -> String {
        let unit = units.first { byteCount % $0.byteCount == 0 && byteCount != 0 } ?? ("B", 1)
        return "\(byteCount / unit.byteCount)\(unit.name)"
    }

    /// An amount for people, rounded: `512 B`, `1.4 KiB`, `97.3 MiB`.
    public static func about(byteCount: Int64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var rest = Double(byteCount)
        var unit = 0
        while rest >= 1_023.95, unit < units.count - 1 {
            rest /= 1_024
            unit += 1
        }
        if unit == 0 { return "\(byteCount) B" }
        let tenths = Int64((rest * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// What a window may look like, for messages that expected one.
    public static let windowForm = "a time of day from start to end such as \"02:00-04:00\""

    /// `02:00-04:00`; an empty window is none.
    public static func window(_ text: String) -> DailyWindow? {
        let bytes = Array(text.utf8)
        guard bytes.count == 11, bytes[5] == UInt8(ascii: "-"), let start = minute(bytes[0..<5]),
            let end = minute(bytes[6...]),
            start != end
        else { return nil }
        return DailyWindow(start: start, end: end)
    }

    /// A window as a manifest has it: `02:00-04:00`.
    public static func text(of window: DailyWindow) -> String {
        "\(text(minute: window.start))-\(text(minute: window.end))"
    }

    private static func text(minute: Int) -> String {
        "\(minute / 600)\(minute / 60 % 10):\(minute % 60 / 10)\(minute % 10)"
    }

    private static func minute(_ bytes: ArraySlice<UInt8>) -> Int? {
        let digits = bytes.map { Int($0) - 48 }
        guard digits.count == 5, bytes[bytes.startIndex + 2] == UInt8(ascii: ":") else { return nil }
        guard [0, 1, 3, 4].allSatisfy({ (0...9).contains(digits[$0]) }) else { return nil }
        let (hour, minute) = (digits[0] * 10 + digits[1], digits[3] * 10 + digits[4])
        return hour < 24 && minute < 60 ? hour * 60 + minute : nil
    }

    /// Takes 1 to 9 digits.
    private static func leadingNumber(_ rest: inout Substring.UTF8View) -> Int64? {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...9).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return Int64(Substring(digits))
    }
}
