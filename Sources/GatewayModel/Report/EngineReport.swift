public import Documents

/// `engine_report` as Gateway Engine sent it, so that its dashboards read it: `apps` is a list of objects with one key
/// each, the app's name (docs/cloud.md#engine_report). Ours are extra keys only.
public enum EngineReport {
    public static func json(_ status: GatewayStatus, generation: String?, agent: String) -> JSONValue {
        [
            "apps": .array(status.apps.map { app in .object([(app.name.text, json(app))]) }),
            "generation": generation.map(JSONValue.string) ?? .null,
            "drift": .int(Int64(status.drifted)),
            "agent": .string(agent),
        ]
    }

    private static func json(_ app: AppStatus) -> JSONValue {
        [
            "exitstatus": .int(Int64(app.service?.exitStatus ?? 0)),
            "status": .string(app.state),
            "uptime": .string(app.service?.uptime.map(uptimeText) ?? "0:00:00"),
            "version": .string(app.installed?.version.text ?? ""),
            "desired": .string(app.desired?.text ?? ""),
            "sync": .string(app.syncText),
            "health": .string(app.health.rawValue),
            "digest": .string(app.installed.flatMap { $0.digest == .unknown ? nil : $0.digest.hex } ?? ""),
        ]
    }

    /// supervisorctl's form: `1:02:03`, `2 days, 1:02:03`.
    public static func uptimeText(_ uptime: Duration) -> String {
        let total = uptime.components.seconds
        let two = { (number: Int64) in number < 10 ? "0\(number)" : "\(number)" }
        let clock = "\(total / 3600 % 24):\(two(total / 60 % 60)):\(two(total % 60))"
        let days = total / 86_400
        return days == 0 ? clock : "\(days) day\(days == 1 ? "" : "s"), \(clock)"
    }

    /// The same report without what changes by itself: whether a new one is worth its bytes.
    public static func withoutUptime(_ report: JSONValue) -> JSONValue {
        switch report {
        case .object(let members): .object(members.filter { $0.0 != "uptime" }.map { ($0.0, withoutUptime($0.1)) })
        case .array(let elements): .array(elements.map(withoutUptime))
        case .null, .bool, .int, .double, .string: report
        }
    }
}

/// A state of Gateway Engine's OTAU state machine, for `fetch_status` (D7, docs/cloud.md#fetch_status).
public struct FetchState: Sendable, Hashable {
    public enum Name: String, Sendable, Hashable, CaseIterable {
        case initial = "init"
        case test
        case testError = "test_error"
        case testSuccess = "test_success"
        case download
        case downloadSuccess = "download_success"
        case downloadError = "download_error"
        case install
        case installSuccess = "install_success"
        case installError = "install_error"
    }

    public var state: Name
    public var info: String
    public var name: String
    public var version: String
    public var contentAvailable: Bool?
    public var size: Int64?
    public var installPath: String?
    /// The last 4 KiB that the installer wrote.
    public var output: String?

    public init(
        state: Name, info: String, name: String, version: String, contentAvailable: Bool? = nil, size: Int64? = nil,
        installPath: String? = nil, output: String? = nil
    ) {
        self.state = state
        self.info = info
        self.name = name
        self.version = version
        self.contentAvailable = contentAvailable
        self.size = size
        self.installPath = installPath
        self.output = output
    }

    public var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("info", .string(info)), ("state", .string(state.rawValue)), ("version", .string(version)),
            ("name", .string(name)),
        ]
        if let contentAvailable { members.append(("content_available", .bool(contentAvailable))) }
        if let size { members.append(("size", .int(size))) }
        if let installPath { members.append(("install_path", .string(installPath))) }
        if let output { members.append(("output", .string(output))) }
        return .object(members)
    }
}
