internal import GatewayModel
internal import GatewaySystem

/// What supervisord says of all its programs, in gwe's words.
struct SupervisordSurvey {
    private let services: SupervisordServices
    private let connection: SupervisordConnection
    private let processes: [SupervisordProcess]

    init(_ services: SupervisordServices, _ connection: SupervisordConnection) throws(SupervisordFailure) {
        self.services = services
        self.connection = connection
        processes = try connection.processes()
    }

    /// Of every app that gwe knows, and of every other program whose name could be an app's.
    func statuses(_ failures: [AppName: String]) -> [ServiceStatus] {
        let known = services.knownApps()
        let groups = Set(processes.compactMap { AppName($0.group) })
        return known.union(groups).sorted().compactMap { app in
            let own = SupervisordConnection.processes(of: app, among: processes)
            if own.isEmpty, !services.isManaged(app) { return nil }
            return status(app, own, isKnown: known.contains(app), failure: failures[app])
        }
    }

    private func status(
        _ app: AppName, _ own: [SupervisordProcess], isKnown: Bool, failure: String?
    ) -> ServiceStatus {
        // Files of others are not looked into for their status.
        let text = isKnown ? (try? connection.programs.text(app)) ?? nil : nil
        let release = text.flatMap { SupervisordProgram.release(of: $0) }
        let definition = ServiceConfiguration(context: services.context).definitions(of: [app]).first
        let single = own.map { process in
            process.status(
                app, isOne: own.count > 1, expected: definition?.exitCodes ?? [0], release: release ?? "",
                isOwn: release != nil)
        }
        var status =
            ServiceStatus(of: single)
            ?? ServiceStatus(app: app, state: .stopped, wanted: false, release: release ?? "")
        if own.isEmpty, text != nil { status.problem = "supervisord has not read \(connection.programs.path(app)) yet" }
        // What kept it from being started is worth more than STOPPED.
        if let failure, status.state != .running { status.problem = failure }
        status.lastError = status.problem ?? status.lastError ?? failure
        return status
    }

    /// Of apps whose supervisord cannot be asked.
    static func unknown(_ apps: Set<AppName>, _ why: String) -> [ServiceStatus] {
        apps.sorted().map { ServiceStatus(app: $0, state: .unknown, problem: why, lastError: why) }
    }
}
