internal import Documents

/// The grammar below supervisord's configuration: Python's RawConfigParser with inline comments behind `;` and `#`, not
/// strict (a later key or section of the same name wins or is merged), values over several lines.
/// https://docs.python.org/3/library/configparser.html#supported-ini-file-structure
struct PackageServiceFileLines {
    /// What was cut off a value: the sign that begins a comment, and the rest of its line.
    struct Comment {
        var text: String
        var mark: Mark
    }
    struct Option {
        var name: String
        var value: String
        var mark: Mark
        var comments: [Comment] = []
        /// The lines that end in a backslash and are followed by one more line of the value.
        var backslashes: [Int] = []
        /// Where its value ends so far.
        var lastLine: Int
        /// Where the same key stands before, without effect.
        var earlierLine: Int?
    }
    struct Section {
        var name: String
        var mark: Mark
        var options: [Option] = []
    }

    private static let mostLines = 10_000

    private(set) var sections: [Section] = []
    /// What is no line of such a file, in the order of the text.
    private(set) var problems: [DocumentError] = []

    /// As `init(reading:source:)`.
    /// - Throws: the first problem.
    init(_ text: String, source: String) throws(DocumentError) {
        self.init(reading: text, source: source)
        if let problem = problems.first { throw problem }
    }

    /// At most 1 MiB and 10,000 lines are read: reading takes time by the square of the lines.
    init(reading text: String, source: String) {
        guard text.utf8.count <= 1 << 20 else {
            problems = [
                DocumentError(
                    source: source, mark: nil, message: "expected at most 1 MiB, found \(text.utf8.count) bytes")
            ]
            return
        }
        if let problem = PackageServiceFileLines.noText(text, source) {
            problems = [problem]
            return
        }
        var text = Substring(text)
        if text.unicodeScalars.first == "\u{FEFF}" { text = Substring(text.unicodeScalars.dropFirst()) }
        var current: Int?
        var option: Int?
        var indent = 0
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
        guard lines.count <= PackageServiceFileLines.mostLines else {
            let message = "expected at most \(PackageServiceFileLines.mostLines) lines, found \(lines.count)"
            problems = [DocumentError(source: source, mark: nil, message: message)]
            return
        }
        for (index, raw) in lines.enumerated() {
            let line = Array(raw.unicodeScalars)
            let comment = PackageServiceFileLines.commentStart(line)
            let value = PackageServiceFileLines.stripped(line[..<(comment ?? line.count)])
            let firstNonSpace = line.firstIndex { !$0.properties.isWhitespace } ?? 0
            let mark = Mark(line: index + 1, column: firstNonSpace + 1)
            let dropped = comment.map { start in
                Comment(
                    text: PackageServiceFileLines.stripped(line[start...]),
                    mark: Mark(line: index + 1, column: start + 1))
            }
            if value.isEmpty {
                // An empty line inside a value belongs to it, a comment line does not.
                if comment == nil, let section = current, let option { sections[section].options[option].value += "\n" }
                continue
            }
            if let section = current, let option, firstNonSpace > indent {
                sections[section].options[option].append(value, dropped, line: index + 1)
                continue
            }
            indent = firstNonSpace
            if value.hasPrefix("["), let end = value.lastIndex(of: "]"), value.index(after: value.startIndex) < end {
                let name = String(value[value.index(after: value.startIndex)..<end])
                current = sections.firstIndex { $0.name == name }
                if current == nil {
                    sections.append(Section(name: name, mark: mark))
                    current = sections.count - 1
                }
                option = nil
                continue
            }
            let delimiter = value.firstIndex { $0 == "=" || $0 == ":" }
            let name = delimiter.map { PackageServiceFileLines.trimmed(value[..<$0]).lowercased() } ?? ""
            let remark = DocumentText.remark(on: value)
            guard let section = current, let delimiter, !name.isEmpty else {
                let message =
                    current == nil
                    ? "expected a section such as [supervisord] before \(PackageServiceFileLines.shown(value))\(remark)"
                    : delimiter.map { "expected a key before '\(value[$0])'" }
                        ?? "expected 'key = value', found \(PackageServiceFileLines.shown(value))\(remark)"
                problems.append(DocumentError(source: source, mark: mark, message: message))
                // Without a section nothing that follows has its place.
                if current == nil { return }
                continue
            }
            let text = PackageServiceFileLines.trimmed(value[value.index(after: delimiter)...])
            let earlier = sections[section].options.first { $0.name == name }?.mark.line
            sections[section].options.removeAll { $0.name == name }
            sections[section].options.append(
                Option(
                    name: name, value: text, mark: mark, comments: dropped.map { [$0] } ?? [], lastLine: index + 1,
                    earlierLine: earlier))
            option = sections[section].options.count - 1
        }
        // What stands in [DEFAULT] counts for each section that does not have it.
        let defaults = sections.first { $0.name == "DEFAULT" }?.options ?? []
        sections.removeAll { $0.name == "DEFAULT" }
        for section in sections.indices {
            let own = Set(sections[section].options.map(\.name))
            sections[section].options += defaults.filter { !own.contains($0.name) }
            for option in sections[section].options.indices {
                while sections[section].options[option].value.last?.isWhitespace == true {
                    sections[section].options[option].value.removeLast()
                }
            }
        }
    }

    /// Where a comment begins: at a line's first character that is no white space, or at `;` or `#` after white space.
    private static func commentStart(_ line: [Unicode.Scalar]) -> Int? {
        if let first = line.first(where: { !$0.properties.isWhitespace }), first == ";" || first == "#" { return 0 }
        // Occurrence by occurrence of both characters, as configparser looks for them.
        var next: [Unicode.Scalar: Int] = [";": 0, "#": 0]
        while !next.isEmpty {
            var found: Int?
            for (prefix, from) in next {
                guard let index = line[from...].firstIndex(of: prefix) else {
                    next[prefix] = nil
                    continue
                }
                next[prefix] = index + 1
                if index == 0 || line[index - 1].properties.isWhitespace { found = min(found ?? index, index) }
            }
            if let found { return found }
        }
        return nil
    }

    /// What no program could have written as a text: UTF-16, or NUL bytes, which no argument of a program can hold.
    private static func noText(_ text: String, _ source: String) -> DocumentError? {
        guard let offset = text.utf8.firstIndex(of: 0) else { return nil }
        // Both byte order marks of UTF-16 are no UTF-8.
        let isUTF16 = text.hasPrefix("\u{FFFD}\u{FFFD}")
        let before = Array(text.utf8[..<offset])
        return DocumentError(
            source: source, mark: DocumentText.mark(of: before.count, in: before),
            message: isUTF16 ? "the text is UTF-16: save it as UTF-8" : "the text holds a NUL byte")
    }

    /// A value in a message: as it stands, or with escapes where it could not be read otherwise.
    static func shown(_ text: String) -> String {
        let isPlain = !text.unicodeScalars.contains(where: DocumentText.isInvisible)
        return isPlain && text.utf8.count <= 200 ? "'\(text)'" : DocumentText.quoted(text)
    }

    private static func stripped(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return trimmed(Substring(String(text)))
    }

    static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

extension PackageServiceFileLines.Option {
    /// Takes one more line of the value.
    fileprivate mutating func append(_ text: String, _ comment: PackageServiceFileLines.Comment?, line: Int) {
        if value.hasSuffix("\\") { backslashes.append(lastLine) }
        value += "\n" + text
        lastLine = line
        if let comment { comments.append(comment) }
    }
}
