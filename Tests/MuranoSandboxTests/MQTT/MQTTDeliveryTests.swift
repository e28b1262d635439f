import TestSupport
import Testing

@testable import MuranoSandbox

/// What the operator sets, on its way to the device.
@Suite("Sandbox MQTT deliveries") struct MQTTDeliveryTests {
    let fixture: SandboxFixture
    init() throws { fixture = try .withMQTT() }

    private func delivery(_ client: MQTTRawClient) throws -> MQTTPublish {
        let packet = try client.receive()
        guard case .publish(let publish) = packet else {
            throw MQTTProtocolError("expected a value, found \(String(describing: packet))")
        }
        return publish
    }

    @Test("a set arrives at once with its time, and the device's echo resolves it")
    func set() throws {
        let client = try fixture.login()
        try fixture.server.write(fixture.id, "a", "wish")
        let state = try fixture.server.read(fixture.id, "a")
        #expect(state?.reported == nil)
        let publish = try delivery(client)
        #expect(publish.topic == "$resource/a/\(state?.timestamp ?? 0)")
        #expect(publish.payload == Array("wish".utf8))
        #expect(publish.qos == 1)
        #expect(!publish.isDuplicate)
        client.send(.puback(id: publish.id))
        client.send(.publish(MQTTPublish(topic: "$resource/a", payload: publish.payload)))
        try client.ping()
        #expect(try fixture.server.read(fixture.id, "a")?.reported == "wish")
        // Resolved: the next connection hears nothing of it.
        try fixture.login().ping()
        let log = try fixture.server.requestLog().filter { $0.path == publish.topic }
        #expect(log.map(\.method) == ["MQTT DELIVER", "MQTT PUBACK"])
        #expect(log.allSatisfy { $0.device == fixture.id })
    }

    @Test("at connect comes everything that was set and not reported, the oldest first; acknowledged is not resolved")
    func synchronise() throws {
        for (name, value) in [("a", "1"), ("b", "2"), ("c", "3")] { try fixture.server.write(fixture.id, name, value) }
        try fixture.server.write(fixture.id, "a", "4")
        let first = try fixture.login()
        first.send(.publish(MQTTPublish(topic: "$resource/b", payload: Array("2".utf8))))
        for (name, value) in [("b", "2"), ("c", "3"), ("a", "4")] {
            let publish = try delivery(first)
            #expect(publish.topic.hasPrefix("$resource/\(name)/"))
            #expect(publish.payload == Array(value.utf8))
            first.send(.puback(id: publish.id))
        }
        try first.ping()
        let second = try fixture.login()
        #expect(try [delivery(second), delivery(second)].map(\.payload) == [Array("3".utf8), Array("4".utf8)])
        try second.ping()
    }

    @Test("what was not acknowledged comes again as a duplicate with the same identifier", arguments: [true, false])
    func duplicates(isClean: Bool) throws {
        let first = try fixture.login(isClean: isClean)
        try fixture.server.write(fixture.id, "a", "1")
        try fixture.server.write(fixture.id, "b", "2")
        var (a, b) = (try delivery(first), try delivery(first))
        #expect(a.id != b.id)
        first.send(.puback(id: b.id))
        try first.ping()
        let second = try fixture.login(isClean: isClean)
        a.isDuplicate = true
        #expect(try delivery(second) == a)
        let again = try delivery(second)
        #expect(!again.isDuplicate)
        b.id = again.id
        #expect(again == b)
        second.send(.puback(id: a.id))
        second.send(.puback(id: again.id))
        // An acknowledgement that nothing waits for does no harm.
        second.send(.puback(id: 4711))
        try second.ping()
    }

    @Test("what is no longer wanted does not come again")
    func superseded() throws {
        let first = try fixture.login()
        try fixture.server.write(fixture.id, "a", "old")
        _ = try delivery(first)
        first.send(.disconnect)
        #expect(try first.receive() == nil)
        try fixture.server.write(fixture.id, "a", "new")
        let second = try fixture.login()
        let publish = try delivery(second)
        #expect(publish.payload == Array("new".utf8))
        #expect(!publish.isDuplicate)
        try second.ping()
    }

    @Test("a session is known again to a client that does not want a clean one")
    func session() throws {
        let token = Array(fixture.token.utf8)
        func answer(isClean: Bool) throws -> MQTTPacket? {
            try fixture.connected(
                MQTTConnect(clientID: fixture.id, isClean: isClean, username: "", password: token)
            ).answer
        }
        #expect(try answer(isClean: false) == .connack(hasSession: false, .accepted))
        #expect(try answer(isClean: false) == .connack(hasSession: true, .accepted))
        #expect(try answer(isClean: true) == .connack(hasSession: false, .accepted))
    }

    @Test("many values of the largest size all arrive, though their reader is slow")
    func large() throws {
        for number in 0..<8 {
            try fixture.server.write(fixture.id, "r\(number)", String(repeating: "\(number)", count: 1 << 20))
        }
        let client = try fixture.login()
        #expect(!client.hearsNothing(milliseconds: 30_000))
        for number in 0..<8 {
            let publish = try delivery(client)
            #expect(publish.payload.count == 1 << 20)
            #expect(publish.payload.first == UInt8(0x30 + number))
            client.send(.puback(id: publish.id))
        }
        try client.ping()
    }

    @Test("a set over one way is seen over the other: a device's write over HTTP resolves it")
    func bothWays() throws {
        let client = try fixture.login()
        try fixture.server.write(fixture.id, "a", "1")
        _ = try delivery(client)
        let url = "\(fixture.server.url)\(SandboxFixture.alias)"
        let result = try TestProcess.run("curl", ["-sS", "-H", "X-Exosite-CIK: \(fixture.token)", "-d", "a=1", url])
        #expect(result.code == 0, "\(result)")
        try fixture.login().ping()
    }
}
