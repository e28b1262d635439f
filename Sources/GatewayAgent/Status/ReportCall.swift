public import Documents
public import GatewayModel
internal import GatewaySystem

/// `gwe report`: all four reports, shown as they would be sent, or sent now, whether they are due or not.
public enum ReportCall {
    /// The values by resource. Writes nothing: no lock, no side file; nothing is frozen.
    /// - Parameter services: what a running daemon supervises.
    /// - Throws: `JournalError` or `DatabaseError`.
    public static func preview(
        _ context: GatewayContext, services: [AppName: ServiceSnapshot]? = nil
    ) throws -> JSONValue {
        let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
        let services = services ?? SupervisordServices(ifChosenIn: context)?.snapshots()
        let usage = try UsageDelivery.preview(context) ?? .object([])
        let reports = try reports(context, journal, services)
        return .object(reports.all.map { ($0.resource, $0.value) } + [(UsageReport.resource, usage)])
    }

    /// Sends all of them from a process that is no daemon, under the state lock.
    public static func send(_ context: GatewayContext) -> (exit: ExitStatus, message: String) {
        do {
            let state = try LockedState(context: context, purpose: "report")
            var notes: [String] = []
            let cloud = CloudConnection.open(context, mayActivate: true) { event in
                if case .problem(let text) = event { notes.append(text) }
            }
            guard let cloud else {
                return (.unavailable, notes.last ?? "no product is set (gwe config set product ID)")
            }
            return try send(
                context, state.journal, SupervisordServices(ifChosenIn: context)?.snapshots(), cloud)
        } catch let error as LockedState.Failure {
            return (error.exit, error.description)
        } catch let error as JournalError {
            return (error.exit, error.description)
        } catch {
            return (.internalError, "\(error)")
        }
    }

    /// - Throws: what the journal cannot do, also when the cloud has taken the reports.
    static func send(
        _ context: GatewayContext, _ journal: Journal, _ services: [AppName: ServiceSnapshot]?, _ cloud: any CloudLink
    ) throws(JournalError) -> (exit: ExitStatus, message: String) {
        let reports = try reports(context, journal, services).all.map { (resource: $0.resource, text: $0.value.text()) }
        var problem: String?
        let usage = try UsageDelivery.due(context, journal, isForced: true) { problem = $0 }
        let values: [String: String]
        do throws(CloudFailure) {
            values = try cloud.exchange(writing: reports + (usage?.writes ?? []), reading: usage?.reads ?? [])
        } catch {
            return (.unavailable, error.description)
        }
        // The cloud has them: what the journal cannot note is sent again.
        try journal.markSent(reports)
        if let usage, !usage.hasArrived(values) {
            do throws(CloudFailure) {
                _ = try cloud.exchange(writing: [(UsageReport.resource, usage.text)], reading: [])
            } catch {
                return (.unavailable, error.description)
            }
        }
        try usage?.acknowledge { problem = $0 }
        if let problem { return (.inputOutputError, problem) }
        let names = reports.map(\.resource) + (usage == nil ? [] : [UsageReport.resource])
        return (.success, "sent " + names.joined(separator: ", "))
    }

    private static func reports(
        _ context: GatewayContext, _ journal: Journal?, _ services: [AppName: ServiceSnapshot]?
    ) throws(JournalError) -> Reports {
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        let snapshot = try Reconciler.observe(
            context: context, journal: journal, inputs: inputs, services: services, options: PassOptions())
        let status = GatewayStatus(
            desired: snapshot.desired, observed: snapshot.observed, plan: snapshot.plan, services: services,
            problems: inputs.problems.map(\.message))
        return try Reports(context: context, journal: journal, status: status, generation: inputs.cloud.generation)
    }
}
