/// The answer to a call: a value, or a fault.
enum XMLRPCResponse: Sendable, Hashable {
    case value(XMLRPCValue)
    case fault(code: Int64, text: String)

    struct Malformed: Error, CustomStringConvertible { var description: String }

    /// What an answer may hold; supervisord with a hundred programs sends some 100 KB and 3,000 values.
    static let depthLimit = 12
    static let valueLimit = 200_000

    /// Reads the subset of XML that Python's `xmlrpc.client` writes: elements without attributes, text, the five named
    /// entities and numeric ones. A document type, comments, CDATA, processing instructions after the first line, unknown
    /// elements, and anything after the end are refused.
    static func decode(_ bytes: [UInt8]) throws(Malformed) -> XMLRPCResponse {
        var reader = XMLRPCReader(bytes: bytes)
        return try reader.response()
    }
}

/// Goes over the bytes once; every step looks at what stands there and nothing else.
private struct XMLRPCReader {
    let bytes: [UInt8]
    private var index = 0
    private var valueCount = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func response() throws(XMLRPCResponse.Malformed) -> XMLRPCResponse {
        skipSpace()
        if skip("<?xml") {
            while index < bytes.count, bytes[index] != UInt8(ascii: ">") { index += 1 }
            try expect(">")
        }
        try open("methodResponse")
        let response: XMLRPCResponse
        skipSpace()
        if skip("<fault>") {
            let fault = try value(depth: 0)
            try close("fault")
            guard let code = fault["faultCode"]?.int, let text = fault["faultString"]?.string else {
                throw wrong("a fault with code and text")
            }
            response = .fault(code: code, text: text)
        } else {
            try open("params")
            try open("param")
            response = .value(try value(depth: 0))
            try close("param")
            try close("params")
        }
        try close("methodResponse")
        skipSpace()
        guard index == bytes.count else { throw wrong("the end") }
        return response
    }

    private mutating func value(depth: Int) throws(XMLRPCResponse.Malformed) -> XMLRPCValue {
        valueCount += 1
        guard depth < XMLRPCResponse.depthLimit, valueCount <= XMLRPCResponse.valueLimit else {
            throw wrong("fewer values")
        }
        skipSpace()
        if skip("<value/>") { return .string("") }
        try open("value")
        let start = index
        skipSpace()
        let result: XMLRPCValue
        if skip("<string/>") {
            result = .string("")
        } else if skip("<nil/>") {
            result = .null
        } else if skip("<array>") {
            result = .array(try elements(depth: depth))
        } else if skip("<struct>") {
            result = .object(try members(depth: depth))
        } else if skip("<struct/>") {
            result = .object([:])
        } else if skip("<string>") {
            result = .string(try text())
            try expect("</string>")
        } else if skip("<boolean>") {
            let word = try text()
            guard word == "0" || word == "1" else { throw wrong("0 or 1") }
            result = .bool(word == "1")
            try expect("</boolean>")
        } else if let name = ["int", "i4", "i8"].first(where: { skip("<\($0)>") }) {
            guard let number = Int64(try text()) else { throw wrong("a whole number") }
            result = .int(number)
            try expect("</\(name)>")
        } else {
            // A value without a type is text, white space and all.
            index = start
            result = .string(try text())
        }
        try close("value")
        return result
    }

    private mutating func elements(depth: Int) throws(XMLRPCResponse.Malformed) -> [XMLRPCValue] {
        var values: [XMLRPCValue] = []
        skipSpace()
        if !skip("<data/>") {
            try open("data")
            skipSpace()
            while !skip("</data>") {
                values.append(try value(depth: depth + 1))
                skipSpace()
            }
        }
        try close("array")
        return values
    }

    private mutating func members(depth: Int) throws(XMLRPCResponse.Malformed) -> [String: XMLRPCValue] {
        var members: [String: XMLRPCValue] = [:]
        skipSpace()
        while !skip("</struct>") {
            try open("member")
            try open("name")
            let name = try text()
            try expect("</name>")
            let value = try value(depth: depth + 1)
            guard members.updateValue(value, forKey: name) == nil else { throw wrong("each name once") }
            try close("member")
            skipSpace()
        }
        return members
    }

    /// Up to the next `<`, entities resolved.
    private mutating func text() throws(XMLRPCResponse.Malformed) -> String {
        var result: [UInt8] = []
        while index < bytes.count, bytes[index] != UInt8(ascii: "<") {
            if bytes[index] == UInt8(ascii: "&") {
                result += try entity()
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        guard let text = String(validating: result, as: UTF8.self) else { throw wrong("UTF-8") }
        return text
    }

    private static let entities: [(name: String, text: String)] = [
        ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"),
    ]

    private mutating func entity() throws(XMLRPCResponse.Malformed) -> [UInt8] {
        for entity in XMLRPCReader.entities where skip(entity.name) { return Array(entity.text.utf8) }
        let isHexadecimal = skip("&#x")
        guard isHexadecimal || skip("&#") else { throw wrong("an entity") }
        let digits = bytes[index...].prefix(8).prefix { $0 != UInt8(ascii: ";") }
        index += digits.count
        guard let number = UInt32(String(decoding: digits, as: UTF8.self), radix: isHexadecimal ? 16 : 10),
            let scalar = Unicode.Scalar(number), number != 0
        else { throw wrong("the number of a character") }
        try expect(";")
        return Array(String(Character(scalar)).utf8)
    }

    // MARK: marks

    private mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    /// Whether exactly these characters stand here; then they are passed.
    private mutating func skip(_ mark: String) -> Bool {
        guard bytes[index...].starts(with: mark.utf8) else { return false }
        index += mark.utf8.count
        return true
    }

    private mutating func expect(_ mark: String) throws(XMLRPCResponse.Malformed) {
        guard skip(mark) else { throw wrong(mark) }
    }

    private mutating func open(_ name: String) throws(XMLRPCResponse.Malformed) {
        skipSpace()
        try expect("<\(name)>")
    }

    private mutating func close(_ name: String) throws(XMLRPCResponse.Malformed) {
        skipSpace()
        try expect("</\(name)>")
    }

    private func wrong(_ what: String) -> XMLRPCResponse.Malformed {
        let found = String(decoding: bytes[index...].prefix(20), as: UTF8.self)
        let shown = String(String.UnicodeScalarView(found.unicodeScalars.map { $0.value < 32 ? " " : $0 }))
        return .init(description: "expected \(what) at byte \(index), found '\(shown)'")
    }
}
