/// Whole numbers as Python, and with it supervisord, reads them.
enum PythonInteger {
    /// Python's `int(text, radix)`: white space around, a sign, single underscores between digits. Numbers too large for an
    /// Int64 are as large as that.
    static func read(_ text: String, radix: Int = 10) -> Int64? {
        var digits = text[...]
        while digits.first?.isWhitespace == true { digits.removeFirst() }
        while digits.last?.isWhitespace == true { digits.removeLast() }
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
        if radix == 8, digits.lowercased().hasPrefix("0o") {
            digits.removeFirst(2)
            if digits.hasPrefix("_") { digits.removeFirst() }
        }
        var value: Int64 = 0
        var needsDigit = true
        for character in digits {
            if character == "_", !needsDigit {
                needsDigit = true
                continue
            }
            guard character.isASCII, let digit = character.wholeNumberValue, digit < radix else { return nil }
            needsDigit = false
            let (product, tooLarge) = value.multipliedReportingOverflow(by: Int64(radix))
            let (sum, stillTooLarge) = product.addingReportingOverflow(Int64(digit))
            value = tooLarge || stillTooLarge ? .max : sum
        }
        guard !needsDigit else { return nil }
        return isNegative ? -value : value
    }
}
