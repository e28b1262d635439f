extension JSONReader {
    /// A number as RFC 8259, 6 has it: no leading zero, no bare point, no `+`.
    mutating func number(at mark: Mark) throws(DocumentError) -> Node {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let whole = digits()
        if whole == 0 { throw error("expected a digit, found \(found())") }
        if whole > 1, bytes[position - whole] == UInt8(ascii: "0") {
            throw error("a number cannot begin with 0", at: mark)
        }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard digits() > 0 else { throw error("expected a digit after the point, found \(found())") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            _ = take(UInt8(ascii: "-")) || take(UInt8(ascii: "+"))
            guard digits() > 0 else { throw error("expected a digit in the exponent, found \(found())") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let integer = Int64(text) { return Node(.int(integer), at: mark, text: text) }
        guard let double = Double(text), double.isFinite else {
            throw error("the number \(DocumentText.quoted(text)) is out of range", at: mark)
        }
        return Node(.double(double, text: text), at: mark, text: text)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position - start
    }

    /// A string; the current byte is its opening quote.
    mutating func string() throws(DocumentError) -> String {
        let open = mark()
        position += 1
        var content: [UInt8] = []
        var start = position
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                content += bytes[start..<position]
                position += 1
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                content += bytes[start..<position]
                content += Array(String(Character(try escape())).utf8)
                start = position
            case 0..<0x20:
                throw error("a string cannot hold the control character \(found()): write it as an escape")
            default:
                position += 1
            }
        }
        throw error("the text ends inside a string", at: open)
    }

    private mutating func escape() throws(DocumentError) -> Unicode.Scalar {
        position += 1
        guard let byte = peek else { throw error("the text ends inside an escape") }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            position += 1
            return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return single("\u{8}")
        case UInt8(ascii: "f"): return single("\u{C}")
        case UInt8(ascii: "n"): return single("\n")
        case UInt8(ascii: "r"): return single("\r")
        case UInt8(ascii: "t"): return single("\t")
        case UInt8(ascii: "u"):
            position += 1
            return try unicodeEscape()
        default: throw error("unknown escape \\\(found())")
        }
    }

    private mutating func single(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        position += 1
        return scalar
    }

    /// After `\u`: one scalar, from two escapes where it lies beyond the basic plane.
    private mutating func unicodeEscape() throws(DocumentError) -> Unicode.Scalar {
        let start = position
        let first = try hexUnit()
        if first == 0 {
            position = start
            throw error("a string cannot hold a NUL character")
        }
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
            let second = try hexUnit()
            if (0xDC00..<0xE000).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        position = start
        throw error("a lone surrogate \\u\(String(first, radix: 16)) is no character")
    }

    private mutating func hexUnit() throws(DocumentError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("expected four hex digits after \\u, found \(found())")
            }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }
}
