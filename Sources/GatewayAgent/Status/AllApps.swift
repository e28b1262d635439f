public import GatewayModel
public import Wire

/// The apps that `--all` means.
public enum AllApps {
    /// The apps of which it can be said, in the order in which it is to be said: each after those it requires, and a stop
    /// the other way round. Writes nothing.
    /// - Parameter verb: to start, stop and restart are services that are installed; to hold, all apps; to unhold, those
    ///   that an operator has held or set a version of. nil: what may have a log, the installed services.
    public static func of(_ verb: AppVerb?, _ context: GatewayContext) throws(JournalError) -> [AppName] {
        let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        let records = try journal?.apps() ?? [:]
        let desired = inputs.merged(installed: records.compactMapValues { $0.current?.wish })
        let wanted = desired.apps.values.filter { $0.state.value != .absent }.map(\.name)
        let order = StartOrder(of: wanted, requires: { desired.apps[$0]?.requires.value ?? [] }).names
        let services = order.filter { records[$0]?.current?.installed.kind == .service }
        switch verb {
        case .start, .restart, nil: return services
        case .stop: return services.reversed()
        case .hold: return order
        case .unhold:
            return inputs.operatorLayer.apps.filter { $0.value.hold || $0.value.release != nil }.map(\.key).sorted()
        }
    }
}
