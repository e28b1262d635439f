import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

@testable import DeviceClient

/// 8883 or 443, where nobody has named a port.
@Suite("The port for MQTT")
struct MQTTPortChoiceTests {
    private typealias Event = MQTTPortChoice.Event

    /// Where the attempts go to, the first one and one after each event.
    private func ports(_ events: [Event]) -> [UInt16] {
        var choice = MQTTPortChoice()
        return [choice.port]
            + events.map { event in
                choice.hear(event)
                return choice.port
            }
    }

    @Test("nobody at one port: the other one is next, again and again")
    func silence() {
        #expect(ports([.failed(.connect), .failed(.timeout), .failed(.connect)]) == [8883, 443, 8883, 443])
    }

    @Test("what worked last comes first, and what fails for other reasons changes nothing")
    func proven() {
        #expect(ports([.answered, .failed(.cut), .failed(.tls), .failed(.dns)]) == [8883, 8883, 8883, 8883, 8883])
        let blocked: [Event] = [.failed(.connect), .answered, .failed(.cut), .failed(.tls), .failed(.dns)]
        #expect(ports(blocked) == [8883, 443, 443, 443, 443, 443])
        #expect(ports([.failed(.connect), .answered, .failed(.connect), .failed(.connect)]).last == 443)
    }

    @Test("at 443 somebody else may be: who has never spoken MQTT there is left again")
    func stranger() {
        for kind in [TransferError.Kind.malformed, .cut, .tls, .expired] {
            #expect(ports([.failed(.timeout), .failed(kind)]) == [8883, 443, 8883])
        }
        // The same there as here.
        for kind in [TransferError.Kind.dns, .refused, .cancelled, .clockSuspect] {
            #expect(ports([.failed(.timeout), .failed(kind)]) == [8883, 443, 443])
        }
    }

    @Test(
        "only where the address is one for HTTPS and nobody has given a port there is a choice",
        arguments: [
            ("https://p.m2.exosite.io", nil, true), ("https://p.m2.exosite.io:8080", nil, true),
            ("https://p.m2.exosite.io", 443, false), ("mqtts://p.m2.exosite.io", nil, false),
            ("mqtt://p.m2.exosite.io:443", nil, false), ("http://127.0.0.1", nil, false), ("none", nil, false),
        ] as [(String, UInt16?, Bool)])
    func choice(url: String, port: UInt16?, hasChoice: Bool) {
        var configuration = MQTTDeviceClient.Configuration(DeviceClient.Configuration(product: "p", identity: "i"))
        configuration.cloudURL = url
        configuration.port = port
        #expect(configuration.hasChoiceOfPorts == hasChoice)
    }

    @Test("a firewall lets 443 out alone: the second attempt has the connection, and the port is kept until it fails")
    func firewall() throws {
        // An address of its own on loopback: there, nobody else has these ports.
        let host = "127.88.0.1"
        let cloud = try MQTTCloud(host: host, port: 443)
        var configuration = cloud.configuration(isTLS: true)
        configuration.cloudURL = "https://\(host)"
        let client = cloud.client(configuration)
        defer { client.close() }
        let error = try #require(throws: DeviceClientError.self) { try client.connect() }
        #expect(error.kind == .retryLater && error.isUnreachable)
        #expect(error.reason.hasSuffix("the cloud's MQTT is tried at port 8883 and at 443 in turn"), "\(error)")
        try client.connect()
        try client.publish("a", "1")
        #expect(try cloud.sandbox.read(MQTTCloud.device, "a")?.reported == "1")
        cloud.sandbox.stop()
        #expect(client.waitForLoss(until: .now + .seconds(30)) != nil)
        try cloud.fixture.restart()
        try client.connect()
        try cloud.fixture.restart(mqttsPort: 8883)
        #expect(client.waitForLoss(until: .now + .seconds(30)) != nil)
        #expect(throws: DeviceClientError.self) { try client.connect() }
        try client.connect()
        try client.publish("a", "2")
        #expect(try cloud.sandbox.read(MQTTCloud.device, "a")?.reported == "2")
    }
}
