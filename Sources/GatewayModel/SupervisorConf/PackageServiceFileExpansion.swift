/// supervisord's expansions are Python's `%` formatting with a mapping: `%(ENV_HOME)s`, `%(process_num)02d`, `%%`.
/// https://docs.python.org/3/library/stdtypes.html#printf-style-string-formatting
enum PackageServiceFileExpansion {
    struct Failure: Error {
        var message: String
    }

    enum Value: Sendable, Hashable {
        case text(String)
        /// `process_num` and `numprocs`.
        case number(Int64)
        /// A text that only the gateway knows; what stands in its place here.
        case open(String)
    }

    static func expand(_ text: String, _ values: [String: Value]) throws(Failure) -> String {
        guard text.contains("%") else { return text }
        var result = ""
        var rest = Substring(text)
        while let percent = rest.firstIndex(of: "%") {
            result += rest[..<percent]
            rest = rest[rest.index(after: percent)...]
            if rest.first == "%" {
                result += "%"
                rest.removeFirst()
                continue
            }
            guard let name = name(&rest) else {
                throw Failure(
                    message: "expected %(name)s or %% after '\(result.suffix(20))', found '%\(rest.prefix(1))'")
            }
            let format = try Format(&rest, name: name)
            guard let value = values[name] else {
                let hint =
                    name.hasPrefix("ENV_") ? "the environment has no \(name.dropFirst(4))" : "there is no such name"
                throw Failure(message: "cannot expand %(\(name))s: \(hint)")
            }
            result += try format.text(of: value)
        }
        return result + rest
    }

    /// What stands between the brackets, which may be nested.
    private static func name(_ rest: inout Substring) -> String? {
        guard rest.first == "(" else { return nil }
        var depth = 0
        for index in rest.indices {
            if rest[index] == "(" { depth += 1 }
            if rest[index] == ")" { depth -= 1 }
            guard depth == 0 else { continue }
            let name = String(rest[rest.index(after: rest.startIndex)..<index])
            rest = rest[rest.index(after: index)...]
            return name
        }
        return nil
    }
}
