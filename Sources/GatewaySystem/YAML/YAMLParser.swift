internal import CYAML
internal import Documents

/// What libyaml tells of a document, as Swift values.
enum YAMLEvent {
    case scalar(text: String, tag: String?, isPlain: Bool)
    case sequenceStart(tag: String?)
    case sequenceEnd
    case mappingStart(tag: String?)
    case mappingEnd
    case documentStart
    case documentEnd
    case streamEnd
    /// A `*alias`, or a node that carries an `&anchor`.
    case alias(String)
    case anchor(String)
    case streamStart
}

/// Owns a `yaml_parser_t`. The input must stay where it is for as long as the parser lives.
struct YAMLParser: ~Copyable {
    private let handle: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeBufferPointer<UInt8>
    private let source: String

    init(_ input: UnsafeBufferPointer<UInt8>, source: String) throws(DocumentError) {
        let handle = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard yaml_parser_initialize(handle) == 1 else {
            handle.deallocate()
            throw DocumentError(source: source, mark: nil, message: "cannot start the YAML reader: out of memory")
        }
        yaml_parser_set_encoding(handle, YAML_UTF8_ENCODING)
        if let base = input.baseAddress {
            yaml_parser_set_input_string(handle, base, input.count)
        } else {
            yaml_parser_set_input_string(handle, [], 0)
        }
        self.handle = handle
        self.input = input
        self.source = source
    }

    deinit {
        yaml_parser_delete(handle)
        handle.deallocate()
    }

    /// The next event and where it begins.
    func next() throws(DocumentError) -> (event: YAMLEvent, mark: Mark) {
        var event = yaml_event_t()
        guard yaml_parser_parse(handle, &event) == 1 else { throw problem() }
        defer { yaml_event_delete(&event) }
        let mark = Mark(line: event.start_mark.line + 1, column: event.start_mark.column + 1)
        return (YAMLParser.translate(event), mark)
    }

    private static func translate(_ event: yaml_event_t) -> YAMLEvent {
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            if let anchor = text(scalar.anchor) { return .anchor(anchor) }
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            return .scalar(text: String(decoding: bytes, as: UTF8.self), tag: text(scalar.tag), isPlain: isPlain)
        case YAML_SEQUENCE_START_EVENT:
            if let anchor = text(event.data.sequence_start.anchor) { return .anchor(anchor) }
            return .sequenceStart(tag: text(event.data.sequence_start.tag))
        case YAML_MAPPING_START_EVENT:
            if let anchor = text(event.data.mapping_start.anchor) { return .anchor(anchor) }
            return .mappingStart(tag: text(event.data.mapping_start.tag))
        case YAML_ALIAS_EVENT: return .alias(text(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_STREAM_START_EVENT: return .streamStart
        default: return .streamEnd
        }
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    /// libyaml's error in words that help the person who wrote the text.
    private func problem() -> DocumentError {
        let parser = handle.pointee
        let problem = parser.problem.map { String(cString: $0) } ?? "unknown problem"
        let context = parser.context.map { String(cString: $0) }
        // The reader sets an offset and a value only; scanner and parser set marks.
        guard parser.error == YAML_SCANNER_ERROR || parser.error == YAML_PARSER_ERROR else {
            let mark = DocumentText.mark(of: parser.problem_offset, in: Array(input))
            let value = parser.problem_value > 0 ? Unicode.Scalar(UInt32(parser.problem_value)) : nil
            return DocumentError(source: source, mark: mark, message: words(problem, context: context, at: value))
        }
        // At the end of the text libyaml counts a line more than there is.
        let end = DocumentText.mark(of: input.count, in: Array(input))
        let mark = min(end, Mark(line: parser.problem_mark.line + 1, column: parser.problem_mark.column + 1))
        let scalar = scalar(at: parser.problem_mark)
        let message = words(problem, context: context, at: scalar)
        return DocumentError(
            source: source, mark: mark, message: message + oddity(near: mark, context: parser.context_mark.line + 1))
    }

    /// libyaml's index counts characters, not bytes.
    private func scalar(at mark: yaml_mark_t) -> Unicode.Scalar? {
        var index = 0
        for (offset, byte) in input.enumerated() where byte & 0xC0 != 0x80 {
            if index == mark.index {
                return String(decoding: input[offset...].prefix(4), as: UTF8.self).unicodeScalars.first
            }
            index += 1
        }
        return nil
    }

    /// A character that nobody sees, on the line of a problem or between it and where its context began: to YAML it is no
    /// space, so that it is the likely cause.
    private func oddity(near mark: Mark, context line: Int) -> String {
        let text = String(decoding: input, as: UTF8.self).unicodeScalars
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let last = min(mark.line, lines.count)
        guard last >= 1 else { return "" }
        for number in (min(max(line, last - 3, 1), last)...last).reversed() {
            for (column, scalar) in lines[number - 1].enumerated()
            where DocumentText.isInvisible(scalar) && scalar != "\t" && scalar != "\r" {
                let place = number == mark.line ? "column \(column + 1)" : "line \(number), column \(column + 1)"
                return "; at \(place) there is \(DocumentText.described(scalar)), which YAML takes for a letter"
            }
        }
        return ""
    }

    private func words(_ problem: String, context: String?, at scalar: Unicode.Scalar?) -> String {
        let isTab = scalar == "\t"
        switch problem {
        case "found character that cannot start any token" where isTab,
            "found a tab character that violates indentation",
            "found a tab character where an indentation space is expected":
            return "a tab cannot indent YAML: use spaces"
        case "found character that cannot start any token":
            let character = scalar.map(DocumentText.described) ?? "this character"
            return "a plain value cannot begin with \(character): quote it"
        case "mapping values are not allowed in this context":
            return "a key cannot stand here: check the indentation, or quote a value that holds \": \""
        case "could not find expected ':'": return "expected : after this key"
        case "did not find expected key": return "expected a key: check the indentation"
        case "did not find expected '-' indicator": return "expected - for the next list element: check the indentation"
        case "did not find expected ',' or '}'": return "expected , or } in this mapping"
        case "did not find expected ',' or ']'": return "expected , or ] in this list"
        case "did not find expected <document start>": return "expected the end of the text"
        case "did not find expected node content": return "expected a value"
        case "found unexpected end of stream": return "the text ends inside a quoted value"
        case "found undefined tag handle": return "tags are not supported: this handle is not defined"
        case "control characters are not allowed":
            return "the text holds the control character \(scalar.map(DocumentText.described) ?? "at this place")"
        default: return context.map { "\(problem) \($0)" } ?? problem
        }
    }
}
