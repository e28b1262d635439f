import DeviceClient
import GatewaySystem
import MuranoSandbox
import TestSupport

/// A sandbox that speaks MQTT with TLS and without, and what its devices need to reach it.
final class MQTTCloud {
    static let device = "device"
    let fixture: SandboxFixture
    private let host: String

    /// - Parameters:
    ///   - host: a numeric address of this machine.
    ///   - hasTLS: or MQTT without alone.
    ///   - port: of MQTT with TLS.
    init(host: String = "127.0.0.1", hasTLS: Bool = true, port: UInt16 = 0) throws {
        self.host = host
        fixture = try SandboxFixture(
            id: MQTTCloud.device, host: host, hasMQTT: true, hasTLS: hasTLS, mqttsPort: port)
    }

    var sandbox: SandboxServer { fixture.server }
    var folder: TemporaryFolder { fixture.folder }

    /// For a device at the sandbox.
    func configuration(isTLS: Bool = false, identity: String = MQTTCloud.device) -> MQTTDeviceClient.Configuration {
        var configuration = MQTTDeviceClient.Configuration(
            DeviceClient.Configuration(product: sandbox.product, identity: identity))
        let port = (isTLS ? sandbox.mqttsPort : sandbox.mqttPort) ?? 0
        configuration.cloudURL = "\(isTLS ? "mqtts" : "mqtt")://\(host):\(port)"
        configuration.device.timeout = .seconds(20)
        configuration.device.transfer.caFile = fixture.root?.path
        return configuration
    }

    func client(
        _ configuration: MQTTDeviceClient.Configuration,
        handler: @escaping @Sendable (ResourceSet) -> MQTTDeviceClient.Reply = { _ in .echo }
    ) -> MQTTDeviceClient {
        MQTTDeviceClient(configuration: configuration, tokens: TokenStore(path: folder("token")), handler: handler)
    }
}
