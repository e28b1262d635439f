internal import Documents

/// Changes single keys in the text of a gateway.yaml and leaves every other line, its comments and their order alone.
///
/// Works on lines, because a parsed document has lost its comments. It understands a block mapping whose keys begin in
/// the first column, which is what gwe writes; the caller reads the result back and compares before it replaces the file.
public struct GatewayConfigurationEditor: Sendable {
    private var lines: [Substring]

    /// Takes the text of a file that is there.
    public init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
    }

    /// A new file.
    public init() { lines = ["schema: gwe/v1"] }

    /// The whole file, its last line ended; empty when no line is left.
    public var text: String { lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n" }

    /// Sets a key, in its old place if it has one. A comment after the old value stays.
    public mutating func set(_ key: GatewayConfiguration.Key, to value: String) {
        let scalar = Self.scalar(value, of: key)
        guard let place = place(of: key.rawValue) else {
            let end = lines.last == "..." ? lines.count - 1 : lines.count
            lines.insert("\(key): \(scalar)"[...], at: end)
            return
        }
        let first = lines[place.lowerBound]
        let end = Self.keyEnd(key.rawValue, in: first) ?? first.endIndex
        let comment = place.count == 1 ? Self.comment(in: first[end...]) : ""
        lines.replaceSubrange(place, with: ["\(first[..<end]) \(scalar)\(comment)"[...]])
    }

    /// Writes `key: null`, which takes back what a file of lower precedence says.
    public mutating func setNull(_ key: GatewayConfiguration.Key) {
        remove(key)
        lines.append("\(key): null")
    }

    /// Takes a key away, with the lines that continue its value; nothing happens where it is not there.
    public mutating func remove(_ key: GatewayConfiguration.Key) { remove(named: key.rawValue) }

    /// The same for a key that is none of gateway.yaml's.
    public mutating func remove(named name: String) {
        while let place = place(of: name) { lines.removeSubrange(place) }
    }

    /// The lines of a key: its own and the indented ones that continue its value.
    private func place(of key: String) -> Range<Int>? {
        guard let start = lines.firstIndex(where: { Self.keyEnd(key, in: $0) != nil }) else { return nil }
        var end = start + 1
        while end < lines.count, let first = lines[end].first, first == " " || first == "\t" { end += 1 }
        return start..<end
    }

    /// The index after the colon when the line begins with this key.
    private static func keyEnd(_ key: String, in line: Substring) -> Substring.Index? {
        for form in [key, "\"\(key)\"", "'\(key)'"] where line.hasPrefix(form) {
            var rest = line.dropFirst(form.count)
            while rest.first == " " { rest.removeFirst() }
            guard rest.first == ":" else { continue }
            rest.removeFirst()
            if rest.isEmpty || rest.first == " " || rest.first == "\t" || rest.first == "\r" { return rest.startIndex }
        }
        return nil
    }

    /// The white space and the comment that end a line, given what follows the key's colon.
    private static func comment(in value: Substring) -> Substring {
        var rest = value.drop { $0 == " " || $0 == "\t" }
        if let quote = rest.first, quote == "\"" || quote == "'" {
            rest.removeFirst()
            while let character = rest.popFirst(), character != quote {
                if character == "\\", quote == "\"" { rest = rest.dropFirst() }
            }
        }
        guard
            let hash = rest.indices.first(where: { index in
                rest[index] == "#" && (index == rest.startIndex || " \t".contains(rest[rest.index(before: index)]))
            })
        else { return "" }
        let before = value[..<hash]
        let space = before.reversed().prefix { $0 == " " || $0 == "\t" }.count
        return value[value.index(hash, offsetBy: -space)...]
    }

    /// The value as YAML. Quoted whenever a reader of any YAML version could take it for something else.
    static func scalar(_ value: String, of key: GatewayConfiguration.Key) -> String {
        if key.isScalar, !value.hasPrefix("/") { return value }
        let words: Set<String> = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"]
        let isPlain = value.utf8.allSatisfy {
            ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || "_./:@-".utf8.contains($0)
        }
        let startsWell = value.utf8.first.map { ($0 | 0x20) &- 97 < 26 || $0 == UInt8(ascii: "/") } ?? false
        if isPlain, startsWell, !value.hasSuffix(":"), !words.contains(value.lowercased()) { return value }
        return JSONValue.string(value).text()
    }
}
