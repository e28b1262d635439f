/// A JSON value to be written. Objects keep the order in which they were made, so that output is stable.
public enum JSONValue: Sendable, Equatable {
    /// Also what a `double` that is no finite number is written as.
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    /// By kind and content. The members of objects are compared in their order, and 1 is not 1.0.
    public static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let x), .bool(let y)): x == y
        case (.int(let x), .int(let y)): x == y
        case (.double(let x), .double(let y)): x == y
        case (.string(let x), .string(let y)): x == y
        case (.array(let x), .array(let y)): x == y
        case (.object(let x), .object(let y)):
            x.count == y.count && zip(x, y).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 }
        default: false
        }
    }

    /// The value of a key of an object, or nil.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.0 == key }?.1
    }

    /// The text of a string; nil for every other kind.
    public var string: String? { if case .string(let text) = self { text } else { nil } }
    /// The number, if it is written as an integer; nil for every other kind, `double` included.
    public var int: Int64? { if case .int(let number) = self { number } else { nil } }
    /// The flag of a boolean; nil for every other kind.
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    /// The values of an array; nil for every other kind.
    public var elements: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
    /// Keys and values of an object in their order; nil for every other kind.
    public var members: [(String, JSONValue)]? { if case .object(let members) = self { members } else { nil } }

    /// The text of RFC 8259 on one line, or indented by two spaces.
    public func text(indented: Bool = false) -> String { String(decoding: bytes(indented: indented), as: UTF8.self) }

    /// The same as UTF-8.
    public func bytes(indented: Bool = false) -> [UInt8] {
        var writer = JSONWriter(isIndented: indented)
        writer.write(self)
        return writer.bytes
    }
}

/// Builds the text as bytes: a status of a thousand apps is half a megabyte.
private struct JSONWriter {
    var bytes: [UInt8] = []
    let isIndented: Bool
    private var depth = 0

    init(isIndented: Bool) { self.isIndented = isIndented }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: plain("null")
        case .bool(let flag): plain(flag ? "true" : "false")
        case .int(let number): plain(String(number))
        case .double(let number): plain(number.isFinite ? String(number) : "null")
        case .string(let text): quote(text)
        case .array(let values):
            list(values, UInt8(ascii: "["), UInt8(ascii: "]")) { writer, value in writer.write(value) }
        case .object(let members):
            list(members, UInt8(ascii: "{"), UInt8(ascii: "}")) { writer, member in
                writer.quote(member.0)
                writer.plain(writer.isIndented ? ": " : ":")
                writer.write(member.1)
            }
        }
    }

    private mutating func plain(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func list<Element>(
        _ elements: [Element], _ open: UInt8, _ close: UInt8, write: (inout JSONWriter, Element) -> Void
    ) {
        bytes.append(open)
        depth += 1
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            newLine()
            write(&self, element)
        }
        depth -= 1
        if !elements.isEmpty { newLine() }
        bytes.append(close)
    }

    private mutating func newLine() {
        guard isIndented else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    /// Control characters, and those that a terminal would act on or hide, are written as escapes, since JSON is read
    /// on terminals too. NUL becomes U+FFFD: many readers end at it.
    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { units in
            var start = 0
            var index = 0
            while index < units.count {
                let unit = units[index]
                let length = unit < 0x80 ? 1 : JSONWriter.length(unit)
                if let escape = unit < 0x80 ? JSONWriter.escape(unit) : JSONWriter.escape(units, index, length) {
                    bytes.append(contentsOf: units[start..<index])
                    plain(escape)
                    start = index + length
                }
                index += length
            }
            bytes.append(contentsOf: units[min(start, units.count)...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// The bytes of a character beyond ASCII that begins with this one. A `String` holds only whole ones.
    private static func length(_ first: UInt8) -> Int { first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

    /// The escape of a character beyond ASCII, where it is one that may not stand as it is.
    private static func escape(_ units: UnsafeBufferPointer<UInt8>, _ index: Int, _ length: Int) -> String? {
        switch units[index] {
        case 0xC2, 0xD8, 0xE1, 0xE2, 0xEF, 0xF0...0xFF: break
        default: return nil
        }
        guard
            let scalar = String(decoding: units[index..<min(index + length, units.count)], as: UTF8.self).unicodeScalars
                .first,
            scalar != "\u{FFFD}", ForeignText.isUnsafe(scalar)
        else { return nil }
        return String(scalar).utf16.map { unit in
            let hex = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }.joined()
    }

    /// How a byte is written that may not stand as it is; nil for one that may.
    private static func escape(_ unit: UInt8) -> String? {
        switch unit {
        case 0: return "\u{FFFD}"
        case UInt8(ascii: "\""): return "\\\""
        case UInt8(ascii: "\\"): return "\\\\"
        case UInt8(ascii: "\n"): return "\\n"
        case UInt8(ascii: "\r"): return "\\r"
        case UInt8(ascii: "\t"): return "\\t"
        case 0..<0x20, 0x7F:
            let hex = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: return nil
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string, for literals.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer, for literals.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A boolean, for literals.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// `null`, for the literal `nil`.
    public init(nilLiteral: ()) { self = .null }
    /// An array, for literals.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object whose members are in the order of the literal. Keys that come twice are kept twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements) }
}
