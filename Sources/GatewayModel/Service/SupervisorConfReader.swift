internal import Documents

/// Reads the keys of one `[program:x]` section, in the order and with the conversions of supervisord's options.py.
struct SupervisorConfReader {
    private let options: [String: SupervisorConfLines.Option]
    private let section: SupervisorConfLines.Section
    private let source: String
    private let app: AppName
    private let context: ServiceContext
    private var expansions: [String: String] = [:]
    var warnings: [DocumentError] = []

    init(section: SupervisorConfLines.Section, source: String, app: AppName, context: ServiceContext) {
        self.section = section
        self.source = source
        self.app = app
        self.context = context
        options = Dictionary(section.options.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        for (name, value) in context.agentEnvironment { expansions["ENV_\(name)"] = value }
        for (name, value) in context.environment { expansions["ENV_\(name)"] = value }
        expansions["here"] = context.directory
        expansions["program_name"] = app.text
        expansions["group_name"] = app.text
        expansions["host_node_name"] = context.hostName
        expansions["process_num"] = "0"
        expansions["numprocs"] = "1"
    }

    /// Keys that change nothing here unless they have another value than supervisord's default.
    private static let notHonoured: [String: String] = [
        "stdout_capture_maxbytes": "0", "stderr_capture_maxbytes": "0", "stdout_events_enabled": "false",
        "stderr_events_enabled": "false", "stdout_syslog": "false", "stderr_syslog": "false", "serverurl": "auto",
    ]
    private static let honoured = [
        "command", "process_name", "numprocs", "numprocs_start", "directory", "umask", "priority", "autostart",
        "autorestart", "startsecs", "startretries", "exitcodes", "stopsignal", "stopwaitsecs", "stopasgroup",
        "killasgroup", "user", "redirect_stderr", "stdout_logfile", "stdout_logfile_maxbytes",
        "stdout_logfile_backups", "stderr_logfile", "stderr_logfile_maxbytes", "stderr_logfile_backups", "environment",
    ]

    mutating func definition(commandNeeded: Bool) throws(DocumentError) -> ServiceDefinition {
        noteKeys()
        if let count = try integer("numprocs"), count != 1 {
            throw wrong("numprocs", "several processes of one program are not supported: expected 1, found \(count)")
        }
        if let start = try integer("numprocs_start") { expansions["process_num"] = String(start) }
        var result = ServiceDefinition(app: app, command: [], context: context)
        if let text = options["environment"]?.value {
            let own = try converted("environment") { () throws(SupervisorConfExpansion.Failure) in
                try SupervisorConfEnvironment.parse(SupervisorConfExpansion.expand(text, expansions))
            }
            for (name, value) in own { expansions["ENV_\(name)"] = value }
            result.environment.merge(own) { $1 }
        }
        try command(into: &result, needed: commandNeeded)
        if let name = try text("process_name"), name != app.text {
            note("process_name", "the process is called \(app), not '\(name)'")
        }
        if let folder = try text("directory") { result.directory = try absolute("directory", folder) }
        result.user = try text("user")
        if let text = try text("umask") {
            guard let mask = UInt16(text, radix: 8), mask <= 0o777 else {
                throw wrong("umask", "expected an octal number such as 022, found '\(text)'")
            }
            result.umask = mask
        }
        if let number = try integer("priority") { result.priority = number }
        if let flag = try boolean("autostart") { result.autostart = flag }
        result.restart = try restart() ?? result.restart
        if let seconds = try integer("startsecs", 0...86_400) { result.startSeconds = seconds }
        result.startRetries = try integer("startretries", 0...1_000_000)
        if let seconds = try integer("stopwaitsecs", 0...86_400) { result.stopWaitSeconds = seconds }
        try exitCodes(into: &result)
        if let text = try text("stopsignal") {
            guard let number = SignalName.number(text) else {
                throw wrong("stopsignal", "expected a signal such as TERM or INT, found '\(text)'")
            }
            result.stopSignal = number
        }
        result.stopAsGroup = try boolean("stopasgroup") ?? false
        result.killAsGroup = try boolean("killasgroup") ?? result.stopAsGroup
        if result.stopAsGroup && !result.killAsGroup {
            throw wrong("killasgroup", "cannot be false while stopasgroup is true")
        }
        try logs(into: &result)
        return result
    }

    private func command(into result: inout ServiceDefinition, needed: Bool) throws(DocumentError) {
        guard let line = try text("command") else {
            guard needed else { return }
            throw DocumentError(
                source: source, mark: section.mark, path: "command", message: "expected a command, found none")
        }
        do { result.command = try ShellWords.split(line) } catch { throw wrong("command", error.message) }
        if result.command.isEmpty && needed { throw wrong("command", "expected a command, found an empty text") }
    }

    private func restart() throws(DocumentError) -> ServiceDefinition.Restart? {
        guard let text = try text("autorestart") else { return nil }
        if text.lowercased() == "unexpected" { return .unexpected }
        guard let flag = SupervisorConfReader.boolean(text) else {
            throw wrong("autorestart", "expected true, false or unexpected, found '\(text)'")
        }
        return flag ? .always : .never
    }

    private func exitCodes(into result: inout ServiceDefinition) throws(DocumentError) {
        guard let text = try text("exitcodes") else { return }
        var codes: [Int32] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) where !text.isEmpty {
            guard let code = Int32(SupervisorConfLines.trimmed(part)), (0...255).contains(code) else {
                throw wrong("exitcodes", "expected numbers from 0 to 255 with commas between them, found '\(text)'")
            }
            codes.append(code)
        }
        result.exitCodes = codes
    }

    private mutating func logs(into result: inout ServiceDefinition) throws(DocumentError) {
        result.output = try log("stdout", default: "\(context.logFolder)/\(app).log")
        if try boolean("redirect_stderr") ?? true {
            if let file = options["stderr_logfile"], !["auto", "none", "off"].contains(file.value.lowercased()) {
                note("stderr_logfile", "ignored: redirect_stderr is true")
            }
        } else {
            result.errorOutput = try log("stderr", default: "\(context.logFolder)/\(app).stderr.log")
        }
    }

    private mutating func log(_ stream: String, default path: String) throws(DocumentError) -> ServiceDefinition.Log {
        var log = ServiceDefinition.Log(path: path)
        if let name = try text("\(stream)_logfile") {
            switch name.lowercased() {
            case "none", "off": log.path = nil
            case "auto": break
            case "syslog": note("\(stream)_logfile", "syslog is not supported: the output goes to \(path)")
            default: log.path = try absolute("\(stream)_logfile", name, base: context.logFolder)
            }
        }
        if let size = try byteCount("\(stream)_logfile_maxbytes") { log.maxByteCount = size }
        if let count = try integer("\(stream)_logfile_backups", 0...1_000) { log.backups = count }
        return log
    }

    // MARK: one value

    /// The expanded value of a key.
    private func text(_ key: String) throws(DocumentError) -> String? {
        guard let option = options[key] else { return nil }
        return try converted(key) { () throws(SupervisorConfExpansion.Failure) in
            try SupervisorConfExpansion.expand(option.value, expansions)
        }
    }

    private func integer(_ key: String, _ range: ClosedRange<Int> = -1_000_000_000...1_000_000_000)
        throws(DocumentError) -> Int?
    {
        guard let text = try text(key) else { return nil }
        guard let number = Int(text) else { throw wrong(key, "expected a whole number, found '\(text)'") }
        guard range.contains(number) else {
            throw wrong(key, "expected a number from \(range.lowerBound) to \(range.upperBound), found \(number)")
        }
        return number
    }

    private func boolean(_ key: String) throws(DocumentError) -> Bool? {
        guard let text = try text(key) else { return nil }
        guard let flag = SupervisorConfReader.boolean(text) else {
            throw wrong(key, "expected true or false, found '\(text)'")
        }
        return flag
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "yes", "true", "on", "1": true
        case "no", "false", "off", "0": false
        default: nil
        }
    }

    /// `200KB`, `5MB`, `1GB` (1024 each step) or plain bytes.
    private func byteCount(_ key: String) throws(DocumentError) -> Int64? {
        guard let text = try text(key) else { return nil }
        let units: [(String, Int64)] = [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30)]
        let unit = units.first { text.lowercased().hasSuffix($0.0) }
        let digits = unit == nil ? text : SupervisorConfLines.trimmed(text.dropLast(2))
        guard let number = Int64(digits), number >= 0,
            case let (bytes, overflow) = number.multipliedReportingOverflow(by: unit?.1 ?? 1),
            !overflow
        else { throw wrong(key, "expected a size such as 200KB or 5MB, found '\(text)'") }
        return bytes
    }

    private func absolute(_ key: String, _ path: String, base: String? = nil) throws(DocumentError) -> String {
        if path.hasPrefix("/") { return path }
        if path.hasPrefix("~") { throw wrong(key, "expected an absolute path, found '\(path)'") }
        return path.isEmpty || path == "." ? base ?? context.directory : "\(base ?? context.directory)/\(path)"
    }

    private func converted<Value>(
        _ key: String, _ body: () throws(SupervisorConfExpansion.Failure) -> Value
    ) throws(DocumentError) -> Value {
        do { return try body() } catch { throw wrong(key, error.message) }
    }

    private func wrong(_ key: String, _ message: String) -> DocumentError {
        DocumentError(source: source, mark: options[key]?.mark ?? section.mark, path: key, message: message)
    }

    // MARK: warnings

    private mutating func note(_ key: String, _ message: String) { warnings.append(wrong(key, message)) }

    private mutating func noteKeys() {
        let known = SupervisorConfReader.honoured + SupervisorConfReader.notHonoured.keys
        for option in section.options where !SupervisorConfReader.honoured.contains(option.name) {
            if let neutral = SupervisorConfReader.notHonoured[option.name] {
                let value = option.value.lowercased()
                let same = value == neutral || (neutral == "false" && SupervisorConfReader.boolean(value) == false)
                if !same { note(option.name, "not supported: '\(option.value)' has no effect") }
            } else if let near = Suggestion.nearest(to: option.name, among: known) {
                note(option.name, "unknown key, did you mean '\(near)'?")
            } else {
                note(option.name, "unknown key")
            }
        }
    }
}
