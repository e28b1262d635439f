/// What a plain scalar means under YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#1032-tag-resolution).
/// Neither `yes` nor `on` is a boolean, `010` is ten, and `12:30:00` is a string.
public enum CoreSchema {
    /// The value of an unquoted scalar. Integers beyond Int64 become `.double` with their text.
    public static func resolve(_ text: String) -> Node.Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".nan", ".NaN", ".NAN": return .double(.nan, text: text)
        default: break
        }
        guard let first = text.utf8.first, isNumberStart(first) else { return .string(text) }
        return integer(text) ?? float(text) ?? .string(text)
    }

    private static func isNumberStart(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func integer(_ text: String) -> Node.Value? {
        for (prefix, radix) in [("0o", 8), ("0x", 16)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            guard let head = digits.utf8.first, head != UInt8(ascii: "-"), head != UInt8(ascii: "+") else { return nil }
            if let number = Int64(digits, radix: radix) { return .int(number) }
            guard digits.utf8.allSatisfy({ Character(Unicode.Scalar($0)).hexDigitValue.map { $0 < radix } ?? false })
            else { return nil }
            return .double(digits.reduce(0) { $0 * Double(radix) + Double($1.hexDigitValue ?? 0) }, text: text)
        }
        let digits = text.utf8.first.map(isDigit) == true ? text.utf8[...] : text.utf8.dropFirst()
        guard !digits.isEmpty, digits.allSatisfy(isDigit) else { return nil }
        if let number = Int64(text) { return .int(number) }
        return .double(Double(text) ?? .infinity, text: text)
    }

    /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, or an infinity.
    private static func float(_ text: String) -> Node.Value? {
        var rest = text.utf8[...]
        let negative = rest.first == UInt8(ascii: "-")
        if negative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        if [".inf", ".Inf", ".INF"].contains(String(Substring(rest))) {
            return .double(negative ? -.infinity : .infinity, text: text)
        }
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = rest.prefix(while: isDigit)
            rest = rest.dropFirst(fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        var exponent = "0"
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            exponent = String(Substring(rest))
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
            guard !rest.isEmpty, rest.allSatisfy(isDigit) else { return nil }
            rest = rest.suffix(0)
        }
        guard rest.isEmpty else { return nil }
        // Swift's reader wants a digit on both sides of the point.
        let mantissa = "\(negative ? "-" : "")\(whole.isEmpty ? "0" : String(Substring(whole)))"
        let number = Double("\(mantissa).\(fraction.isEmpty ? "0" : String(Substring(fraction)))e\(exponent)")
        return .double(number ?? .infinity, text: text)
    }
}
