internal import GatewaySystem

/// What an `MQTTDeviceClient` has counted. It outlives the client's deinit, in which the farewell is still counted, and
/// ends with it: then the meter brings away what it has.
final class MQTTUsageTally: Sendable {
    private let usage: Monitor<MQTTDeviceUsage>
    private let meter: (@Sendable (UsageRecord) -> Void)?

    init(identity: String, meter: (@Sendable (UsageRecord) -> Void)?) {
        usage = Monitor(MQTTDeviceUsage(identity: identity))
        self.meter = meter
    }

    func note(_ change: (inout MQTTDeviceUsage) -> [UsageRecord]) {
        let records = usage.update { change(&$0) }
        guard let meter else { return }
        for record in records { meter(record) }
    }

    /// A call on a new connection, which counts from zero.
    func beginAnew(_ method: UsageRecord.Method, _ resources: [String]) -> Int {
        usage.update { usage in
            usage.restart()
            return usage.begin(method, resources)
        }
    }

    func begin(_ method: UsageRecord.Method, _ resources: [String]) -> Int {
        usage.update { $0.begin(method, resources) }
    }
}
