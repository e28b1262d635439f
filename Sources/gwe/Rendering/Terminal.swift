internal import Documents
internal import GatewaySystem
internal import Glibc

/// What the reader of our output can show: colours and one repainted line on a terminal, plain ASCII otherwise where
/// the locale is not UTF-8. Honours NO_COLOR (https://no-color.org) and TERM=dumb.
struct Terminal {
    let isTerminal: Bool
    let hasColor: Bool
    let isUTF8: Bool
    /// How many characters a line holds; nil where it is no terminal, or one that does not say.
    let columns: Int?

    init(descriptor: Int32) {
        let environment = { (name: String) in getenv(name).map { String(cString: $0) } ?? "" }
        isTerminal = isatty(descriptor) == 1
        hasColor = isTerminal && environment("NO_COLOR").isEmpty && environment("TERM") != "dumb"
        columns = isTerminal ? TerminalSize.columns(of: descriptor) : nil
        let locale = [environment("LC_ALL"), environment("LC_CTYPE"), environment("LANG")].first { !$0.isEmpty } ?? ""
        let folded = locale.lowercased()
        isUTF8 = folded.holds("utf-8") || folded.holds("utf8")
    }

    /// What stands for the end of a text that was cut off.
    var ellipsis: String { isUTF8 ? "…" : "~" }

    enum Style: String { case bold = "1", dim = "2", red = "31", green = "32", yellow = "33", cyan = "36" }

    /// In a colour, where there are colours; only ``emit(_:)`` and ``tell(_:)`` may write the result.
    func paint(_ text: String, _ style: Style?) -> String {
        guard hasColor, let style else { return text }
        return Painted.wrap(text, style.rawValue)
    }
}

/// Bytes as people read them: `512 B`, `1.4 KiB`, `97.3 MiB`.
func byteText(_ count: Int64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var tenths = min(count, .max / 16) * 10
    var unit = 0
    while tenths >= 10_240, unit < units.count - 1 {
        tenths = (tenths + 512) / 1_024
        unit += 1
    }
    return unit == 0 ? "\(count) B" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
}
