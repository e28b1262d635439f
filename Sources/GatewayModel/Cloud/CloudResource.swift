/// The resources of the cloud that gwe reads and writes, by the names they have there.
public enum CloudResource: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    // What the cloud wants of the gateway.
    case engineFetch = "engine_fetch"
    case updateInterval = "update_interval"
    case configOtau = "config_otau"
    // What the gateway reports.
    case engineReport = "engine_report"
    case fetchStatus = "fetch_status"
    case deviceInfo = "device_info"
    case usageReport = "usage_report"
    case otauIn = "otau_in"

    /// Those that are read at the beginning of a pass.
    public static let inputs: [CloudResource] = [.engineFetch, .updateInterval, .configOtau]

    /// Whether the cloud writes it and the gateway reads it; all others are reports.
    public var isInput: Bool { CloudResource.inputs.contains(self) }

    /// The name that it has in the cloud.
    public var description: String { rawValue }
}
