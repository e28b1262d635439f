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

    /// Of every app that gwe installed or took over. Other programs are none of its business.
    func statuses(_ failures: [AppName: String]) -> [ServiceStatus] {
        services.knownApps().sorted().compactMap { app in
            let own = SupervisordConnection.processes(of: app, among: processes)
            return own.isEmpty && !services.isManaged(app) ? nil : status(app, own, failure: failures[app])
        }
    }

    private func status(
        _ app: AppName, _ own: [SupervisordProcess], failure: String?
    ) -> ServiceStatus {
        let text = (try? connection.programs.text(app)) ?? nil
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
