public import GatewayModel
internal import GatewaySystem
public import Wire

/// `gwe report`: all four reports, shown as they would be sent, or sent now, whether they are due or not.
public enum ReportCall {
    /// The four as they would be sent. Writes nothing: no lock, no side file; nothing is frozen.
    /// - Parameter services: what a running daemon supervises.
    /// - Throws: `JournalError` or `DatabaseError`.
    public static func preview(
        _ context: GatewayContext, services: [AppName: ServiceStatus]? = nil
    ) throws -> GatewayReports {
        let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
        let services = services ?? SupervisordServices(ifChosenIn: context)?.snapshots()
        let usage = try UsageDelivery.preview(context) ?? UsageReport()
        let reports = try reports(context, journal, services)
        return GatewayReports(
            engineReport: reports.engineReport, fetchStatus: reports.fetchStatus, deviceInfo: reports.deviceInfo,
            usageReport: usage)
    }

    /// What is answered where there is no cloud, with a daemon and without.
    static let noProduct = (exit: ExitStatus.badConfiguration, message: "no product is set (gwe config set product ID)")

    /// Sends all of them from a process that is no daemon, under the state lock.
    public static func send(_ context: GatewayContext) -> (exit: ExitStatus, message: String) {
        do {
            let state = try LockedState(context: context, purpose: "report")
            var notes: [String] = []
            let cloud = CloudConnection.open(context, mayActivate: true) { event in
                if case .problem(let text) = event { notes.append(text) }
            }
            guard let cloud else {
                guard context.configuration.product != nil else { return noProduct }
                return (.unavailable, notes.last ?? "the cloud cannot be asked")
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
        _ context: GatewayContext, _ journal: Journal, _ services: [AppName: ServiceStatus]?, _ cloud: any CloudLink
    ) throws(JournalError) -> (exit: ExitStatus, message: String) {
        let reports = try reports(context, journal, services).all
        let ofCloud = Monitor<String?>(nil)
        let ofStorage = Monitor<String?>(nil)
        let noteStorage: @Sendable (String) -> Void = { text in ofStorage.update { $0 = text } }
        let usage = try UsageDelivery.due(context, journal, isForced: true, report: noteStorage)
        var delivery = ReportDelivery(context: context, journal: journal, cloud: cloud) { event in
            if case .problem(let text) = event { ofCloud.update { $0 = text } }
        }
        delivery.storageProblem = noteStorage
        do throws(ConversationFailure) { _ = try delivery.send(reports, usage: usage) } catch {
            switch error {
            case .journal(let failure): throw failure
            case .cloud(let failure): return (.unavailable, failure.description)
            }
        }
        if let problem = ofCloud.look(\.self) { return (.unavailable, problem) }
        if let problem = ofStorage.look(\.self) { return (.inputOutputError, problem) }
        let names = reports.map(\.resource) + (usage == nil ? [] : [.usageReport])
        return (.success, "sent " + names.map(\.rawValue).joined(separator: ", "))
    }

    private static func reports(
        _ context: GatewayContext, _ journal: Journal?, _ services: [AppName: ServiceStatus]?
    ) throws(JournalError) -> Reports {
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        let snapshot = try Observation(context: context, journal: journal, services: services)
            .snapshot(inputs, journal: journal)
        return try Reports(
            context: context, journal: journal, status: snapshot.status(problems: inputs.problems.map(\.message)),
            generation: inputs.cloud.generation)
    }
}
