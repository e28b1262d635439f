/// The reader of JSON (RFC 8259) that keeps places.
public enum JSON {
    /// Reads one value. Refuses, each with line and column: what the grammar refuses, duplicate keys, lone surrogates,
    /// NUL characters (escaped ones too), bad UTF-8, text after the value, and what goes beyond the limits.
    /// Integers that Int64 cannot hold become `.double` with their text. A byte-order mark is skipped.
    public static func parse(
        _ bytes: [UInt8], source: String, limits: DocumentLimits = .init()
    ) throws(DocumentError) -> Node {
        try DocumentText.check(bytes, source: source, limits: limits)
        var reader = JSONReader(bytes: bytes, source: source, limits: limits)
        do throws(DocumentError) { return try reader.document() } catch {
            throw DocumentText.unfinishedMerge(bytes, source: source) ?? error
        }
    }

    /// The same for a string.
    public static func parse(
        _ text: String, source: String, limits: DocumentLimits = .init()
    ) throws(DocumentError) -> Node {
        try parse(Array(text.utf8), source: source, limits: limits)
    }
}

/// Recursive descent over bytes that are known to be UTF-8 without NUL.
struct JSONReader {
    let bytes: [UInt8]
    let source: String
    let limits: DocumentLimits
    var position = 0
    private var nodeCount = 0
    private var depth = 0
    private var path = DocumentPath.root
    /// The place of `markedOffset`, moved forward only, so that all places together cost one walk over the text.
    private var markedOffset = 0
    private var marked = Mark(line: 1, column: 1)

    init(bytes: [UInt8], source: String, limits: DocumentLimits) {
        self.bytes = bytes
        self.source = source
        self.limits = limits
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            position = 3
            markedOffset = 3
        }
    }

    mutating func document() throws(DocumentError) -> Node {
        skipSpace()
        guard position < bytes.count else { throw error("the text is empty, expected a JSON value") }
        let node = try value()
        skipSpace()
        guard position == bytes.count else { throw error("unexpected \(found()) after the JSON value") }
        return node
    }

    private mutating func value() throws(DocumentError) -> Node {
        nodeCount += 1
        guard nodeCount <= limits.nodeCount else {
            throw error("too many values, at most \(limits.nodeCount) are read")
        }
        let mark = mark()
        switch peek {
        case UInt8(ascii: "{"):
            return Node(.mapping(try nested { (r) throws(DocumentError) in try r.object() }), at: mark)
        case UInt8(ascii: "["):
            return Node(.sequence(try nested { (r) throws(DocumentError) in try r.array() }), at: mark)
        case UInt8(ascii: "\""): return Node(.string(try string()), at: mark)
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try number(at: mark)
        default: return try word(at: mark)
        }
    }

    private mutating func nested<Value>(
        _ read: (inout JSONReader) throws(DocumentError) -> Value
    ) throws(DocumentError) -> Value {
        depth += 1
        guard depth <= limits.depth else { throw error("nested too deeply, at most \(limits.depth) levels are read") }
        position += 1
        let result = try read(&self)
        depth -= 1
        return result
    }

    private mutating func object() throws(DocumentError) -> [Node.Entry] {
        var entries: [Node.Entry] = []
        var lines: [String: Int] = [:]
        skipSpace()
        if take(UInt8(ascii: "}")) { return entries }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else {
                if peek == UInt8(ascii: "}") { throw error("a comma cannot stand before }") }
                throw error("expected a key in double quotes, found \(found())")
            }
            let keyMark = mark()
            let key = try string()
            let outer = path
            path = path.child(key)
            if let line = lines.updateValue(keyMark.line, forKey: key) {
                throw error("duplicate key, first used in line \(line)", at: keyMark)
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("expected : after the key, found \(found())") }
            skipSpace()
            entries.append(Node.Entry(key: key, keyMark: keyMark, node: try value()))
            path = outer
            skipSpace()
            if take(UInt8(ascii: "}")) { return entries }
            guard take(UInt8(ascii: ",")) else { throw error("expected , or } after a member, found \(found())") }
        }
    }

    private mutating func array() throws(DocumentError) -> [Node] {
        var nodes: [Node] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return nodes }
        let outer = path
        while true {
            path = outer.child(nodes.count)
            skipSpace()
            if peek == UInt8(ascii: "]") { throw error("a comma cannot stand before ]") }
            nodes.append(try value())
            path = outer
            skipSpace()
            if take(UInt8(ascii: "]")) { return nodes }
            guard take(UInt8(ascii: ",")) else { throw error("expected , or ] after an element, found \(found())") }
        }
    }

    private mutating func word(at mark: Mark) throws(DocumentError) -> Node {
        let start = position
        while let byte = peek, (UInt8(ascii: "A")...UInt8(ascii: "z")).contains(byte) { position += 1 }
        let word = String(decoding: bytes[start..<position], as: UTF8.self)
        switch word {
        case "null": return Node(.null, at: mark, text: word)
        case "true": return Node(.bool(true), at: mark, text: word)
        case "false": return Node(.bool(false), at: mark, text: word)
        default: break
        }
        position = start
        switch peek {
        case UInt8(ascii: "'"): throw error("expected a value, found ': strings stand in double quotes")
        case UInt8(ascii: "/"), UInt8(ascii: "#"):
            throw error("expected a value, found \(found()): JSON has no comments")
        default: throw error("expected a value, found \(word.isEmpty ? found() : DocumentText.quoted(word))")
        }
    }

    /// The current byte, or nil at the end.
    var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    /// The current place.
    mutating func mark() -> Mark {
        while markedOffset < position {
            let byte = bytes[markedOffset]
            if byte == UInt8(ascii: "\n") {
                marked = Mark(line: marked.line + 1, column: 1)
            } else if byte & 0xC0 != 0x80 {
                marked.column += 1
            }
            markedOffset += 1
        }
        return marked
    }

    mutating func error(_ message: String, at mark: Mark? = nil) -> DocumentError {
        let place = mark ?? (position < markedOffset ? DocumentText.mark(of: position, in: bytes) : self.mark())
        return DocumentError(source: source, mark: place, path: path.description, message: message)
    }

    /// What stands at the current position, for a message.
    func found() -> String {
        guard position < bytes.count else { return "the end of the text" }
        if let sign = DocumentText.htmlSign(at: bytes[position...]) {
            return "\(sign): this looks like HTML, so copy the text itself, not the page's source"
        }
        let rest = String(decoding: bytes[position..<min(position + 4, bytes.count)], as: UTF8.self)
        guard let scalar = rest.unicodeScalars.first else { return "the end of the text" }
        let hint =
            switch scalar.value {
            case 0x201A, 0x201C...0x201F: ": write the straight quote \""
            case 0x2018, 0x2019, 0x201B: ": strings stand in straight double quotes"
            case _ where DocumentText.isInvisible(scalar) && scalar.value >= 0x80: ": it cannot be seen, delete it"
            default: ""
            }
        return DocumentText.described(scalar) + hint
    }
}
