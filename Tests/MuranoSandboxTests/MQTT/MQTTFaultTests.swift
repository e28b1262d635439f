import TestSupport
import Testing

@testable import MuranoSandbox

/// What `murano-sandbox fault` does to MQTT.
@Suite("Sandbox MQTT faults") struct MQTTFaultTests {
    let fixture: SandboxFixture
    init() throws { fixture = try .withMQTT() }

    private var login: MQTTConnect { MQTTConnect(username: "", password: Array(fixture.token.utf8)) }

    @Test(
        "a connect is refused with a code, so many times, and HTTP is left alone",
        arguments: [
            (Fault.Kind.refuse(code: 3), MQTTConnectCode.unavailable), (.refuse(code: 5), .notAuthorised),
            (.answer(status: 503, retryAfter: nil), .unavailable),
            (.answer(status: 401, retryAfter: nil), .badCredentials),
            (.answer(status: 403, retryAfter: nil), .notAuthorised),
        ])
    func refuse(kind: Fault.Kind, code: MQTTConnectCode) throws {
        fixture.server.addFault(Fault(kind, on: [.connect], device: fixture.id, times: 1))
        let (client, answer) = try fixture.connected(login)
        #expect(answer == .connack(hasSession: false, code))
        #expect(try client.receive() == nil)
        try fixture.login().ping()
    }

    @Test("refuse meets nothing but connects")
    func refuseMeets() throws {
        let client = try fixture.login()
        fixture.server.addFault(Fault(.refuse(code: 3), times: 1))
        try client.ping()
        let answer = try TestProcess.run("curl", ["-sS", "\(fixture.server.url)/timestamp"])
        #expect(answer.out.count >= 10)
        #expect(try fixture.connected(login).answer == .connack(hasSession: false, .unavailable))
    }

    @Test("a status on a publish ends the connection and nothing is written")
    func status() throws {
        fixture.server.addFault(Fault(.answer(status: 429, retryAfter: 1), on: [.write], times: 1))
        let client = try fixture.login()
        client.send(.publish(MQTTPublish(topic: "$resource/a", qos: 1, id: 1)))
        #expect(try client.receive() == nil)
        #expect(try fixture.server.read(fixture.id, "a") == nil)
        #expect(try fixture.server.requestLog().contains { $0.path == "$resource/a" && $0.status == 429 })
    }

    @Test("a silent server takes everything and answers nothing any more")
    func silent() throws {
        let client = try fixture.login()
        fixture.server.addFault(Fault(.silent, on: [.write], times: 1))
        client.send(.publish(MQTTPublish(topic: "$resource/a", qos: 1, id: 1)))
        client.send(.pingreq)
        #expect(client.hearsNothing(milliseconds: 300))
        #expect(try fixture.server.read(fixture.id, "a") == nil)
        try fixture.login().ping()
    }

    @Test("a cut comes after so many bytes of the answer, and the packet was acted on")
    func cut() throws {
        let client = try fixture.login()
        fixture.server.addFault(Fault(.cut(afterByteCount: 2), on: [.write], times: 1))
        client.send(.publish(MQTTPublish(topic: "$resource/a", payload: [0x31], qos: 1, id: 1)))
        #expect(client.receiveRest() == [0x40, 2])
        #expect(try fixture.server.read(fixture.id, "a")?.reported == "1")
    }

    @Test("a delivery that is cut comes again as a duplicate")
    func cutDelivery() throws {
        fixture.server.addFault(Fault(.cut(afterByteCount: 5), on: [.deliver], times: 1))
        let client = try fixture.login()
        try fixture.server.write(fixture.id, "a", "1")
        #expect(client.receiveRest().count == 5)
        guard case .publish(let publish) = try fixture.login().receive() else { throw MQTTProtocolError("no value") }
        #expect(publish.isDuplicate)
        #expect(publish.payload == [0x31])
    }

    @Test("garbage and a captive portal are no MQTT")
    func garbage() throws {
        fixture.server.addFault(Fault(.garbage, on: [.connect], times: 1))
        let first = try fixture.client()
        first.send(.connect(login))
        #expect(throws: MQTTProtocolError.self) { while try first.receive() != nil {} }
        fixture.server.addFault(Fault(.captivePortal, times: 1))
        let second = try fixture.client()
        second.send(.connect(login))
        #expect(String(decoding: second.receiveRest(), as: UTF8.self).hasPrefix("HTTP/1.1 200 OK\r\n"))
    }

    @Test("a slow answer comes in the end")
    func slow() throws {
        fixture.server.addFault(Fault(.slow(seconds: 0.3), on: [.connect], times: 1))
        let start = ContinuousClock.now
        try fixture.login().ping()
        #expect(ContinuousClock.now - start >= .milliseconds(300))
    }
}
