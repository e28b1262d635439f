public import Documents
public import GatewayModel

/// The statuses of services as `GET /v1/services` gives them.
public enum DaemonServices {
    static func encode(_ status: ServiceStatus?) -> JSONValue {
        guard let status else { return .null }
        return [
            "state": .string(status.state.rawValue), "pid": status.pid.map { .int(Int64($0)) } ?? .null,
            "uptime_seconds": status.uptime.map { .int($0.components.seconds) } ?? .null,
            "exit_status": status.lastExit == nil ? .null : .int(Int64(status.exitStatus)),
            "restarts": .int(Int64(status.restarts)), "ended_well": .bool(status.hasEndedWell),
            "error": status.trouble.map(JSONValue.string) ?? .null, "name": .string(status.process ?? ""),
            "health": status.health.map { .string($0.word) } ?? .null,
            "health_reason": status.health?.reason.map(JSONValue.string) ?? .null,
            "processes": .array(status.processes.map { encode($0) }),
        ]
    }

    /// What `encode` made, by app.
    public static func decode(_ json: JSONValue) -> [AppName: ServiceStatus] {
        var services: [AppName: ServiceStatus] = [:]
        for (name, value) in json.members ?? [] {
            guard let app = AppName(name), let service = status(value, of: app, depth: 0) else { continue }
            services[app] = service
        }
        return services
    }

    private static func status(_ value: JSONValue, of app: AppName, depth: Int) -> ServiceStatus? {
        guard let word = value["state"]?.string, depth < 2 else { return nil }
        let name = value["name"]?.string ?? ""
        var status = ServiceStatus(
            app: app, process: name.isEmpty ? nil : name, state: ServiceState(rawValue: word) ?? .unknown,
            pid: value["pid"]?.int.map(Int32.init(truncatingIfNeeded:)),
            uptime: value["uptime_seconds"]?.int.map { .seconds($0) },
            lastExit: value["exit_status"]?.int.map { .code(Int32(truncatingIfNeeded: $0)) },
            restarts: Int(value["restarts"]?.int ?? 0), lastError: value["error"]?.string)
        // An app that is EXITED ended well unless there is a problem.
        if value["ended_well"]?.bool != true { status.problem = status.state == .exited ? status.lastError ?? "" : nil }
        status.health = value["health"]?.string.flatMap {
            ServiceHealth(word: $0, reason: value["health_reason"]?.string)
        }
        status.processes = (value["processes"]?.elements ?? []).compactMap {
            self.status($0, of: app, depth: depth + 1)
        }
        return status
    }
}
