internal import Documents

/// The grammar below supervisord's configuration: Python's RawConfigParser with inline comments behind `;` and `#`, not
/// strict (a later key or section of the same name wins or is merged), values over several lines.
/// https://docs.python.org/3/library/configparser.html#supported-ini-file-structure
struct PackageServiceFileLines {
    struct Option {
        var name: String
        var value: String
        var mark: Mark
    }
    struct Section {
        var name: String
        var mark: Mark
        var options: [Option] = []
    }

    private(set) var sections: [Section] = []

    /// At most 1 MiB and 10,000 lines are read.
    init(_ text: String, source: String) throws(DocumentError) {
        guard text.utf8.count <= 1 << 20 else {
            throw DocumentError(
                source: source, mark: nil, message: "expected at most 1 MiB, found \(text.utf8.count) bytes")
        }
        var text = Substring(text)
        if text.unicodeScalars.first == "\u{FEFF}" { text = Substring(text.unicodeScalars.dropFirst()) }
        var current: Int?
        var option: Int?
        var indent = 0
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
        for (index, raw) in lines.enumerated() {
            let line = Array(raw.unicodeScalars)
            let comment = PackageServiceFileLines.commentStart(line)
            let value = PackageServiceFileLines.stripped(line[..<(comment ?? line.count)])
            let firstNonSpace = line.firstIndex { !$0.properties.isWhitespace } ?? 0
            let mark = Mark(line: index + 1, column: firstNonSpace + 1)
            func wrong(_ message: String) -> DocumentError {
                DocumentError(source: source, mark: mark, message: message)
            }
            if value.isEmpty {
                // An empty line inside a value belongs to it, a comment line does not.
                if comment == nil, let section = current, let option { sections[section].options[option].value += "\n" }
                continue
            }
            if let section = current, let option, firstNonSpace > indent {
                sections[section].options[option].value += "\n" + value
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
            guard let section = current else {
                throw wrong("expected a section such as [supervisord] before '\(value)'")
            }
            guard let delimiter = value.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
                throw wrong("expected 'key = value', found '\(value)'")
            }
            let name = PackageServiceFileLines.trimmed(value[..<delimiter]).lowercased()
            guard !name.isEmpty else { throw wrong("expected a key before '\(value[delimiter])'") }
            let text = PackageServiceFileLines.trimmed(value[value.index(after: delimiter)...])
            sections[section].options.removeAll { $0.name == name }
            sections[section].options.append(Option(name: name, value: text, mark: mark))
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
