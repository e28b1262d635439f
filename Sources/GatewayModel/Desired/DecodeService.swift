public import Documents

extension ServiceOverride {
    /// Reads the `service` mapping of a manifest or of `app.yaml`; what is wrong goes to the field's problems.
    public static func decode(_ field: Field) -> ServiceOverride? {
        let keys = ["command", "environment", "user", "restart", "directory", "stop_signal", "stop_timeout"]
        guard let fields = Fields(field, keys: keys) else { return nil }
        var service = ServiceOverride()
        service.command = fields.field("command")?.command()
        service.environment = fields.field("environment").flatMap(environment)
        service.user = fields.field("user").flatMap(user)
        service.restart = fields.field("restart")?.choice(of: Restart.allCases.map(\.rawValue)).flatMap(Restart.init)
        service.directory = fields.field("directory")?.filePath(absolute: false)
        service.stopSignal = fields.field("stop_signal").flatMap(signal)
        service.stopTimeout = fields.field("stop_timeout")?.duration(.zeroAllowed)
        return service
    }

    /// supervisord's signals.
    static let signals = ["TERM", "HUP", "INT", "QUIT", "KILL", "USR1", "USR2"]

    /// The signal without `SIG`.
    private static func signal(_ field: Field) -> String? {
        guard let text = field.string("the name of a signal") else { return nil }
        let name = text.hasPrefix("SIG") ? String(text.dropFirst(3)) : text
        guard signals.contains(name) else {
            field.expected("one of the signals \(signals.joined(separator: ", "))")
            return nil
        }
        return name
    }

    private static func user(_ field: Field) -> String? {
        guard let text = field.string("the name of a user") else { return nil }
        let bytes = Array(text.utf8)
        let plain = bytes.enumerated().allSatisfy { index, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            case UInt8(ascii: "-"), UInt8(ascii: "."): index > 0
            default: false
            }
        }
        guard plain, (1...32).contains(bytes.count) else {
            field.expected("the name of a user")
            return nil
        }
        return text
    }

    private static func environment(_ field: Field) -> [String: String]? {
        guard let entries = field.mapping("a mapping of names to strings") else { return nil }
        var environment: [String: String] = [:]
        for entry in entries {
            let child = Field(
                entry.node, keyMark: entry.keyMark, path: field.path.child(entry.key), problems: field.problems)
            guard isVariable(entry.key) else {
                let message =
                    "no name of an environment variable: letters, digits and _, no digit first"
                    + DocumentText.remark(on: entry.key, beyondASCII: true)
                field.problems.report(message, at: entry.keyMark, path: child.path)
                continue
            }
            environment[entry.key] = child.string()
        }
        return environment
    }

    private static func isVariable(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, (1...255).contains(name.utf8.count) else { return false }
        return !("0"..."9").contains(first)
            && name.unicodeScalars.allSatisfy { $0 == "_" || Character($0).isASCIIAlphanumeric }
    }
}

extension Character {
    fileprivate var isASCIIAlphanumeric: Bool { isASCII && (isLetter || isNumber) }
}

extension HealthCheck {
    /// Reads the `health` mapping of a manifest or of `app.yaml`; what is wrong goes to the field's problems.
    public static func decode(_ field: Field) -> HealthCheck? {
        guard let fields = Fields(field, keys: ["http", "tcp", "command", "within", "every", "failures"]) else {
            return nil
        }
        let given = ["http", "tcp", "command"].filter { fields.field($0) != nil }
        if given.count != 1 {
            fields.report(
                "expected one of http, tcp and command, found \(given.isEmpty ? "none" : given.joined(separator: " and "))"
            )
        }
        var probes: [Probe] = []
        if let url = fields.field("http")?.httpURL() { probes.append(.http(url)) }
        if let probe = fields.field("tcp").flatMap(tcp) { probes.append(probe) }
        if let command = fields.field("command")?.command() { probes.append(.command(command)) }
        let within = fields.field("within").map { $0.duration(.positive) } ?? .seconds(30)
        let every = fields.field("every").map { $0.duration(.positive) } ?? .seconds(30)
        let failures = fields.field("failures").map { $0.integer(in: 1...1_000) } ?? 3
        guard probes.count == 1, let within, let every, let failures else { return nil }
        return HealthCheck(probe: probes[0], within: within, every: every, failures: Int(failures))
    }

    /// `host:port`, `[::1]:port`.
    private static func tcp(_ field: Field) -> Probe? {
        let form = "host:port, such as 127.0.0.1:9000"
        guard let text = field.string(form) else { return nil }
        if let colon = text.lastIndex(of: ":") {
            var host = text[..<colon]
            let digits = text[text.index(after: colon)...]
            let bracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
            if bracketed { host = host.dropFirst().dropLast() }
            let plain = host.unicodeScalars.allSatisfy {
                bracketed
                    ? Character($0).hexDigitValue != nil && $0.isASCII || $0 == ":" || $0 == "."
                    : Character($0).isASCIIAlphanumeric || $0 == "." || $0 == "_" || $0 == "-"
            }
            let number = digits.utf8.first.map { (UInt8(ascii: "1")...UInt8(ascii: "9")).contains($0) } ?? false
            if plain, !host.isEmpty, number, let port = UInt16(digits) { return .tcp(host: String(host), port: port) }
        }
        field.expected(form)
        return nil
    }
}
