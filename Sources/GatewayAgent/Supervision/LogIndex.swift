internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Where the logs of an app are, as the `LogLedger` of its supervisor keeps it and publishes it for whoever may read them:
/// `<state folder>/logs/<app>.json`, mode 0644. The service's definition is no such place, because its environment may
/// hold secrets. It stays when the app is removed, as long as its logs do.
struct LogIndex: Sendable, Hashable {
    enum Stream: String, Sendable, Hashable { case stdout, stderr }

    struct Entry: Sendable, Hashable {
        /// Which process of the app; see `ServiceKey`.
        var process: String?
        var stream: Stream
        var path: String
        var maxByteCount: Int64
        var backups: Int
        /// The process writes elsewhere by now.
        var isOld = false
    }

    var app: AppName
    /// The app's user: who may own the files.
    var user: String?
    var entries: [Entry] = []

    init(_ app: AppName) { self.app = app }

    /// Takes over where a process of the app writes to; what it wrote before is still known.
    mutating func update(_ definition: ServiceDefinition) {
        user = definition.user
        let process = definition.key.process
        var new: [Entry] = []
        for (stream, log) in [(Stream.stdout, definition.output), (.stderr, definition.errorOutput)] {
            guard let log, let path = log.path else { continue }
            new.append(
                Entry(
                    process: process, stream: stream, path: path, maxByteCount: log.maxByteCount, backups: log.backups))
        }
        let paths = Set(new.map(\.path))
        for index in entries.indices where entries[index].process == process { entries[index].isOld = true }
        entries.removeAll { paths.contains($0.path) }
        entries += new
        entries.sort { a, b in
            (a.process ?? "", a.stream == .stderr ? 1 : 0, a.path) < (
                b.process ?? "", b.stream == .stderr ? 1 : 0, b.path
            )
        }
    }

    // MARK: files

    static func folder(_ stateFolder: String) -> String { "\(stateFolder)/logs" }
    private static func path(_ app: AppName, _ stateFolder: String) -> String { "\(folder(stateFolder))/\(app).json" }

    /// Of every app that has logs, or had.
    static func all(_ stateFolder: String) -> [LogIndex] {
        let names = (try? FileTree.list(folder(stateFolder))) ?? []
        return names.sorted().compactMap { name in
            guard name.hasSuffix(".json"), let app = AppName(String(name.dropLast(5))) else { return nil }
            return LogIndex(app, stateFolder)
        }
    }

    /// nil when there is none, or none that can be read.
    init?(_ app: AppName, _ stateFolder: String) {
        let path = LogIndex.path(app, stateFolder)
        guard let bytes = try? AtomicFile.read(path, limit: 1 << 20),
            let json = try? JSON.parse(bytes, source: path).json
        else { return nil }
        self.app = app
        user = json["user"]?.string
        entries = (json["logs"]?.elements ?? []).compactMap(LogIndex.entry)
    }

    private static func entry(_ json: JSONValue) -> Entry? {
        guard let path = json["path"]?.string, let stream = json["stream"]?.string.flatMap(Stream.init) else {
            return nil
        }
        return Entry(
            process: json["process"]?.string, stream: stream, path: path, maxByteCount: json["max_bytes"]?.int ?? 0,
            backups: Int(clamping: json["backups"]?.int ?? 0), isOld: json["old"]?.bool ?? false)
    }

    private static func json(_ entry: Entry) -> JSONValue {
        [
            "process": entry.process.map(JSONValue.string) ?? .null, "stream": .string(entry.stream.rawValue),
            "path": .string(entry.path), "max_bytes": .int(entry.maxByteCount), "backups": .int(Int64(entry.backups)),
            "old": .bool(entry.isOld),
        ]
    }

    /// Writes the file; a crash leaves the one before or this one. A failure costs other users the path, and no more.
    /// - Returns: whether it was written.
    @discardableResult
    func publish(_ stateFolder: String) -> Bool {
        let json: JSONValue = [
            "app": .string(app.text), "user": user.map(JSONValue.string) ?? .null,
            "logs": .array(entries.map(LogIndex.json)),
        ]
        _ = try? FileTree.makeDirectory(LogIndex.folder(stateFolder))
        do throws(SystemError) {
            try AtomicFile.write(json.text() + "\n", to: LogIndex.path(app, stateFolder), mode: 0o644)
            return true
        } catch {
            return false
        }
    }

    func forget(_ stateFolder: String) { _ = try? FileTree.removeFile(LogIndex.path(app, stateFolder)) }
}
