public import Documents
public import GatewayModel

/// What the daemon supervises, by app: the answer to `GET /v1/services`.
public typealias ServicesDocument = ByName<ServiceDocument>

/// What a supervisor says of one app, or of one of its processes. A key is null where there is nothing to say.
public struct ServiceDocument: WireValue {
    /// A word of supervisord.
    public var state: String
    /// Of its process.
    public var pid: Int32?
    /// Seconds since the process has started.
    public var uptimeSeconds: Int64?
    /// Of the process before this one, or of the last: the code, or 128 and the signal.
    public var exitStatus: Int32?
    /// Restarts without anybody's command since the supervisor knows it.
    public var restarts: Int
    /// Whether it ended by itself with an exit code that it may end with.
    public var hasEndedWell: Bool
    /// The last thing that went wrong.
    public var error: String?
    /// supervisord's name of one of several processes; else empty.
    public var name: String
    /// What its health check says: `starting`, `healthy`, `unhealthy`.
    public var health: String?
    /// Why the health check fails.
    public var healthReason: String?
    /// Those of an app that has several; empty for one that has one.
    public var processes: [ServiceDocument]

    /// What stands under the app's name.
    public var json: JSONValue {
        [
            "state": state.json, "pid": pid.json, "uptime_seconds": uptimeSeconds.json,
            "exit_status": exitStatus.json, "restarts": restarts.json, "ended_well": hasEndedWell.json,
            "error": error.json, "name": name.json, "health": health.json, "health_reason": healthReason.json,
            "processes": processes.json,
        ]
    }

    /// Reads what stands under an app's name.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        state = try members.read("state")
        pid = try members.readIfAny("pid")
        uptimeSeconds = try members.readIfAny("uptime_seconds")
        exitStatus = try members.readIfAny("exit_status")
        restarts = try members.read("restarts")
        hasEndedWell = try members.read("ended_well")
        error = try members.readIfAny("error")
        name = try members.read("name")
        health = try members.readIfAny("health")
        healthReason = try members.readIfAny("health_reason")
        processes = try members.read("processes")
    }
}

extension ServiceDocument {
    /// What is supervised now.
    public init(_ status: ServiceStatus) {
        state = status.state.rawValue
        pid = status.pid
        uptimeSeconds = status.uptime?.components.seconds
        exitStatus = status.lastExit.map { _ in status.exitStatus }
        restarts = status.restarts
        hasEndedWell = status.hasEndedWell
        error = status.trouble
        name = status.process ?? ""
        health = status.health?.word
        healthReason = status.health?.reason
        processes = status.processes.map(ServiceDocument.init)
    }

    /// The status of an app, as far as the document says it.
    public func status(of app: AppName) -> ServiceStatus {
        var status = ServiceStatus(
            app: app, process: name.isEmpty ? nil : name, state: ServiceState(rawValue: state) ?? .unknown, pid: pid,
            uptime: uptimeSeconds.map { .seconds($0) }, lastExit: exitStatus.map { .code($0) }, restarts: restarts,
            lastError: error)
        // An app that is EXITED has ended well unless there is a problem.
        if !hasEndedWell, status.state == .exited { status.problem = error ?? "" }
        status.health = health.flatMap { ServiceHealth(word: $0, reason: healthReason) }
        status.processes = processes.map { $0.status(of: app) }
        return status
    }
}

extension ServicesDocument {
    /// What is supervised, by app. A name that is no app's is left out.
    public var statuses: [AppName: ServiceStatus] {
        var found: [AppName: ServiceStatus] = [:]
        for entry in entries { if let app = AppName(entry.name) { found[app] = entry.value.status(of: app) } }
        return found
    }
}
