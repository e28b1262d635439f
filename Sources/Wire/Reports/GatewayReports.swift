public import Documents
internal import GatewayModel

/// The four reports as they would be sent now, by the name of their resource.
public struct GatewayReports: WireValue {
    /// The apps.
    public var engineReport: EngineReport
    /// The artifacts.
    public var fetchStatus: FetchStatus
    /// The machine.
    public var deviceInfo: DeviceInfoReport
    /// What the device client counted; of no interface where nothing was counted.
    public var usageReport: UsageReport

    /// The four of one moment.
    public init(
        engineReport: EngineReport, fetchStatus: FetchStatus, deviceInfo: DeviceInfoReport, usageReport: UsageReport
    ) {
        self.engineReport = engineReport
        self.fetchStatus = fetchStatus
        self.deviceInfo = deviceInfo
        self.usageReport = usageReport
    }

    /// One object with a key for each resource.
    public var json: JSONValue {
        .object([
            (CloudResource.engineReport.rawValue, engineReport.json),
            (CloudResource.fetchStatus.rawValue, fetchStatus.json),
            (CloudResource.deviceInfo.rawValue, deviceInfo.json),
            (CloudResource.usageReport.rawValue, usageReport.json),
        ])
    }

    /// Reads all four.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        engineReport = try members.read(CloudResource.engineReport.rawValue)
        fetchStatus = try members.read(CloudResource.fetchStatus.rawValue)
        deviceInfo = try members.read(CloudResource.deviceInfo.rawValue)
        usageReport = try members.read(CloudResource.usageReport.rawValue)
    }
}
