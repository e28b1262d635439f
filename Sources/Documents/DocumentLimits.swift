/// Bounds that the readers put on a document from outside, so that none can exhaust memory or the stack.
public struct DocumentLimits: Sendable, Hashable {
    /// Bytes of the text.
    public var byteCount: Int
    /// Lists and mappings inside one another.
    public var depth: Int
    /// Values of every kind, keys not counted.
    public var nodeCount: Int

    /// 1 MiB, 64 levels, 65,536 values: a manifest of 1,000 apps needs about a fifth of that.
    public init(byteCount: Int = 1 << 20, depth: Int = 64, nodeCount: Int = 65_536) {
        self.byteCount = byteCount
        self.depth = depth
        self.nodeCount = nodeCount
    }
}

/// What both readers check before they look at any syntax.
public enum DocumentText {
    /// Refuses a text that is too long, holds a NUL byte, or is not UTF-8 (RFC 3629).
    public static func check(_ bytes: [UInt8], source: String, limits: DocumentLimits) throws(DocumentError) {
        guard bytes.count <= limits.byteCount else {
            let message = "the text is too long: \(bytes.count) bytes, at most \(limits.byteCount) are read"
            throw DocumentError(source: source, mark: nil, message: message)
        }
        if let offset = bytes.firstIndex(of: 0) {
            let isUTF16 = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
            let message = isUTF16 ? "the text is UTF-16: save it as UTF-8" : "the text holds a NUL byte"
            throw DocumentError(source: source, mark: mark(of: offset, in: bytes), message: message)
        }
        guard String(validating: bytes, as: UTF8.self) == nil, let offset = firstInvalidOffset(in: bytes) else {
            return
        }
        let message = "the text is not UTF-8: \(described(byte: bytes[offset])) at offset \(offset)"
        throw DocumentError(source: source, mark: mark(of: offset, in: bytes), message: message)
    }

    /// What is said of a text that cannot be read and has a mark of a merge that was not finished (git-merge(1), "How
    /// conflicts are presented"); nil where there is none. Such a mark begins a line.
    public static func unfinishedMerge(_ bytes: [UInt8], source: String) -> DocumentError? {
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            guard let first = line.first, "<=>|".utf8.contains(first), line.prefix(7).count == 7,
                line.prefix(7).allSatisfy({ $0 == first })
            else { continue }
            let next = line.dropFirst(7).first
            guard next == nil || next == UInt8(ascii: " ") || next == UInt8(ascii: "\r") else { continue }
            let mark = String(decoding: line.prefix(7), as: UTF8.self)
            return DocumentError(
                source: source, mark: Mark(line: number, column: 1),
                message: "\(mark) is a mark of a merge that was not finished: keep one side, and remove the marks")
        }
        return nil
    }

    /// The place of a byte; takes time in proportion to the offset.
    public static func mark(of offset: Int, in bytes: [UInt8]) -> Mark {
        var mark = Mark(line: 1, column: 1)
        for byte in bytes.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                mark = Mark(line: mark.line + 1, column: 1)
            } else if byte & 0xC0 != 0x80 {
                mark.column += 1
            }
        }
        return mark
    }

    private static func firstInvalidOffset(in bytes: [UInt8]) -> Int? {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }
}

/// A reader of YAML, handed to those that may not know libyaml: `YAML.read` of GatewaySystem.
public typealias DocumentReader = (_ bytes: [UInt8], _ source: String) throws(DocumentError) -> Node
