/// How messages speak of single characters, above all of those that nobody sees or that look like others.
extension DocumentText {
    /// A character as a message shows it: visible ASCII as it is; any other by its code point and, where it is a well-known
    /// one, its name: `U+00A0 no-break space`, `U+201C left double quotation mark`, `U+00FC ü`.
    public static func described(_ scalar: Unicode.Scalar) -> String {
        if (0x21...0x7E).contains(scalar.value) { return String(Character(scalar)) }
        let hex = String(scalar.value, radix: 16, uppercase: true)
        let code = "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
        if let name = name(scalar.value) { return "\(code) \(name)" }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator,
            .paragraphSeparator, .nonspacingMark, .enclosingMark:
            return code
        default: break
        }
        let script =
            switch scalar.value {
            case 0x0370...0x03FF: "Greek "
            case 0x0400...0x052F: "Cyrillic "
            case 0xFF01...0xFF5E: "fullwidth "
            default: ""
            }
        return "\(code) \(script)\(Character(scalar))"
    }

    /// A byte that is no character of its own: `byte 0xFC`; ASCII as `described(_:)` has it.
    public static func described(byte: UInt8) -> String {
        if byte < 0x80 { return described(Unicode.Scalar(byte)) }
        return "byte 0x" + String(byte, radix: 16, uppercase: true)
    }

    /// Whether a character cannot be seen, or changes how those around it are shown: controls, spaces other than U+0020,
    /// zero-width and bidirectional marks, and U+FFFD, which stands for bytes that were no UTF-8.
    public static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case ..<0x20, 0x7F...0xA0, 0xAD, 0x034F, 0x061C, 0x115F...0x1160, 0x1680, 0x17B4...0x17B5, 0x180E,
            0x2000...0x200F, 0x2028...0x202F, 0x205F...0x206F, 0x3000, 0x3164, 0xFE00...0xFE0F, 0xFEFF, 0xFFA0,
            0xFFF9...0xFFFD:
            true
        default: false
        }
    }

    /// Whether nobody means a character in a name, a version, an address or a digest: the invisible ones, and the quotation
    /// marks that word processors and chats put in place of `"` and `'`.
    public static func isNeverMeant(_ scalar: Unicode.Scalar) -> Bool {
        (0x2018...0x201F).contains(scalar.value) || isInvisible(scalar)
    }

    /// Names the first character of a text that nobody means there: `its 8th character is U+200B zero width space`; nil
    /// where all are meant.
    /// - Parameter beyondASCII: names any character outside of visible ASCII, where the right words have none.
    public static func oddity(in text: some StringProtocol, beyondASCII: Bool = false) -> String? {
        for (index, scalar) in text.unicodeScalars.enumerated()
        where isNeverMeant(scalar) || beyondASCII && !(0x20...0x7E).contains(scalar.value) {
            return "its \(ordinal(index + 1)) character is \(described(scalar))"
        }
        return nil
    }

    /// `oddity(in:beyondASCII:)` as the end of a message, with a semicolon before it; empty where there is none.
    public static func remark(on text: some StringProtocol, beyondASCII: Bool = false) -> String {
        oddity(in: text, beyondASCII: beyondASCII).map { "; \($0)" } ?? ""
    }

    /// What a text that was copied from a web page shows at its beginning: an entity such as `&quot;`, or a tag. nil for
    /// other texts.
    public static func htmlSign(at bytes: ArraySlice<UInt8>) -> String? {
        let head = bytes.prefix(12)
        if head.first == UInt8(ascii: "<"), let next = head.dropFirst().first,
            next == UInt8(ascii: "!") || next == UInt8(ascii: "/") || (0x61...0x7A).contains(next | 0x20)
        {
            return "<"
        }
        guard head.first == UInt8(ascii: "&"), let end = head.firstIndex(of: UInt8(ascii: ";")),
            head[head.startIndex..<end].dropFirst().allSatisfy({
                $0 == UInt8(ascii: "#") || (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20)
            }), end > head.startIndex + 1
        else { return nil }
        return String(decoding: head[...end], as: UTF8.self)
    }

    private static func ordinal(_ number: Int) -> String {
        let end =
            switch (number % 100, number % 10) {
            case (11...13, _): "th"
            case (_, 1): "st"
            case (_, 2): "nd"
            case (_, 3): "rd"
            default: "th"
            }
        return "\(number)\(end)"
    }

    /// Those that people meet (https://www.unicode.org/charts/), in the words of the standard.
    private static func name(_ value: UInt32) -> String? {
        switch value {
        case 0x00: "NUL"
        case 0x07: "bell"
        case 0x08: "backspace"
        case 0x09: "tab"
        case 0x0A: "line feed"
        case 0x0C: "form feed"
        case 0x0D: "carriage return"
        case 0x1B: "escape"
        case 0x20: "space"
        case 0x7F: "delete"
        case 0x85: "next line"
        case 0x9B: "control sequence introducer"
        case 0xA0: "no-break space"
        case 0xAD: "soft hyphen"
        case 0x034F: "combining grapheme joiner"
        case 0x061C: "Arabic letter mark"
        case 0x1680, 0x2000...0x200A: "a wide or narrow space"
        case 0x200B: "zero width space"
        case 0x200C: "zero width non-joiner"
        case 0x200D: "zero width joiner"
        case 0x200E: "left-to-right mark"
        case 0x200F: "right-to-left mark"
        case 0x2010: "hyphen"
        case 0x2011: "non-breaking hyphen"
        case 0x2012: "figure dash"
        case 0x2013: "en dash"
        case 0x2014: "em dash"
        case 0x2018: "left single quotation mark"
        case 0x2019: "right single quotation mark"
        case 0x201A: "single low-9 quotation mark"
        case 0x201B: "single high-reversed-9 quotation mark"
        case 0x201C: "left double quotation mark"
        case 0x201D: "right double quotation mark"
        case 0x201E: "double low-9 quotation mark"
        case 0x201F: "double high-reversed-9 quotation mark"
        case 0x2026: "horizontal ellipsis"
        case 0x2028: "line separator"
        case 0x2029: "paragraph separator"
        case 0x202A...0x202E, 0x2066...0x2069: "a mark that changes the direction of the text"
        case 0x202F: "narrow no-break space"
        case 0x205F: "medium mathematical space"
        case 0x2060: "word joiner"
        case 0x2212: "minus sign"
        case 0x3000: "ideographic space"
        case 0xFEFF: "byte order mark"
        case 0xFFFD: "replacement character, for bytes that are not UTF-8"
        default: nil
        }
    }
}
