internal import Documents

/// Reads the keys of one `[program:x]` section, in the order and with the conversions of supervisord's options.py
/// (`processes_from_section`): those of the program once, then those of each process with its number. What is wrong is
/// collected: a value that cannot be read has its default, so that one look finds all of them.
struct PackageServiceFileReader {
    let options: [String: PackageServiceFileLines.Option]
    let section: PackageServiceFileLines.Section
    let source: String
    let app: AppName
    let context: ServiceContext
    private var expansions: [String: PackageServiceFileExpansion.Value] = [:]
    var warnings: [DocumentError] = []
    var problems: [DocumentError] = []
    /// Those of the environment that the file needs and that nobody knows here.
    private(set) var openVariables: Set<String> = []

    /// More processes than that are a mistake on a gateway.
    static let mostProcesses: Int64 = 100
    /// More notes tell nobody more.
    private static let mostNotes = 200

    init(
        section: PackageServiceFileLines.Section, source: String, app: AppName, context: ServiceContext,
        isEnvironmentKnown: Bool
    ) {
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
        guard !isEnvironmentKnown else { return }
        for option in section.options {
            for name in PackageServiceFile.variables(namedIn: option.value) where expansions["ENV_\(name)"] == nil {
                expansions["ENV_\(name)"] = .open("$\(name)")
                openVariables.insert(name)
            }
        }
    }

    /// One definition a process, in the order of their numbers; never empty. Void where there are problems.
    mutating func definitions(commandNeeded: Bool) -> [ServiceDefinition] {
        noteKeys()
        noteText()
        let program = program()
        let (count, first) = numbers()
        let name = options["process_name"]?.value ?? "%(program_name)s"
        if let bad = name.unicodeScalars.first(where: { $0 == " " || $0 == ":" || $0 == "/" }) {
            refuse("process_name", "expected a name without '\(bad)', found '\(name)'")
        } else if count > 1, !name.holds("%(process_num)") {
            refuse(
                options["process_name"] == nil ? "numprocs" : "process_name",
                "expected %(process_num) in process_name, because numprocs is \(count), found '\(name)'")
        }
        var result: [ServiceDefinition] = []
        let shared = expansions
        for number in first..<first + count {
            expansions = shared
            expansions["process_num"] = .number(number)
            expansions["numprocs"] = .number(count)
            result.append(process(program, number: count > 1 ? Int(number) : nil, commandNeeded: commandNeeded))
        }
        expansions = shared
        if problems.isEmpty, Set(result.map(\.processName)).count < result.count {
            refuse("process_name", "expected another name for each process, found '\(name)'")
        }
        separateLogs(&result)
        noteCommand()
        return result
    }

    /// How many processes there are, and the number of the first.
    private mutating func numbers() -> (count: Int64, first: Int64) {
        let count = integer("numprocs") ?? 1, first = integer("numprocs_start") ?? 0
        let isCount = (1...PackageServiceFileReader.mostProcesses).contains(count)
        if !isCount {
            refuse(
                "numprocs", "expected a number from 1 to \(PackageServiceFileReader.mostProcesses), found \(count)")
        }
        let isStart = (-1_000_000_000...1_000_000_000).contains(first)
        if !isStart { refuse("numprocs_start", "expected a smaller number, found \(first)") }
        return (isCount ? count : 1, isStart ? first : 0)
    }

    /// What the processes of the program have in common.
    private mutating func program() -> ServiceDefinition {
        var result = ServiceDefinition(app: app, command: [], context: context)
        if let number = integer("priority") { result.priority = Int(clamping: number) }
        if let flag = boolean("autostart") { result.autostart = flag }
        let restart = value("autorestart", "true, false or unexpected", PackageServiceFileValue.restart)
        if let restart { result.restart = restart }
        if let seconds = amount("startsecs") { result.startSeconds = seconds }
        result.startRetries = amount("startretries")
        let signal = value("stopsignal", "a signal such as TERM or INT", SignalName.number)
        if let signal { result.stopSignal = signal }
        if let seconds = amount("stopwaitsecs") { result.stopWaitSeconds = seconds }
        result.stopAsGroup = boolean("stopasgroup") ?? false
        result.killAsGroup = boolean("killasgroup") ?? result.stopAsGroup
        if result.stopAsGroup && !result.killAsGroup {
            refuse("killasgroup", "cannot be false while stopasgroup is true")
        }
        let codes = value(
            "exitcodes", "numbers from 0 to 255 with commas between them", PackageServiceFileValue.exitCodes)
        if let codes { result.exitCodes = codes }
        result.user = text("user")
        // As umask(2) does.
        result.umask = value("umask", "an octal number such as 022") { text in
            PythonInteger.read(text, radix: 8).flatMap { $0 >= 0 ? UInt16($0 & 0o777) : nil }
        }
        checkIgnored()
        return result
    }

    private mutating func process(_ program: ServiceDefinition, number: Int?, commandNeeded: Bool) -> ServiceDefinition
    {
        var result = program
        for (name, value) in environment() {
            expansions["ENV_\(name)"] = value
            switch value {
            case .text(let text), .open(let text): result.environment[name] = text
            case .number: break
            }
        }
        if let name = text("process_name") {
            if ServiceKey.isProcessName(name) {
                result.processName = name
            } else if options["process_name"]?.value.unicodeScalars.contains(where: {
                " :/".unicodeScalars.contains($0)
            })
                != true
            {
                refuse("process_name", "expected a name without white space, ':' and '/', found '\(name)'")
            }
        }
        result.processNumber = number
        if let folder = text("directory"), let path = absolute("directory", folder) { result.directory = path }
        logs(into: &result)
        command(into: &result, needed: commandNeeded)
        return result
    }

    /// The variables of the program's own.
    private mutating func environment() -> [(String, PackageServiceFileExpansion.Value)] {
        guard let option = options["environment"] else { return [] }
        // Letters to the grammar of this key, so that what is not known here parts no words.
        var values = expansions
        var open: [String: String] = [:]
        for (name, value) in expansions {
            guard case .open(let shown) = value else { continue }
            values[name] = .text("(\(name))")
            open["(\(name))"] = shown
        }
        do throws(PackageServiceFileExpansion.Failure) {
            let text = try PackageServiceFileExpansion.expand(option.value, values)
            let own = try PackageServiceFileEnvironment.parse(text)
            for stray in PackageServiceFileEnvironment.strays(in: text) {
                note(
                    "environment",
                    "\(PackageServiceFileLines.shown(stray.text)) was dropped, as a comma should stand after the value of "
                        + "\(stray.name): quote the whole value, once")
            }
            return own.sorted { $0.key < $1.key }.map { name, value in
                guard let shown = open.first(where: { value.holds($0.key) }) else { return (name, .text(value)) }
                return (name, .open(value == shown.key ? shown.value : "$\(name)"))
            }
        } catch {
            if isOpen("environment") {
                noteOpen("environment")
            } else {
                refuseText("environment", error.message)
            }
            return []
        }
    }

    private mutating func command(into result: inout ServiceDefinition, needed: Bool) {
        guard options["command"] != nil else {
            if needed {
                add(
                    DocumentError(
                        source: source, mark: section.mark, path: "command", message: "expected a command, found none"))
            }
            return
        }
        guard let line = text("command") else { return }
        do throws(ShellWords.Failure) { result.command = try ShellWords.split(line) } catch {
            return refuseText("command", error.message)
        }
        if result.command.isEmpty && needed { refuse("command", "expected a command, found an empty text") }
    }
}

// MARK: one value

extension PackageServiceFileReader {
    /// The expanded value of a key.
    mutating func text(_ key: String) -> String? {
        guard let option = options[key] else { return nil }
        do throws(PackageServiceFileExpansion.Failure) {
            return try PackageServiceFileExpansion.expand(option.value, expansions)
        } catch {
            refuse(key, error.message)
            return nil
        }
    }

    /// What `read` makes of the value of a key; nil, after a report, where it makes nothing of it.
    mutating func value<Value>(_ key: String, _ what: String, _ read: (String) -> Value?) -> Value? {
        guard let text = text(key) else { return nil }
        if let value = read(text) { return value }
        if isOpen(key) {
            noteOpen(key)
        } else {
            refuse(
                key, "expected \(what), found \(PackageServiceFileLines.shown(text))\(DocumentText.remark(on: text))")
        }
        return nil
    }

    mutating func integer(_ key: String) -> Int64? { value(key, "a whole number") { PythonInteger.read($0) } }

    /// Seconds, or how many of something. A negative number is 0, as it is in effect under supervisord.
    mutating func amount(_ key: String) -> Int? { integer(key).map { Int(min(max($0, 0), 1_000_000_000)) } }

    mutating func boolean(_ key: String) -> Bool? { value(key, "true or false", PackageServiceFileValue.boolean) }

    mutating func byteCount(_ key: String) -> Int64? {
        value(key, "a size such as 200KB or 5MB", PackageServiceFileValue.byteCount).map { max(0, $0) }
    }

    mutating func absolute(_ key: String, _ path: String, base: String? = nil) -> String? {
        if path.hasPrefix("/") || path.hasPrefix("$") && isOpen(key) { return path }
        if path.hasPrefix("~") {
            refuse(key, "expected an absolute path, found '\(path)'")
            return nil
        }
        return path.isEmpty || path == "." ? base ?? context.directory : "\(base ?? context.directory)/\(path)"
    }

    /// Whether the value of a key has a part that only the gateway knows.
    private func isOpen(_ key: String) -> Bool {
        PackageServiceFile.variables(namedIn: options[key]?.value ?? "").contains { name in
            if case .open = expansions["ENV_\(name)"] { true } else { false }
        }
    }

    private mutating func noteOpen(_ key: String) {
        note(key, "its value comes from the gateway's environment, and cannot be checked here")
    }

    // MARK: what is wrong, and what is odd

    mutating func refuse(_ key: String, _ message: String) { add(wrong(key, message)) }

    /// The same for a value whose end may have been taken for a comment.
    private mutating func refuseText(_ key: String, _ message: String) {
        var error = wrong(key, message)
        if let comment = options[key]?.comments.first {
            error.mark = comment.mark
            error.message +=
                "; here a comment begins, so that \(PackageServiceFileLines.shown(comment.text)) was dropped: "
                + "no white space may stand before the \(comment.text.prefix(1))"
        } else if let line = options[key]?.backslashes.first {
            error.message += "; the backslash at the end of line \(line) is not needed: indented lines belong together"
        }
        add(error)
    }

    private mutating func add(_ problem: DocumentError) {
        if !problems.contains(problem) { problems.append(problem) }
    }

    private func wrong(_ key: String, _ message: String) -> DocumentError {
        let isPlain = !key.unicodeScalars.contains(where: DocumentText.isInvisible)
        return DocumentError(
            source: source, mark: options[key]?.mark ?? section.mark, path: isPlain ? key : DocumentText.quoted(key),
            message: message)
    }

    /// - Parameter mark: the key's own where it is nil.
    mutating func note(_ key: String, _ message: String, at mark: Mark? = nil) {
        guard warnings.count < PackageServiceFileReader.mostNotes else { return }
        var warning = wrong(key, message)
        if let mark { warning.mark = mark }
        if warnings.contains(warning) { return }
        if warnings.count == PackageServiceFileReader.mostNotes - 1 {
            warning = DocumentError(source: source, mark: nil, message: "there is more to note, which is left out")
        }
        warnings.append(warning)
    }
}
