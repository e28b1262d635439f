/// The conversions of supervisord's datatypes.py, which are Python's `int()` and a few lists of words.
enum PackageServiceFileValue {
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
        guard let unit = units.first(where: { text.lowercased().hasSuffix($0.0) }) else { return PythonInteger.read(text) }
        guard let number = PythonInteger.read(String(text.dropLast(2))) else { return nil }
        let (bytes, tooLarge) = number.multipliedReportingOverflow(by: unit.1)
        return tooLarge ? (number < 0 ? .min : .max) : bytes
    }

    static func exitCodes(_ text: String) -> [Int32]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let codes = parts.compactMap { PythonInteger.read(String($0)) }.filter { (0...255).contains($0) }
        return codes.count == parts.count ? codes.map(Int32.init) : nil
    }

    static func restart(_ text: String) -> ServiceDefinition.Restart? {
        text.lowercased() == "unexpected" ? .unexpected : boolean(text).map { $0 ? .always : .never }
    }
}
