internal import Documents

/// What ends a call of `gdc` before or instead of an answer.
struct GDCFailure: Error, Hashable {
    var code: Int32
    var message: String

    static func usage(_ message: String) -> GDCFailure { GDCFailure(code: 64, message: message) }
    /// murano-client's exit(-1): no such file, section or option.
    static func missing(_ message: String) -> GDCFailure { GDCFailure(code: 255, message: message) }
}

/// The options of `gdc`. They may stand anywhere on the line, as docopt allowed.
struct GDCOptions: Hashable {
    var isHelp = false
    var isVersion = false
    var isUnset = false
    var file: String?
    var timeout: String?
    var host: String?
    var port: String?
    var debug: String?
    var identity: String?
    var certificate: String?
    var key: String?
    var rootCertificates: String?
    var token: String?
    var tokenFile: String?
    /// Of `gdc mqtt`.
    var keepAlive: String?
    var qualityOfService: String?
    var disconnectAfter: String?
}

/// A command line of `gdc`, parted into options and words.
struct GDCLine: Hashable {
    private(set) var options = GDCOptions()
    private(set) var words: [String] = []

    private enum Target {
        case flag(WritableKeyPath<GDCOptions, Bool>)
        case value(WritableKeyPath<GDCOptions, String?>)
    }

    private static var table: [(short: Character?, long: String, target: Target)] {
        [
            ("h", "help", .flag(\.isHelp)), ("v", "version", .flag(\.isVersion)), ("U", "unset", .flag(\.isUnset)),
            ("f", "file", .value(\.file)), ("t", "timeout", .value(\.timeout)), ("H", "host", .value(\.host)),
            ("P", "port", .value(\.port)), ("d", "debug", .value(\.debug)), ("u", "uuid", .value(\.identity)),
            ("C", "cert", .value(\.certificate)), ("K", "pkey", .value(\.key)),
            ("E", "cacert", .value(\.rootCertificates)), ("k", "token", .value(\.token)),
            (nil, "token-file", .value(\.tokenFile)), ("Q", "qos", .value(\.qualityOfService)),
            (nil, "mqtt-keepalive", .value(\.keepAlive)), (nil, "disconnect-after", .value(\.disconnectAfter)),
        ]
    }

    init(_ arguments: [String]) throws(GDCFailure) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                words += rest
                return
            }
            if argument.hasPrefix("--") {
                try readLong(argument, &rest)
            } else if argument.hasPrefix("-"), argument != "-", !GDCLine.isNumber(argument) {
                try readShort(argument, &rest)
            } else {
                words.append(argument)
            }
        }
    }

    /// `-5` and `-.5` are data, not options.
    private static func isNumber(_ text: String) -> Bool {
        let digits = text.dropFirst().drop { $0 == "." }
        return digits.first.map { $0.isASCII && $0.isNumber } ?? false
    }

    private mutating func readLong(_ argument: String, _ rest: inout ArraySlice<String>) throws(GDCFailure) {
        let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard let entry = GDCLine.table.first(where: { $0.long == name }) else {
            let nearest = Suggestion.nearest(to: name, among: GDCLine.table.map(\.long))
            throw .usage("unknown option --\(name)" + (nearest.map { "; did you mean --\($0)?" } ?? GDCLine.hint))
        }
        try take(entry.target, "--" + name, glued: parts.count > 1 ? String(parts[1]) : nil, &rest)
    }

    private mutating func readShort(_ argument: String, _ rest: inout ArraySlice<String>) throws(GDCFailure) {
        var letters = argument.dropFirst()
        while let letter = letters.popFirst() {
            guard let entry = GDCLine.table.first(where: { $0.short == letter }) else {
                throw .usage("unknown option -\(letter)" + GDCLine.hint)
            }
            if case .value = entry.target {
                return try take(entry.target, "-\(letter)", glued: letters.isEmpty ? nil : String(letters), &rest)
            }
            try take(entry.target, "-\(letter)", glued: nil, &rest)
        }
    }

    private mutating func take(
        _ target: Target, _ written: String, glued: String?, _ rest: inout ArraySlice<String>
    ) throws(GDCFailure) {
        switch target {
        case .flag(let path):
            guard glued == nil else { throw .usage("\(written) takes no value") }
            options[keyPath: path] = true
        case .value(let path):
            guard let value = glued ?? rest.popFirst() else { throw .usage("\(written) needs a value") }
            options[keyPath: path] = value
        }
    }

    private static let hint = "; put '--' in front of words that begin with '-'"
}
