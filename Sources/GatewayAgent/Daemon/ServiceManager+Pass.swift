internal import GatewayModel

/// What a pass says to whoever supervises.
extension ServiceManager {
    func snapshots() -> [AppName: ServiceSnapshot] {
        Dictionary(statuses().map { ($0.app, ServiceSnapshot($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// Takes a definition over and waits until the app is up. Returns why it is not; nil when it is, or when it ended
    /// as it may.
    func bringUp(_ definition: ServiceDefinition) -> String? {
        apply([definition])
        guard let status = start(definition.app) else { return "the supervisor does not know \(definition.app)" }
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
            lastError: status.problem ?? status.logProblem ?? status.lastError)
    }
}
