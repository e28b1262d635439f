extension PackageServiceFileExpansion {
    /// What follows `%(name)`: flags, width, precision, a length that means nothing, and the conversion. Of the conversions
    /// `s`, `d`, `i`, `u`, `o`, `x` and `X`; not Python's `r`, `a`, `c` and those of fractions.
    struct Format {
        private let name: String
        private var flags: Set<Character> = []
        private var width = 0
        private var precision: Int?
        private var conversion: Character = "s"

        init(_ rest: inout Substring, name: String) throws(Failure) {
            self.name = name
            let start = rest
            while let flag = rest.first, "#0- +".contains(flag) {
                flags.insert(flag)
                rest.removeFirst()
            }
            width = Format.number(&rest) ?? 0
            if rest.first == "." {
                rest.removeFirst()
                precision = Format.number(&rest) ?? 0
            }
            if let length = rest.first, "hlL".contains(length) { rest.removeFirst() }
            guard let conversion = rest.popFirst(), "sdiuoxX".contains(conversion), width <= 1_000,
                precision ?? 0 <= 1_000
            else {
                let found = start[..<rest.startIndex].prefix(20)
                throw Failure(message: "expected %(\(name))s or %(\(name))d, found '%(\(name))\(found)'")
            }
            self.conversion = conversion
        }

        private static func number(_ rest: inout Substring) -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest[digits.endIndex...]
            return digits.isEmpty ? nil : Int(digits) ?? .max
        }

        func text(of value: Value) throws(Failure) -> String {
            switch (value, conversion) {
            case (.open(let text), "s"): return text
            case (.text(let text), "s"): return padded(sign: "", precision.map { String(text.prefix($0)) } ?? text)
            case (.number(let number), "s"):
                return padded(sign: "", precision.map { String(String(number).prefix($0)) } ?? String(number))
            case (.number(let number), _): return self.number(number)
            case (.text(let text), _), (.open(let text), _):
                throw Failure(message: "cannot expand %(\(name))\(conversion): '\(text)' is a text, not a number")
            }
        }

        private func number(_ number: Int64) -> String {
            let radix = conversion == "o" ? 8 : conversion == "x" || conversion == "X" ? 16 : 10
            var digits = String(number.magnitude, radix: radix, uppercase: conversion == "X")
            digits = String(repeating: "0", count: max(0, (precision ?? 0) - digits.count)) + digits
            var sign = number < 0 ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : ""
            if flags.contains("#"), radix != 10 { sign += "0\(conversion)" }
            return padded(sign: sign, digits)
        }

        private func padded(sign: String, _ text: String) -> String {
            let missing = max(0, width - sign.count - text.unicodeScalars.count)
            if flags.contains("-") { return sign + text + String(repeating: " ", count: missing) }
            if flags.contains("0"), conversion != "s" { return sign + String(repeating: "0", count: missing) + text }
            return String(repeating: " ", count: missing) + sign + text
        }
    }
}
