public import Documents
public import GatewayModel

/// Snapshots of services as `GET /v1/services` gives them.
public enum DaemonServices {
    static func encode(_ snapshot: ServiceSnapshot?) -> JSONValue {
        guard let snapshot else { return .null }
        return [
            "state": .string(snapshot.state), "pid": snapshot.processID.map { .int(Int64($0)) } ?? .null,
            "uptime_seconds": snapshot.uptime.map { .int($0.components.seconds) } ?? .null,
            "exit_status": snapshot.exitStatus.map { .int(Int64($0)) } ?? .null,
            "restarts": .int(Int64(snapshot.restarts)), "ended_well": .bool(snapshot.hasEndedWell),
            "error": snapshot.lastError.map(JSONValue.string) ?? .null, "name": .string(snapshot.name),
            "health": snapshot.health.map { .string($0.word) } ?? .null,
            "health_reason": snapshot.health?.reason.map(JSONValue.string) ?? .null,
            "processes": .array(snapshot.processes.map { encode($0) }),
        ]
    }

    /// What `encode` made, by app.
    public static func decode(_ json: JSONValue) -> [AppName: ServiceSnapshot] {
        var services: [AppName: ServiceSnapshot] = [:]
        for (name, value) in json.members ?? [] {
            guard let app = AppName(name), let service = snapshot(value, depth: 0) else { continue }
            services[app] = service
        }
        return services
    }

    private static func snapshot(_ value: JSONValue, depth: Int) -> ServiceSnapshot? {
        guard let state = value["state"]?.string, depth < 2 else { return nil }
        return ServiceSnapshot(
            state: state, processID: value["pid"]?.int.map(Int32.init(truncatingIfNeeded:)),
            uptime: value["uptime_seconds"]?.int.map { .seconds($0) },
            exitStatus: value["exit_status"]?.int.map(Int32.init(truncatingIfNeeded:)),
            restarts: Int(value["restarts"]?.int ?? 0), lastError: value["error"]?.string,
            health: value["health"]?.string.flatMap {
                ServiceHealth(word: $0, reason: value["health_reason"]?.string)
            },
            hasEndedWell: value["ended_well"]?.bool ?? false, name: value["name"]?.string ?? "",
            processes: (value["processes"]?.elements ?? []).compactMap { snapshot($0, depth: depth + 1) })
    }
}
