/// A mapping whose keys are known: reading it reports unknown keys with the nearest valid one, unless gwe itself has stored
/// the document.
public struct Fields {
    /// The way to the mapping.
    public let path: DocumentPath
    /// Where the mapping begins.
    public let mark: Mark
    private let entries: [Node.Entry]
    private let problems: Problems

    /// nil, after a report, when the node is no mapping.
    public init?(_ field: Field, keys: [String]) {
        guard let entries = field.mapping() else { return nil }
        self.entries = entries
        path = field.path
        mark = field.node.mark
        problems = field.problems
        for entry in entries where !keys.contains(entry.key) && !field.problems.isStored {
            let hint = Fields.hint(for: entry.key, among: keys)
            problems.report(
                "unknown key \(DocumentText.quoted(entry.key)); \(hint)", at: entry.keyMark, path: path)
        }
    }

    /// "did you mean "version"?", or all valid keys when none is near. Where the word holds a character that no key has, that
    /// is named first: the two words may look alike.
    public static func hint(for word: String, among keys: [String]) -> String {
        if let oddity = DocumentText.oddity(in: word, beyondASCII: true) {
            let plain = word.unicodeScalars.filter { (0x21...0x7E).contains($0.value) }
                .map { String($0) }.joined()
            return "\(oddity); \(hint(for: plain, among: keys))"
        }
        if let same = keys.first(where: { $0 == word }) { return "write it anew: \(DocumentText.quoted(same))" }
        guard let nearest = Suggestion.nearest(to: word, among: keys) else {
            return keys.count == 1
                ? "the only valid key is \(keys[0])" : "valid keys are \(keys.joined(separator: ", "))"
        }
        return "did you mean \(DocumentText.quoted(nearest))?"
    }

    /// The value of a key, or nil when the mapping has no such key.
    public func field(_ key: String) -> Field? {
        guard let entry = entries.first(where: { $0.key == key }) else { return nil }
        return Field(entry.node, keyMark: entry.keyMark, path: path.child(key), problems: problems)
    }

    /// Reports something about the mapping as a whole.
    public func report(_ message: String) { problems.report(message, at: mark, path: path) }
}

/// One value of a document and the way to it. Each reading reports what it cannot take and gives nil.
public struct Field {
    /// The value, with its place in the text.
    public let node: Node
    /// Where the key stands, or the value itself where it has no key.
    public let keyMark: Mark
    /// The way to the value, which begins its messages.
    public let path: DocumentPath
    /// Where the readings report what they cannot take.
    public let problems: Problems

    /// A value to be read. By hand for the root of a document; `Fields` and `list` make those below it.
    /// - Parameter keyMark: nil where the value has no key: its own mark is taken.
    public init(_ node: Node, keyMark: Mark? = nil, path: DocumentPath = .root, problems: Problems) {
        self.node = node
        self.keyMark = keyMark ?? node.mark
        self.path = path
        self.problems = problems
    }

    /// Reports something about this value, at its place.
    public func report(_ message: String) { problems.report(message, at: node.mark, path: path) }

    /// Reports "expected …, found …".
    public func expected(_ what: String) { report("expected \(what), found \(node.found)") }

    /// The keys and values of a mapping, in the order of the text; nil, after a report, when it is none.
    public func mapping(_ what: String = "a mapping") -> [Node.Entry]? {
        guard let entries = node.entries else { return none(expected: what) }
        return entries
    }

    /// The elements of a list, each as a field of its own.
    public func list(_ what: String = "a list") -> [Field]? {
        guard let elements = node.elements else { return none(expected: what) }
        return elements.enumerated().map { Field($1, path: path.child($0), problems: problems) }
    }

    /// `true` or `false` of YAML 1.2. Other spellings (`yes`, `on`, `"true"`) are reported with advice, and give nil.
    public func bool() -> Bool? {
        if let flag = node.bool { return flag }
        switch node.string?.lowercased() {
        case "yes", "no", "on", "off", "y", "n":
            return none(expected: "true or false", because: "YAML 1.2 knows no other booleans")
        case "true", "false": return none(expected: "true or false", because: "write it in lower case without quotes")
        default: return none(expected: "true or false")
        }
    }

    /// A string. A bare number or word that YAML takes for something else is reported with the advice to quote it.
    public func string(_ what: String = "a string") -> String? {
        if let text = node.string { return text }
        guard let text = node.text, !text.isEmpty else { return none(expected: what) }
        report("expected \(what), found \(node.kind); quote it: \(DocumentText.quoted(text))")
        return nil
    }

    /// A whole number; `3.0` is one too, as JSON Schema has it and as Lua writes it.
    public func integer(in range: ClosedRange<Int64>) -> Int64? {
        let what =
            range.upperBound >= Field.largestInteger
            ? "a whole number of at least \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let number = node.wholeNumber else {
            let isQuoted = node.string.flatMap { Int64($0) } != nil
            return none(expected: what, because: isQuoted ? "write it without quotes" : nil)
        }
        guard range.contains(number), number <= Field.largestInteger else { return none(expected: what) }
        return number
    }

    /// 2⁵³ − 1, the largest integer that every JSON reader keeps exactly (RFC 8259, 6).
    public static let largestInteger: Int64 = 9_007_199_254_740_991

    /// One of a few words.
    public func choice(of words: [String]) -> String? {
        let what = words.count < 2 ? words.joined() : "one of \(words.joined(separator: ", "))"
        guard let text = node.string else { return none(expected: what) }
        guard !words.contains(text) else { return text }
        let nearest = Suggestion.nearest(to: text, among: words)
        let oddity = DocumentText.oddity(in: text) == nil ? DocumentText.oddity(in: text, beyondASCII: true) : nil
        let hints = [oddity, nearest.map { "did you mean \($0)?" }].compactMap(\.self)
        return none(expected: what, because: hints.isEmpty ? nil : hints.joined(separator: "; "))
    }

    private func none<Value>(expected what: String, because hint: String? = nil) -> Value? {
        report("expected \(what), found \(node.found)\(hint.map { "; \($0)" } ?? "")")
        return nil
    }
}

extension Node {
    /// The value as a message shows it: a scalar as it is written, of the rest the kind.
    public var found: String {
        switch value {
        case .string(let text):
            DocumentText.quoted(text) + (DocumentText.oddity(in: text).map { ", and \($0)" } ?? "")
        case .bool, .int, .double: text.map { $0.utf8.count <= 40 ? $0 : "\($0.prefix(40))…" } ?? json.text()
        default: kind
        }
    }

    /// An integer, also one that is written with a fraction of zero.
    public var wholeNumber: Int64? {
        switch value {
        case .int(let number): number
        case .double(let number, _): Int64(exactly: number)
        default: nil
        }
    }
}
