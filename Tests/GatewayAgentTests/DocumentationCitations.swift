import Foundation

/// A comment of a source, a test or a script, line by line.
struct SourceComments {
    enum Style { case slashes, hash }

    /// `path:line`.
    var place: String
    var text: String

    /// Every line of every comment.
    static func all() throws -> [SourceComments] {
        try RepositoryFiles.all().flatMap { path -> [SourceComments] in
            guard let style = style(of: path) else { return [] }
            let text = try String(contentsOf: DocumentationPages.root.appendingPathComponent(path), encoding: .utf8)
            return comments(of: text, place: path, style: style)
        }
    }

    private static func style(of path: String) -> Style? {
        let folders = [
            "Sources/", "Tests/", "Scripts/", "Benchmarks/", "Packaging/", "Examples/", "Manifests/", ".ci/",
        ]
        guard folders.contains(where: path.hasPrefix) || path == "Package.swift" else { return nil }
        // What is wrong in them is wrong on purpose.
        if path.hasPrefix("Tests/Goldens/") || path.contains("Documentation") { return nil }
        let name = path.split(separator: "/").last ?? ""
        if [".swift", ".c", ".h", ".modulemap"].contains(where: name.hasSuffix) { return .slashes }
        if [".py", ".yaml", ".sh", ".service", ".init"].contains(where: name.hasSuffix) || !name.contains(".") {
            return .hash
        }
        return nil
    }

    /// Comments with lines that follow one another in one, so that a citation may be broken between two of them.
    static func comments(of text: String, place: String, style: Style) -> [SourceComments] {
        var isBlock = false
        var isText = false
        var found: [SourceComments] = []
        var last = -1
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            for piece in pieces(String(line), style, &isBlock, &isText) {
                let marks: Set<Character> = style == .slashes ? ["/", "*", " "] : ["#", " "]
                let words = String(piece.drop { marks.contains($0) }).trimmingCharacters(in: .whitespaces)
                guard !words.isEmpty else { continue }
                if index == last + 1, !found.isEmpty {
                    found[found.count - 1].text += " " + words
                } else {
                    found.append(SourceComments(place: "\(place):\(index + 1)", text: words))
                }
                last = index
            }
        }
        return found
    }

    /// The parts of a line that are comments.
    private static func pieces(_ line: String, _ style: Style, _ isBlock: inout Bool, _ isText: inout Bool) -> [String]
    {
        let bytes = Array(line.utf8)
        func has(_ byte: Unicode.Scalar, at index: Int) -> Bool {
            index < bytes.count && bytes[index] == UInt8(ascii: byte)
        }
        func text(from start: Int, to end: Int) -> String { String(decoding: bytes[start..<end], as: UTF8.self) }
        if style == .slashes, line.contains("\"\"\"") {
            if line.components(separatedBy: "\"\"\"").count.isMultiple(of: 2) { isText.toggle() }
            return []
        }
        if isText { return [] }
        var found: [String] = []
        var blockStart = 0
        var quote: UInt8?
        var at = 0
        while at < bytes.count {
            if isBlock {
                if has("*", at: at), has("/", at: at + 1) {
                    isBlock = false
                    found.append(text(from: blockStart, to: at))
                    at += 1
                }
            } else if let open = quote {
                if has("\\", at: at) { at += 1 } else if bytes[at] == open { quote = nil }
            } else if has("\"", at: at) || style == .hash && has("'", at: at) {
                quote = bytes[at]
            } else if style == .slashes, has("/", at: at), has("/", at: at + 1) {
                return found + [text(from: at, to: bytes.count)]
            } else if style == .slashes, has("/", at: at), has("*", at: at + 1) {
                isBlock = true
                at += 1
                blockStart = at + 1
            } else if style == .hash, has("#", at: at), at == 0 || has(" ", at: at - 1) || has("\t", at: at - 1) {
                return found + [text(from: at, to: bytes.count)]
            }
            at += 1
        }
        return isBlock ? found + [text(from: min(blockStart, bytes.count), to: bytes.count)] : found
    }

    // MARK: citations

    /// What a comment cites: `D11`, `docs/cloud.md#long-poll`.
    static func citations(_ comment: SourceComments) -> [String] {
        guard comment.text.contains("docs/") || comment.text.hasDecision else { return [] }
        let decisions = comment.text.matches(of: /\bD[0-9]+\b/).map { String($0.0) }
        let pages = comment.text.matches(of: /\bdocs\/[A-Za-z0-9_\/-]+\.md(#[A-Za-z0-9_-]+)?/).map { String($0.0) }
        return decisions + pages
    }

    /// Citations that lead nowhere, and names of what a reader cannot open.
    static func faults(_ comment: SourceComments, _ pages: DocumentationPages) -> [String] {
        let broken = citations(comment).filter { !pages.has(citation: $0) }
        // Regular expressions are slow in a debug build, and hardly a comment has one of these.
        let isSuspect = ["ule", "reference", ".md", "§"].contains { comment.text.contains($0) }
        let closed =
            isSuspect
            && [
                #/\b[Rr]ules? [0-9]+/#, #/\breference[,:] /#, #/\b(?:product|house|rules)\.md\b/#, #/§/#,
            ].contains { comment.text.contains($0) }
        return broken.map { "\(comment.place): \($0)" } + (closed ? ["\(comment.place): \(comment.text)"] : [])
    }
}

extension String {
    /// Whether a `D` stands before a digit.
    fileprivate var hasDecision: Bool {
        var previous: UInt8 = 0
        for byte in utf8 {
            if previous == UInt8(ascii: "D"), byte &- UInt8(ascii: "0") < 10 { return true }
            previous = byte
        }
        return false
    }
}
