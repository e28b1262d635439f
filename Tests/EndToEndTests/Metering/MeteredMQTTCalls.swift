import DeviceClient
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// A script of what a device does over MQTT with TLS. Run in the gateway's network namespace.
struct MeteredMQTTCalls: @unchecked Sendable {
    static let device = "dev2"

    /// Calls of `gdc mqtt`, each a process of its own, and how many requests they make in all: each logs in too.
    static let shell = [
        ["mqtt", "publish", "temperature", "21.5"], ["mqtt", "publish", "temperature", "22", "-Q", "0"],
        ["mqtt", "publish", "$resource.batch", #"[{"timestamp": 1000, "values": {"r": "5"}}]"#],
        ["mqtt", "subscribe", "--disconnect-after", "1"],
    ]
    static let shellRequests = 7

    let root: String
    let state: String
    let cloud: SandboxServer

    func url() throws -> String { "mqtts://\(NetworkNamespaces.cloudAddress):\(try #require(cloud.mqttsPort))" }

    /// Returns how many requests there were on the line.
    func run() throws -> Int {
        var configuration = MQTTDeviceClient.Configuration(
            DeviceClient.Configuration(
                product: cloud.product, identity: Self.device,
                transfer: TransferConfiguration(caFile: root + "/cloud.pem")))
        configuration.cloudURL = try url()
        let sets = Monitor(0)
        do {
            // Activates, and then logs in on a connection of its own.
            let meter = UsageMeter(stateFolder: state)
            let client = MQTTDeviceClient(
                configuration: configuration, tokens: TokenStore(path: state + "/token-mqtt"), meter: meter.count,
                handler: { _ in
                    sets.update { $0 += 1 }
                    return .echo
                })
            try client.connect()
            for round in 0..<20 {
                try client.publish("temperature", String(repeating: "\(round)", count: 300))
                try client.publish("level", "\(round)", qualityOfService: .atMostOnce)
            }
            try client.record(
                (0..<50).map { RecordPoint(alias: "a", timestamp: 1_795_000_000 + $0, value: "\($0)") })
            for round in 1...3 {
                try cloud.write(Self.device, "setpoint", "value \(round)")
                let came: Bool? = sets.wait(atMost: .seconds(20)) { $0 >= round ? true : nil }
                #expect(came == true, "value \(round)")
                let hasEcho = try eventually {
                    try cloud.read(Self.device, "setpoint")?.reported == "value \(round)"
                }
                #expect(hasEcho)
            }
            // Once this is acknowledged, so is what was echoed before it.
            try client.publish("last", "1")
            client.close()
        }
        do {
            // Refused: a handshake and a login for nothing. The client goes without a farewell.
            configuration.device.token = DeviceToken(String(repeating: "f", count: 40))
            configuration.device.mayActivate = false
            let client = MQTTDeviceClient(
                configuration: configuration, tokens: .none, meter: UsageMeter(stateFolder: state).count)
            #expect(throws: DeviceClientError.self) { try client.connect() }
        }
        // Activation and login; messages; values and their echoes; the refusal.
        return 2 + 42 + 2 * 3 + 1
    }
}
