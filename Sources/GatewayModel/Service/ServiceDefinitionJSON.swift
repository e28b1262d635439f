public import Documents

extension ServiceDefinition {
    /// All of it, keys in a fixed order and names sorted: equal definitions have equal texts.
    public var canonicalJSON: JSONValue {
        var members: [(String, JSONValue)] = [("schema", "gwe-service/v1"), ("app", .string(app.text))]
        // As before there were several, so that what an older agent wrote stays equal.
        if processName != app.text || processNumber != nil {
            members.append(("process_name", .string(processName)))
            members.append(("process_number", processNumber.map { .int(Int64($0)) } ?? .null))
        }
        members += [
            ("release", .string(release)),
            ("command", .array(command.map { .string($0) })),
            ("directory", .string(directory)),
            ("environment", .object(environment.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            ("user", user.map { .string($0) } ?? .null),
            ("umask", umask.map { .int(Int64($0)) } ?? .null),
            ("priority", .int(Int64(priority))),
            ("autostart", .bool(autostart)),
            ("restart", .string(restart.rawValue)),
            ("start_seconds", .int(Int64(startSeconds))),
            ("start_retries", startRetries.map { .int(Int64($0)) } ?? .null),
            ("exit_codes", .array(exitCodes.map { .int(Int64($0)) })),
            ("stop_signal", .int(Int64(stopSignal))),
            ("stop_wait_seconds", .int(Int64(stopWaitSeconds))),
            ("stop_as_group", .bool(stopAsGroup)),
            ("kill_as_group", .bool(killAsGroup)),
            ("output", output.json),
            ("error_output", errorOutput?.json ?? .null),
            ("requires", .array(requires.map { .string($0.text) })),
        ]
        // As before there was any.
        if hasCleanEnvironment { members.append(("clean_environment", .bool(true))) }
        if let health { members.append(("health", health.canonicalJSON())) }
        return .object(members)
    }

    /// The definitions of all processes of one app: that of the only one, or a list.
    public static func document(_ definitions: [ServiceDefinition]) -> JSONValue {
        if definitions.count == 1, let only = definitions.first, only.processNumber == nil { return only.canonicalJSON }
        return .object([
            ("schema", "gwe-services/v1"), ("processes", .array(definitions.map(\.canonicalJSON))),
        ])
    }

    /// Reads what `document` wrote; nil when it is anything else, or not all of it can be read.
    public static func all(inDocument json: JSONValue) -> [ServiceDefinition]? {
        guard json["schema"]?.string == "gwe-services/v1" else { return ServiceDefinition(json: json).map { [$0] } }
        let elements = json["processes"]?.elements ?? []
        let definitions = elements.compactMap(ServiceDefinition.init(json:))
        return definitions.isEmpty || definitions.count != elements.count ? nil : definitions
    }

    /// A record in `run` may hold any number; times are added to others.
    private static let mostSeconds = 1_000_000_000

    /// Reads what `canonicalJSON` wrote; nil when it is anything else. The reader of the text is `JSON.parse`.
    public init?(json: JSONValue) {
        guard json["schema"]?.string == "gwe-service/v1", let name = json["app"]?.string, let app = AppName(name),
            let release = json["release"]?.string, let command = json["command"]?.strings, !command.isEmpty,
            let directory = json["directory"]?.string, let variables = json["environment"]?.members,
            let priority = json["priority"]?.integer, let autostart = json["autostart"]?.bool,
            let restart = json["restart"]?.string.flatMap(Restart.init), let start = json["start_seconds"]?.integer,
            let exitCodes = json["exit_codes"]?.elements, let stopSignal = json["stop_signal"]?.integer,
            let stopWait = json["stop_wait_seconds"]?.integer, let stopAsGroup = json["stop_as_group"]?.bool,
            let killAsGroup = json["kill_as_group"]?.bool, let output = json["output"].flatMap(Log.init(json:)),
            let requires = json["requires"]?.strings
        else { return nil }
        self.init(app: app, command: command, context: .init(release: release, directory: directory, logFolder: ""))
        if let name = json["process_name"]?.string {
            guard ServiceKey.isProcessName(name) else { return nil }
            processName = name
            processNumber = json["process_number"]?.integer
        }
        for (name, value) in variables {
            guard let text = value.string else { return nil }
            environment[name] = text
        }
        hasCleanEnvironment = json["clean_environment"]?.bool ?? false
        user = json["user"]?.string
        umask = json["umask"]?.integer.flatMap(UInt16.init(exactly:))
        self.priority = priority
        self.autostart = autostart
        self.restart = restart
        startSeconds = min(max(0, start), ServiceDefinition.mostSeconds)
        startRetries = json["start_retries"]?.integer
        self.exitCodes = exitCodes.compactMap { $0.integer.flatMap(Int32.init(exactly:)) }
        self.stopSignal = Int32(clamping: stopSignal)
        stopWaitSeconds = min(max(0, stopWait), ServiceDefinition.mostSeconds)
        self.stopAsGroup = stopAsGroup
        self.killAsGroup = killAsGroup
        self.output = output
        errorOutput = json["error_output"].flatMap(Log.init(json:))
        self.requires = requires.compactMap(AppName.init)
        if let check = json["health"] {
            guard let check = HealthCheck(json: check) else { return nil }
            health = check
        }
    }
}

extension ServiceDefinition.Log {
    fileprivate var json: JSONValue {
        .object([
            ("path", path.map { .string($0) } ?? .null), ("max_bytes", .int(maxByteCount)),
            ("backups", .int(Int64(backups))),
        ])
    }

    fileprivate init?(json: JSONValue) {
        guard let size = json["max_bytes"]?.int, let backups = json["backups"]?.integer else { return nil }
        self.init(path: json["path"]?.string, maxByteCount: size, backups: backups)
    }
}

extension JSONValue {
    fileprivate var integer: Int? { int.flatMap { Int(exactly: $0) } }
    fileprivate var strings: [String]? {
        guard let elements else { return nil }
        let texts = elements.compactMap(\.string)
        return texts.count == elements.count ? texts : nil
    }
}
