import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// The stand-in sends CONNACK and what the device has missed in one TLS record.
@Suite("MQTT values that come with the CONNACK") struct MQTTResyncTests {
    let fixture: SandboxFixture
    init() throws { fixture = try .withCertificates() }

    @Test("what was set while the device was away arrives over TLS", arguments: 1...3)
    func resync(count: Int) throws {
        for number in 1...count { try fixture.server.write(SandboxFixture.id, "missed\(number)", "\(number)") }
        var transfer = TransferConfiguration()
        transfer.caFile = fixture.folder("root.pem")
        transfer.clientCertificate = fixture.folder("device.pem")
        transfer.clientKey = fixture.folder("device.key")
        let port = try #require(fixture.server.mqttsPort)
        let configuration = MQTTConfiguration(
            host: "127.0.0.1", port: port, clientIdentifier: SandboxFixture.id,
            transfer: transfer)
        let values = Monitor<[String]>([])
        let connection = try MQTTConnection(
            configuration,
            handlers: .init(received: { message in
                values.update { $0.append(String(decoding: message.payload, as: UTF8.self)) }
            }))
        try connection.connect()
        let arrived = values.wait(atMost: .seconds(20)) { $0.count >= count ? $0.sorted() : nil }
        #expect(arrived == (1...count).map(String.init))
        connection.close()
    }
}
