/// An INI file as Python's ConfigParser reads it (docs.python.org, configparser, "Supported INI File Structure"), kept
/// line by line: a change touches the lines it must and no other, so comments, order and spelling stay.
///
/// Names are case-sensitive, as AtomicConfigParser's. `=` and `:` part a name from its value; `#` and `;` begin a
/// comment line; an indented line goes on with the value above it; an option without a sign has no value. A section
/// that comes twice is one. What is none of these is left alone.
public struct IniDocument: Sendable, Hashable {
    /// A name and its value.
    public struct Option: Sendable, Hashable {
        /// In the case in which the file has it.
        public var name: String
        /// nil where the option has no sign; Python says True then.
        public var value: String?
    }

    /// Without their ends.
    private var lines: [String] = []
    private var lineEnd = "\n"

    /// An empty file, whose lines end in LF.
    public init() {}

    /// Takes the text of a file. Lines end in CR LF from here on if any has a CR.
    public init(_ text: String) {
        if text.utf8.contains(13) { lineEnd = "\r\n" }
        lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false).map { line in
            String(Substring(line.last == 13 ? line.dropLast() : line))
        }
        if lines.last == "" { lines.removeLast() }
    }

    /// The whole file; its last line is ended.
    public var text: String { lines.map { $0 + lineEnd }.joined() }

    // MARK: Reading

    /// The sections' names in the order of the file.
    public var sectionNames: [String] {
        var names: [String] = []
        for part in parts where !names.contains(part.name) { names.append(part.name) }
        return names
    }

    /// Whether there is a section of that name; upper and lower case differ.
    public func hasSection(_ name: String) -> Bool { parts.contains { $0.name == name } }

    /// The options of a section in the order of the file; none where there is no such section.
    public func options(of section: String) -> [Option] {
        parts.filter { $0.name == section }.flatMap(\.entries).map(\.option)
    }

    /// The last option of that name.
    public func option(_ name: String, of section: String) -> Option? {
        options(of: section).last { $0.name == name }
    }

    // MARK: Changing

    /// What would not be read back as it was written.
    public struct Unwritable: Error, Sendable, Hashable, CustomStringConvertible {
        /// One sentence for people: what cannot be written, and why.
        public var description: String
    }

    /// Puts an empty section at the end, unless there is one of that name.
    public mutating func addSection(_ name: String) throws(Unwritable) {
        guard !name.isEmpty, !name.utf8.contains(where: { $0 < 32 || $0 == 0x5D }) else {
            throw Unwritable(description: "cannot write section '\(name)': a name has one line and no ']'")
        }
        guard !hasSection(name) else { return }
        if let last = lines.last, !IniDocument.trimmed(last[...]).isEmpty { lines.append("") }
        lines.append("[\(name)]")
    }

    /// Sets an option of a section that is there; a new one comes after the others.
    ///
    /// - Parameter value: nil for an option without a value.
    /// - Throws: `Unwritable`, for names and values that would be read as something else, and for a missing section.
    public mutating func set(_ name: String, of section: String, to value: String?) throws(Unwritable) {
        guard let first = name.utf8.first, !"#;[".utf8.contains(first),
            !name.utf8.contains(where: { $0 < 32 || $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }),
            IniDocument.trimmed(name[...]) == name
        else { throw Unwritable(description: "cannot write option '\(name)': that is no name of an option") }
        if let value {
            guard !value.utf8.contains(where: { $0 == 10 || $0 == 13 || $0 == 0 }) else {
                throw Unwritable(description: "cannot write option '\(name)': the value has more than one line")
            }
        }
        let own = parts.filter { $0.name == section }
        guard let last = own.last else {
            throw Unwritable(description: "cannot write option '\(name)': there is no section '\(section)'")
        }
        if let entry = own.flatMap(\.entries).last(where: { $0.option.name == name }) {
            lines[entry.lines[0]] = value.map { entry.head + $0 } ?? name
            for index in entry.lines.dropFirst().reversed() { lines.remove(at: index) }
        } else {
            let place = (last.entries.last?.lines.last ?? last.line) + 1
            lines.insert(value.map { "\(name) = \($0)" } ?? name, at: place)
        }
    }

    /// False when there was none.
    public mutating func removeOption(_ name: String, of section: String) -> Bool {
        let found = parts.filter { $0.name == section }.flatMap(\.entries).filter { $0.option.name == name }
        for index in found.flatMap(\.lines).reversed() { lines.remove(at: index) }
        return !found.isEmpty
    }

    /// Removes a section and the comments in it. False when there was none.
    public mutating func removeSection(_ name: String) -> Bool {
        let all = parts
        var found = false
        for (index, part) in all.enumerated().reversed() where part.name == name {
            let end = index + 1 < all.count ? all[index + 1].line : lines.count
            lines.removeSubrange(part.line..<end)
            found = true
        }
        return found
    }

    // MARK: Lines

    private struct Entry {
        var option: Option
        /// What the line begins with, up to the value.
        var head: String
        /// Indices of its lines, rising.
        var lines: [Int]
    }

    private struct Part {
        var name: String
        var line: Int
        var entries: [Entry] = []
    }

    private var parts: [Part] {
        var parts: [Part] = []
        var isOpen = false
        for (index, line) in lines.enumerated() {
            let text = IniDocument.trimmed(line[...])
            if text.isEmpty {
                isOpen = false
            } else if text.first == "#" || text.first == ";" {
                continue
            } else if isOpen, line.first?.isWhitespace == true, let part = parts.indices.last,
                let entry = parts[part].entries.indices.last
            {
                let before = parts[part].entries[entry].option.value ?? ""
                parts[part].entries[entry].option.value = before.isEmpty ? String(text) : before + "\n" + text
                parts[part].entries[entry].lines.append(index)
            } else if text.first == "[", let end = text.firstIndex(of: "]") {
                parts.append(Part(name: String(text[text.index(after: text.startIndex)..<end]), line: index))
                isOpen = false
            } else if let part = parts.indices.last {
                parts[part].entries.append(IniDocument.entry(line, index))
                isOpen = true
            }
        }
        return parts
    }

    private static func entry(_ line: String, _ index: Int) -> Entry {
        guard let sign = line.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
            let name = String(trimmed(line[...]))
            return Entry(option: Option(name: name, value: nil), head: name + " = ", lines: [index])
        }
        let after = line.index(after: sign)
        let value = trimmed(line[after...])
        var head = String(line[..<(value.isEmpty ? after : value.startIndex)])
        if value.isEmpty, line[..<sign].last?.isWhitespace == true { head += " " }
        return Entry(
            option: Option(name: String(trimmed(line[..<sign])), value: String(value)), head: head, lines: [index])
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
