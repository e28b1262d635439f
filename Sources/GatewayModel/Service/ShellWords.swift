/// Splits a command line into words as Python's `shlex.split` does, which is how supervisord reads `command`: quotes
/// and backslashes as in a POSIX shell, but no variables, no globs, no comments.
public enum ShellWords {
    /// A text that cannot be split: a quote that is not closed, or a backslash at the end.
    public struct Failure: Error, Sendable, Hashable {
        /// What is wrong; lower case, no full stop.
        public var message: String
    }

    /// The words, none for white space alone. `''` is an empty word.
    public static func split(_ text: String) throws(Failure) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Unicode.Scalar?
        var escaped = false
        for scalar in text.unicodeScalars {
            if escaped {
                // Between double quotes a backslash is special only before itself and the quote.
                if let quote, scalar != quote, scalar != "\\" { append("\\", to: &word) }
                append(scalar, to: &word)
                escaped = false
            } else if let open = quote {
                if scalar == open {
                    quote = nil
                } else if scalar == "\\", open == "\"" {
                    escaped = true
                } else {
                    append(scalar, to: &word)
                }
            } else if scalar == "'" || scalar == "\"" {
                quote = scalar
                word = word ?? ""
            } else if scalar == "\\" {
                escaped = true
                word = word ?? ""
            } else if scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" {
                if let done = word { words.append(done) }
                word = nil
            } else {
                append(scalar, to: &word)
            }
        }
        if let quote { throw Failure(message: "no closing quote: a \(quote) is opened and never closed") }
        if escaped { throw Failure(message: "a backslash at the end escapes nothing") }
        if let word { words.append(word) }
        return words
    }

    private static func append(_ scalar: Unicode.Scalar, to word: inout String?) {
        word = word ?? ""
        word?.unicodeScalars.append(scalar)
    }
}
