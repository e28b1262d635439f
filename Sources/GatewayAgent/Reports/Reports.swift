internal import GatewayModel
internal import GatewaySystem
internal import Wire

/// What the gateway tells the cloud: made from a snapshot, sent when it changed or once a day (D6, D8).
struct Reports {
    var engineReport: EngineReport
    var deviceInfo: DeviceInfoReport
    /// Empty when there is nothing to say of any artifact (D7).
    var fetchStatus: FetchStatus

    /// Unchanged reports are repeated after this, so that the cloud can tell a quiet gateway from a dead one.
    static let repetition: Duration = .seconds(24 * 3_600)

    init(context: GatewayContext, journal: Journal?, status: GatewayStatus, generation: String?) throws(JournalError) {
        engineReport = EngineReport(status, generation: generation, agent: AgentVersion.userAgent)
        deviceInfo = DeviceInfo.collect(agentVersion: AgentVersion.text)
        var states = try journal?.fetchStatus() ?? []
        if let journal { states = try FailedStarts(journal: journal).corrected(states, status) }
        fetchStatus = FetchStatus(states.map { ($0.artifact, $0.state) })
    }

    /// All of them by resource, whether due or not.
    var all: [CloudWrite] {
        [
            CloudWrite(.engineReport, engineReport.jsonText()), CloudWrite(.fetchStatus, fetchStatus.jsonText()),
            CloudWrite(.deviceInfo, deviceInfo.jsonText()),
        ]
    }

    /// Those that the cloud does not have yet.
    func due(sent: [CloudResource: SentReport], now: WallTime) -> [CloudWrite] {
        var due: [CloudWrite] = []
        func consider<Report: WireValue>(_ resource: CloudResource, _ report: Report, isNews: (Report) -> Bool) {
            if let last = sent[resource], now >= last.at, last.at.duration(to: now) < Reports.repetition,
                let before = try? Report(jsonText: last.text), !isNews(before)
            {
                return
            }
            due.append(CloudWrite(resource, report.jsonText()))
        }
        consider(.engineReport, engineReport) { $0.withoutUptimes != engineReport.withoutUptimes }
        consider(.deviceInfo, deviceInfo) { DeviceInfo.isSignificantChange(from: $0, to: deviceInfo) }
        // A gateway that never had anything to say of an artifact stays silent; one that had takes it back.
        if !fetchStatus.isEmpty || sent[.fetchStatus] != nil {
            consider(.fetchStatus, fetchStatus) { $0 != fetchStatus }
        }
        return due
    }
}
