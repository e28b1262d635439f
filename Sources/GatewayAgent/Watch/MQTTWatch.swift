internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// `transport: mqtt`: a connection on which the cloud says at once what it sets, and after each connect what was missed.
///
/// Nothing is echoed here. Until the device answers, the cloud takes a value for not arrived, and that is so until a pass
/// has it in its journal; the pass then clears the resource over HTTPS. So a manifest that stays is sent again at each
/// connect; it is known then, and no reason for a pass.
final class MQTTWatch: CloudWatch.Source {
    /// A connect that fails is short; how short is not known here.
    var byteCount: Int64 { 0 }
    var heldAfter: Duration? { nil }

    private let context: GatewayContext
    private let heard: @Sendable (CloudChange) -> Void
    private var client: MQTTDeviceClient?

    /// - Parameter heard: told of values by the connection's thread.
    init(context: GatewayContext, heard: @escaping @Sendable (CloudChange) -> Void) {
        self.context = context
        self.heard = heard
    }

    deinit { client?.close() }

    /// Returns once there is a connection, the next time when it is lost.
    func next(_ watch: CloudWatch) throws(CloudFailure) -> CloudChange? {
        let client = try ready(watch)
        do throws(DeviceClientError) {
            guard client.isConnected else {
                try client.connect()
                return nil
            }
            if let loss = client.waitForLoss() { throw loss }
            return nil
        } catch {
            throw CloudFailure(error)
        }
    }

    private func ready(_ watch: CloudWatch) throws(CloudFailure) -> MQTTDeviceClient {
        if let client { return client }
        do {
            var (device, _) = try CloudIdentity.configuration(context)
            device.mayActivate = false
            let tokens = try TokenStore.make(context.folders, context.configuration, makingFolder: false)
            let last = Monitor<[String: Int64]>([:])
            let heard = heard
            let client = MQTTDeviceClient(
                configuration: .init(device), tokens: tokens,
                meter: context.usageMeter().count,
                handler: { set in
                    guard let resource = CloudResource(rawValue: set.alias), resource.isInput else { return .nothing }
                    // One that was not heard before, on a device that has heard others, was just written.
                    let isFresh = last.update { last in
                        let before = last.updateValue(set.timestamp ?? 0, forKey: set.alias)
                        return before.map { $0 != set.timestamp ?? 0 } ?? false
                    }
                    heard(CloudChange(value: CloudValue(resource, set.value), isFresh: isFresh))
                    return .nothing
                })
            self.client = client
            watch.whenEnding { [weak client] in client?.close() }
            return client
        } catch {
            throw CloudFailure(description: "cannot watch the cloud: \(error)")
        }
    }
}
