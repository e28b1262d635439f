internal import GatewayModel

/// What a pass says to whoever supervises.
extension ServiceManager {
    func snapshots() -> [AppName: ServiceSnapshot] {
        Dictionary(statuses().map { ($0.app, ServiceSnapshot($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// Takes the definitions of an app over and waits until it is up. Returns why it is not; nil when it is, or when it
    /// ended as it may.
    /// - Parameter untilHealthy: whether to wait also for the first word of its health check, which takes at most about its
    ///   `within`; an app that it finds unhealthy is not up.
    func bringUp(_ app: AppName, _ definitions: [ServiceDefinition], untilHealthy: Bool = false) -> String? {
        let before = status(of: app)
        apply(definitions)
        guard var status = settle(app) else { return "the supervisor does not know \(app)" }
        // An app that ended at once is not started a second time.
        let wasStarted = before?.release != definitions.first?.release && status.state != .stopped
        if !wasStarted, status.state != .running { status = start(app) ?? status }
        guard untilHealthy, status.state.hasProcess else { return problem(status) }
        guard let checked = settleHealth(app) else { return problem(status) }
        return problem(checked) ?? checked.health?.reason
    }

    /// Starts all at once, and waits until each is up. Says of each that is not why.
    func bringUp(_ definitions: [ServiceDefinition], _ tell: (AppName, String) -> Void) {
        apply(definitions)
        var apps: [AppName] = []
        for app in definitions.map(\.app) where !apps.contains(app) { apps.append(app) }
        for app in apps {
            guard var status = settle(app) else { continue }
            if status.state == .stopped { status = start(app) ?? status }
            if let problem = problem(status) { tell(app, problem) }
        }
    }

    private func problem(_ status: ServiceStatus) -> String? {
        switch status.state {
        case .running, .starting: return nil
        case .exited where status.problem == nil: return nil
        default: return status.problem ?? "\(status.state.rawValue)"
        }
    }
}

extension ServiceSnapshot {
    init(_ status: ServiceStatus) {
        self.init(
            state: status.state.rawValue, processID: status.pid, uptime: status.uptime,
            exitStatus: status.lastExit == nil ? nil : status.exitStatus, restarts: status.restarts,
            lastError: status.problem ?? status.health?.reason ?? status.logProblem ?? status.lastError,
            health: status.health,
            hasEndedWell: status.state == .exited && status.problem == nil, name: status.process ?? "",
            processes: status.processes.map(ServiceSnapshot.init))
    }
}
