internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// What the gateway tells the cloud: made from a snapshot, sent when it changed or once a day (rules 6 and 8).
struct Reports {
    var engineReport: JSONValue
    var deviceInfo: JSONValue
    /// An empty object when there is nothing to say of any artifact (rules 7).
    var fetchStatus: JSONValue

    /// Unchanged reports are repeated after this, so that the cloud can tell a quiet gateway from a dead one.
    static let repetition: Duration = .seconds(24 * 3_600)

    init(context: GatewayContext, journal: Journal?, status: GatewayStatus, generation: String?) throws(JournalError) {
        engineReport = EngineReport.json(status, generation: generation, agent: AgentVersion.userAgent)
        deviceInfo = DeviceInfo.collect(agentVersion: AgentVersion.text)
        let states = try journal?.fetchStatus() ?? []
        fetchStatus = .object(states.map { ($0.artifact, $0.state) })
    }

    /// All of them by resource, whether due or not.
    var all: [(resource: CloudResource, value: JSONValue)] {
        [(.engineReport, engineReport), (.fetchStatus, fetchStatus), (.deviceInfo, deviceInfo)]
    }

    /// Those that the cloud does not have yet.
    func due(sent: [CloudResource: SentReport], now: WallTime) -> [CloudWrite] {
        var due: [CloudWrite] = []
        func consider(_ resource: CloudResource, _ value: JSONValue, hasChanged: (JSONValue) -> Bool) {
            if let last = sent[resource], now >= last.at, last.at.duration(to: now) < Reports.repetition,
                let node = try? JSON.parse(Array(last.text.utf8), source: resource.rawValue), !hasChanged(node.json)
            {
                return
            }
            due.append(CloudWrite(resource, value.text()))
        }
        consider(.engineReport, engineReport) {
            EngineReport.withoutUptime($0) != EngineReport.withoutUptime(engineReport)
        }
        consider(.deviceInfo, deviceInfo) { DeviceInfo.isSignificantChange(from: $0, to: deviceInfo) }
        // A gateway that never had anything to say of an artifact stays silent; one that had takes it back.
        if fetchStatus.members?.isEmpty == false || sent[.fetchStatus] != nil {
            consider(.fetchStatus, fetchStatus) { $0 != fetchStatus }
        }
        return due
    }
}
