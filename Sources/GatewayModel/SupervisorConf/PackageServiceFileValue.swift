/// The conversions of supervisord's datatypes.py, which are Python's `int()` and a few lists of words.
enum PackageServiceFileValue {
    /// Python's `int(text, radix)`: white space around, a sign, single underscores between digits. Numbers too large for an
    /// Int64 are as large as that.
    static func integer(_ text: String, radix: Int = 10) -> Int64? {
        var digits = PackageServiceFileLines.trimmed(text[...])[...]
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

    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "yes", "true", "on", "1": true
        case "no", "false", "off", "0": false
        default: nil
        }
    }

    /// `200KB`, `5MB`, `1GB` (1024 each step) or plain bytes.
    static func byteCount(_ text: String) -> Int64? {
        let units: [(String, Int64)] = [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30)]
        guard let unit = units.first(where: { text.lowercased().hasSuffix($0.0) }) else { return integer(text) }
        guard let number = integer(String(text.dropLast(2))) else { return nil }
        let (bytes, tooLarge) = number.multipliedReportingOverflow(by: unit.1)
        return tooLarge ? (number < 0 ? .min : .max) : bytes
    }

    static func exitCodes(_ text: String) -> [Int32]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let codes = parts.compactMap { integer(String($0)) }.filter { (0...255).contains($0) }
        return codes.count == parts.count ? codes.map(Int32.init) : nil
    }

    static func restart(_ text: String) -> ServiceDefinition.Restart? {
        text.lowercased() == "unexpected" ? .unexpected : boolean(text).map { $0 ? .always : .never }
    }
}
