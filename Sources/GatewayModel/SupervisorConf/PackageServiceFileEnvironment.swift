/// supervisord's `environment`: `KEY="value, with comma",KEY2='x'` (`dict_of_key_value_pairs` of its datatypes.py, which
/// is Python's shlex with `/.+-():` taken as letters).
enum PackageServiceFileEnvironment {
    static func parse(_ text: String) throws(PackageServiceFileExpansion.Failure) -> [String: String] {
        let (tokens, comments) = try tokens(of: text)
        var result: [String: String] = [:]
        var index = 0
        while index < tokens.count {
            guard index + 2 < tokens.count, tokens[index + 1] == "=" else {
                let comment =
                    comments.first.map { "; outside of quotes a # begins a comment: '\($0)' was dropped" } ?? ""
                let before = tokens[..<index].joined().suffix(40)
                let place = before.isEmpty ? ", found '\(tokens.joined().prefix(40))'" : " after '\(before)'"
                let stray = strays(in: tokens).first.map { "; after the value of \($0.name) a comma is missing" } ?? ""
                throw .init(message: "expected KEY=value\(place)\(stray)\(comment)")
            }
            var value = Substring(tokens[index + 2])
            while let first = value.first, first == "'" || first == "\"" { value.removeFirst() }
            while let last = value.last, last == "'" || last == "\"" { value.removeLast() }
            result[tokens[index]] = String(value)
            index += 4  // and whatever stands in place of the comma, as supervisord does
        }
        return result
    }

    /// What stands where a comma should, and is dropped: each with the variable that it follows.
    static func strays(in text: String) -> [(name: String, text: String)] {
        (try? tokens(of: text)).map { strays(in: $0.words) } ?? []
    }

    private static func strays(in tokens: [String]) -> [(name: String, text: String)] {
        stride(from: 0, to: tokens.count, by: 4).compactMap { index in
            guard index + 3 < tokens.count, tokens[index + 1] == "=", tokens[index + 3] != "," else { return nil }
            return (name: tokens[index], text: tokens[index + 3])
        }
    }

    /// What `parse` leaves out: `#`, where it stands outside of quotes, and the rest of its line.
    static func comments(in text: String) -> [String] { (try? tokens(of: text))?.comments ?? [] }

    /// The tokens of a non-POSIX shlex: words, quoted texts with their quotes, single other characters. `#` begins a
    /// comment up to the end of the line.
    private static func tokens(of text: String) throws(PackageServiceFileExpansion.Failure)
        -> (words: [String], comments: [String])
    {
        var comments: [String] = []
        var tokens: [String] = []
        var word = String.UnicodeScalarView()
        var quote: Unicode.Scalar?
        var comment = false
        func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", "/", ".", "+", "-", "(", ")", ":": true
            default: false
            }
        }
        func finish() {
            if !word.isEmpty { tokens.append(String(word)) }
            word = .init()
        }
        for scalar in text.unicodeScalars {
            if comment {
                comment = scalar != "\n"
                if comment { comments[comments.count - 1].unicodeScalars.append(scalar) }
            } else if let open = quote {
                word.append(scalar)
                if scalar == open {
                    quote = nil
                    finish()
                }
            } else if scalar == "\"" || scalar == "'", word.isEmpty {
                quote = scalar
                word.append(scalar)
            } else if scalar == " " || scalar == "\t" || scalar == "\r" || scalar == "\n" {
                finish()
            } else if scalar == "#" {
                finish()
                comment = true
                comments.append("#")
            } else if isWordCharacter(scalar) || (!word.isEmpty && (scalar == "\"" || scalar == "'")) {
                word.append(scalar)
            } else {
                finish()
                tokens.append(String(scalar))
            }
        }
        if quote != nil { throw .init(message: "no closing quote in '\(text.suffix(40))'") }
        finish()
        return (tokens, comments)
    }
}
