internal import Documents

/// Reads the keys of one `[program:x]` section, in the order and with the conversions of supervisord's options.py
/// (`processes_from_section`): those of the program once, then those of each process with its number.
struct PackageServiceFileReader {
    let options: [String: PackageServiceFileLines.Option]
    let section: PackageServiceFileLines.Section
    let source: String
    let app: AppName
    let context: ServiceContext
    private var expansions: [String: PackageServiceFileExpansion.Value] = [:]
    var warnings: [DocumentError] = []

    /// More processes than that are a mistake on a gateway.
    static let mostProcesses: Int64 = 100

    init(section: PackageServiceFileLines.Section, source: String, app: AppName, context: ServiceContext) {
        self.section = section
        self.source = source
        self.app = app
        self.context = context
        options = Dictionary(section.options.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        for (name, value) in context.agentEnvironment { expansions["ENV_\(name)"] = .text(value) }
        for (name, value) in context.environment { expansions["ENV_\(name)"] = .text(value) }
        expansions["here"] = .text(context.directory)
        expansions["program_name"] = .text(app.text)
        expansions["group_name"] = .text(app.text)
        expansions["host_node_name"] = .text(context.hostName)
    }

    /// One definition a process, in the order of their numbers; never empty.
    mutating func definitions(commandNeeded: Bool) throws(DocumentError) -> [ServiceDefinition] {
        noteKeys()
        let program = try program()
        let count = try integer("numprocs") ?? 1
        let first = try integer("numprocs_start") ?? 0
        guard (1...PackageServiceFileReader.mostProcesses).contains(count) else {
            throw wrong(
                "numprocs", "expected a number from 1 to \(PackageServiceFileReader.mostProcesses), found \(count)")
        }
        guard (-1_000_000_000...1_000_000_000).contains(first) else {
            throw wrong("numprocs_start", "expected a smaller number, found \(first)")
        }
        let name = options["process_name"]?.value ?? "%(program_name)s"
        if let bad = name.unicodeScalars.first(where: { $0 == " " || $0 == ":" || $0 == "/" }) {
            throw wrong("process_name", "expected a name without '\(bad)', found '\(name)'")
        }
        if count > 1, !name.holds("%(process_num)") {
            throw wrong(
                options["process_name"] == nil ? "numprocs" : "process_name",
                "expected %(process_num) in process_name, because numprocs is \(count), found '\(name)'")
        }
        var result: [ServiceDefinition] = []
        let shared = expansions
        for number in first..<first + count {
            expansions = shared
            expansions["process_num"] = .number(number)
            expansions["numprocs"] = .number(count)
            result.append(try process(program, number: count > 1 ? Int(number) : nil, commandNeeded: commandNeeded))
        }
        expansions = shared
        guard Set(result.map(\.processName)).count == result.count else {
            throw wrong("process_name", "expected another name for each process, found '\(name)'")
        }
        separateLogs(&result)
        return result
    }

    /// What the processes of the program have in common.
    private mutating func program() throws(DocumentError) -> ServiceDefinition {
        var result = ServiceDefinition(app: app, command: [], context: context)
        if let number = try integer("priority") { result.priority = Int(clamping: number) }
        if let flag = try boolean("autostart") { result.autostart = flag }
        if let text = try text("autorestart") {
            guard let restart = PackageServiceFileValue.restart(text) else {
                throw wrong("autorestart", "expected true, false or unexpected, found '\(text)'")
            }
            result.restart = restart
        }
        if let seconds = try amount("startsecs") { result.startSeconds = seconds }
        result.startRetries = try amount("startretries")
        if let text = try text("stopsignal") {
            guard let number = SignalName.number(text) else {
                throw wrong("stopsignal", "expected a signal such as TERM or INT, found '\(text)'")
            }
            result.stopSignal = number
        }
        if let seconds = try amount("stopwaitsecs") { result.stopWaitSeconds = seconds }
        result.stopAsGroup = try boolean("stopasgroup") ?? false
        result.killAsGroup = try boolean("killasgroup") ?? result.stopAsGroup
        if result.stopAsGroup && !result.killAsGroup {
            throw wrong("killasgroup", "cannot be false while stopasgroup is true")
        }
        if let text = try text("exitcodes") {
            guard let codes = PackageServiceFileValue.exitCodes(text) else {
                throw wrong("exitcodes", "expected numbers from 0 to 255 with commas between them, found '\(text)'")
            }
            result.exitCodes = codes
        }
        result.user = try text("user")
        if let text = try text("umask") {
            guard let mask = PythonInteger.read(text, radix: 8), mask >= 0 else {
                throw wrong("umask", "expected an octal number such as 022, found '\(text)'")
            }
            // As umask(2) does.
            result.umask = UInt16(mask & 0o777)
        }
        try checkIgnored()
        return result
    }

    private mutating func process(_ program: ServiceDefinition, number: Int?, commandNeeded: Bool)
        throws(DocumentError) -> ServiceDefinition
    {
        var result = program
        if let text = options["environment"]?.value {
            let own = try converted("environment") { () throws(PackageServiceFileExpansion.Failure) in
                try PackageServiceFileEnvironment.parse(PackageServiceFileExpansion.expand(text, expansions))
            }
            for (name, value) in own { expansions["ENV_\(name)"] = .text(value) }
            result.environment.merge(own) { $1 }
        }
        if let name = try text("process_name") {
            guard ServiceKey.isProcessName(name) else {
                throw wrong("process_name", "expected a name without white space, ':' and '/', found '\(name)'")
            }
            result.processName = name
        }
        result.processNumber = number
        if let folder = try text("directory") { result.directory = try absolute("directory", folder) }
        try logs(into: &result)
        try command(into: &result, needed: commandNeeded)
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

    // MARK: one value

    /// The expanded value of a key.
    func text(_ key: String) throws(DocumentError) -> String? {
        guard let option = options[key] else { return nil }
        return try converted(key) { () throws(PackageServiceFileExpansion.Failure) in
            try PackageServiceFileExpansion.expand(option.value, expansions)
        }
    }

    func integer(_ key: String) throws(DocumentError) -> Int64? {
        guard let text = try text(key) else { return nil }
        guard let number = PythonInteger.read(text) else {
            throw wrong(key, "expected a whole number, found '\(text)'")
        }
        return number
    }

    /// Seconds, or how many of something. A negative number is 0, as it is in effect under supervisord.
    func amount(_ key: String) throws(DocumentError) -> Int? {
        try integer(key).map { Int(min(max($0, 0), 1_000_000_000)) }
    }

    func boolean(_ key: String) throws(DocumentError) -> Bool? {
        guard let text = try text(key) else { return nil }
        guard let flag = PackageServiceFileValue.boolean(text) else {
            throw wrong(key, "expected true or false, found '\(text)'")
        }
        return flag
    }

    func byteCount(_ key: String) throws(DocumentError) -> Int64? {
        guard let text = try text(key) else { return nil }
        guard let bytes = PackageServiceFileValue.byteCount(text) else {
            throw wrong(key, "expected a size such as 200KB or 5MB, found '\(text)'")
        }
        return max(0, bytes)
    }

    func absolute(_ key: String, _ path: String, base: String? = nil) throws(DocumentError) -> String {
        if path.hasPrefix("/") { return path }
        if path.hasPrefix("~") { throw wrong(key, "expected an absolute path, found '\(path)'") }
        return path.isEmpty || path == "." ? base ?? context.directory : "\(base ?? context.directory)/\(path)"
    }

    private func converted<Value>(
        _ key: String, _ body: () throws(PackageServiceFileExpansion.Failure) -> Value
    ) throws(DocumentError) -> Value {
        do { return try body() } catch { throw wrong(key, error.message) }
    }

    func wrong(_ key: String, _ message: String) -> DocumentError {
        DocumentError(source: source, mark: options[key]?.mark ?? section.mark, path: key, message: message)
    }

    mutating func note(_ key: String, _ message: String) {
        let warning = wrong(key, message)
        if !warnings.contains(warning) { warnings.append(warning) }
    }
}
