/// How Python 3 writes a list of strings: `['update_interval']`. Gateway Engine, a Python program, made the keys of
/// `usage_report` with it (for ASCII, Python 2 and 3 agree).
enum PythonText {
    /// repr() of a list of str.
    static func repr(_ strings: [String]) -> String { "[" + strings.map(repr).joined(separator: ", ") + "]" }

    /// repr() of a str: in single quotes, unless it has a single and no double one; a backslash before a backslash and
    /// the quote; \t, \n and \r; \x, \u or \U with hex digits for every other character that str.isprintable() denies
    /// (CPython, Objects/unicodeobject.c, unicode_repr).
    static func repr(_ string: String) -> String {
        let scalars = string.unicodeScalars
        let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
        var text = String(quote)
        for scalar in scalars {
            switch scalar {
            case quote, "\\":
                text += "\\"
                text.unicodeScalars.append(scalar)
            case "\t": text += "\\t"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case _ where isPrintable(scalar): text.unicodeScalars.append(scalar)
            default: text += escape(scalar.value)
            }
        }
        text.unicodeScalars.append(quote)
        return text
    }

    private static func escape(_ value: UInt32) -> String {
        let hex = String(value, radix: 16)
        let (letter, width) = value < 0x100 ? ("x", 2) : value < 0x1_0000 ? ("u", 4) : ("U", 8)
        return "\\" + letter + String(repeating: "0", count: width - hex.count) + hex
    }

    /// Neither "other" (Cc, Cf, Cs, Co, Cn) nor a separator (Zl, Zp, Zs), but for the blank.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (0x20..<0x7F).contains(scalar.value) }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }
}
