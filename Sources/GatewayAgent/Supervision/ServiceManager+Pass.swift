internal import GatewayModel

/// What a pass says to whoever supervises.
extension ServiceManager {
    func snapshots() -> [AppName: ServiceStatus] {
        Dictionary(statuses().map { ($0.app, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Takes the definitions of an app over, starts it if it is down, and waits until it is up. Returns why it is not; nil
    /// when it is, when it ended as it may, or when a person stopped it meanwhile.
    /// - Parameters:
    ///   - now: see `ServiceManager.launch`.
    ///   - untilHealthy: whether to wait also for the first word of its health check, which takes at most about its
    ///     `within`; an app that it finds unhealthy is not up.
    func bringUp(
        _ app: AppName, _ definitions: [ServiceDefinition], now: Bool = true, untilHealthy: Bool = false
    ) -> String? {
        launch(definitions, now: now)
        guard let status = settle(app) else { return "the supervisor does not know \(app)" }
        guard untilHealthy, status.state.hasProcess else { return problem(status) }
        guard let checked = settle(app, untilHealthy: true) else { return problem(status) }
        return problem(checked) ?? checked.health?.reason
    }

    private func problem(_ status: ServiceStatus) -> String? {
        switch status.state {
        case .running, .starting: return nil
        case .exited where status.problem == nil: return nil
        case .stopping where !status.wanted, .stopped where !status.wanted && status.problem == nil: return nil
        default: return status.problem ?? "\(status.state.rawValue)"
        }
    }
}
