internal import Documents

/// Builds nodes from events, and refuses what a document from outside must not have.
struct YAMLComposer: ~Copyable {
    private let parser: YAMLParser
    private let source: String
    private let limits: DocumentLimits
    private var nodeCount = 0
    private var depth = 0
    private var path = DocumentPath.root

    init(parser: consuming YAMLParser, source: String, limits: DocumentLimits) {
        self.parser = parser
        self.source = source
        self.limits = limits
    }

    mutating func document() throws(DocumentError) -> Node {
        _ = try parser.next()
        var first = try parser.next()
        guard case .documentStart = first.event else { return Node(.null, at: Mark(line: 1, column: 1)) }
        first = try parser.next()
        let node = try value(first.event, at: first.mark)
        _ = try parser.next()
        let end = try parser.next()
        guard case .streamEnd = end.event else {
            throw error("a second document begins here: one text holds one document", at: end.mark)
        }
        return node
    }

    private mutating func value(_ event: YAMLEvent, at mark: Mark) throws(DocumentError) -> Node {
        nodeCount += 1
        guard nodeCount <= limits.nodeCount else {
            throw error("too many values, at most \(limits.nodeCount) are read", at: mark)
        }
        switch event {
        case .scalar(let text, let tag, let isPlain):
            return try scalar(text, tag: tag, isPlain: isPlain, at: mark)
        case .sequenceStart(let tag):
            try check(tag, is: "seq", at: mark)
            return Node(.sequence(try nested(at: mark) { (c) throws(DocumentError) in try c.sequence() }), at: mark)
        case .mappingStart(let tag):
            try check(tag, is: "map", at: mark)
            return Node(.mapping(try nested(at: mark) { (c) throws(DocumentError) in try c.mapping() }), at: mark)
        case .alias(let name): throw error(YAMLComposer.noAliases("the alias *\(name)"), at: mark)
        case .anchor(let name): throw error(YAMLComposer.noAliases("the anchor &\(name)"), at: mark)
        default: throw error("expected a value", at: mark)
        }
    }

    private static func noAliases(_ what: String) -> String {
        "\(what) is not supported: a few aliases can expand to gigabytes, so write the value out"
    }

    private mutating func nested<Value>(
        at mark: Mark, _ read: (inout YAMLComposer) throws(DocumentError) -> Value
    ) throws(DocumentError) -> Value {
        depth += 1
        guard depth <= limits.depth else {
            throw error("nested too deeply, at most \(limits.depth) levels are read", at: mark)
        }
        let result = try read(&self)
        depth -= 1
        return result
    }

    private mutating func sequence() throws(DocumentError) -> [Node] {
        var nodes: [Node] = []
        let outer = path
        while true {
            let (event, mark) = try parser.next()
            if case .sequenceEnd = event { return nodes }
            path = outer.child(nodes.count)
            nodes.append(try value(event, at: mark))
            path = outer
        }
    }

    private mutating func mapping() throws(DocumentError) -> [Node.Entry] {
        var entries: [Node.Entry] = []
        var lines: [String: Int] = [:]
        let outer = path
        while true {
            let (event, keyMark) = try parser.next()
            if case .mappingEnd = event { return entries }
            let key = try key(event, at: keyMark)
            path = outer.child(key)
            if let line = lines.updateValue(keyMark.line, forKey: key) {
                throw error("duplicate key, first used in line \(line)", at: keyMark)
            }
            let (next, mark) = try parser.next()
            entries.append(Node.Entry(key: key, keyMark: keyMark, node: try value(next, at: mark)))
            path = outer
        }
    }

    /// A key keeps its text whatever it would mean as a value: an app may be named `5`.
    private func key(_ event: YAMLEvent, at mark: Mark) throws(DocumentError) -> String {
        switch event {
        case .scalar(let text, let tag, let isPlain):
            guard tag == nil || tag == "!" || tag == YAMLComposer.core + "str" else {
                throw error("a key cannot carry the tag \(DocumentText.quoted(tag ?? ""))", at: mark)
            }
            try refuseNUL(in: text, at: mark)
            if isPlain, text == "<<" {
                throw error("merge keys (<<) are not supported: write the values out", at: mark)
            }
            if isPlain, case .null = CoreSchema.resolve(text) { throw error("expected a key, found null", at: mark) }
            return text
        case .alias(let name): throw error(YAMLComposer.noAliases("the alias *\(name)"), at: mark)
        case .anchor(let name): throw error(YAMLComposer.noAliases("the anchor &\(name)"), at: mark)
        case .sequenceStart: throw error("a key must be a scalar, found a list", at: mark)
        default: throw error("a key must be a scalar, found a mapping", at: mark)
        }
    }

    private static let core = "tag:yaml.org,2002:"

    private func scalar(_ text: String, tag: String?, isPlain: Bool, at mark: Mark) throws(DocumentError) -> Node {
        try refuseNUL(in: text, at: mark)
        guard let tag else {
            guard isPlain else { return Node(.string(text), at: mark) }
            return Node(CoreSchema.resolve(text), at: mark, text: text)
        }
        if tag == "!" || tag == YAMLComposer.core + "str" { return Node(.string(text), at: mark) }
        let resolved = Node(CoreSchema.resolve(text), at: mark, text: text)
        switch (tag, resolved.value) {
        case (YAMLComposer.core + "null", .null), (YAMLComposer.core + "bool", .bool),
            (YAMLComposer.core + "int", .int), (YAMLComposer.core + "float", .double):
            return resolved
        case (YAMLComposer.core + "float", .int(let number)):
            return Node(.double(Double(number), text: text), at: mark, text: text)
        case (YAMLComposer.core + "null", _), (YAMLComposer.core + "bool", _), (YAMLComposer.core + "int", _),
            (YAMLComposer.core + "float", _):
            throw error("\(DocumentText.quoted(text)) is no !!\(tag.dropFirst(YAMLComposer.core.count))", at: mark)
        default: throw unknownTag(tag, at: mark)
        }
    }

    private func check(_ tag: String?, is kind: String, at mark: Mark) throws(DocumentError) {
        guard let tag, tag != "!", tag != YAMLComposer.core + kind else { return }
        throw unknownTag(tag, at: mark)
    }

    private func unknownTag(_ tag: String, at mark: Mark) -> DocumentError {
        error("the tag \(DocumentText.quoted(tag)) is not supported: only YAML's core types are read", at: mark)
    }

    private func refuseNUL(in text: String, at mark: Mark) throws(DocumentError) {
        guard text.utf8.contains(0) else { return }
        throw error("a value cannot hold a NUL character", at: mark)
    }

    private func error(_ message: String, at mark: Mark) -> DocumentError {
        DocumentError(source: source, mark: mark, path: path.description, message: message)
    }
}
