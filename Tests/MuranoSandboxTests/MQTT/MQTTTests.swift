import Foundation
import TestSupport
import Testing

@testable import MuranoSandbox

/// Murano's MQTT API, packet by packet.
@Suite("Sandbox MQTT") struct MQTTTests {
    let fixture: SandboxFixture
    init() throws { fixture = try .withMQTT() }

    // MARK: Provisioning

    @Test(
        "an anonymous client publishes to $provision/<id> and gets the token, subscribed or not",
        arguments: [false, true])
    func provision(subscribes: Bool) throws {
        try fixture.server.addDevice("new")
        let (client, answer) = try fixture.connected(MQTTConnect(clientID: "whatever"))
        #expect(answer == .connack(hasSession: false, .accepted))
        if subscribes {
            client.send(
                .subscribe(id: 7, [.init(filter: "$provision/new", qos: 1), .init(filter: "$resource/#", qos: 0)]))
            #expect(try client.receive() == .suback(id: 7, [1, 0x80]))
        }
        client.send(.publish(MQTTPublish(topic: "$provision/new", qos: 1, id: 9)))
        #expect(try client.receive() == .puback(id: 9))
        let token = try #require(try fixture.server.token(of: "new"))
        #expect(token.utf8.count == 40)
        #expect(
            try client.receive()
                == .publish(MQTTPublish(topic: "$provision/new", payload: Array(token.utf8))))
        #expect(try fixture.server.devices().first { $0.id == "new" }?.state == "provisioned")
        try client.ping()
    }

    @Test(
        "who is unknown, has its token, or wants anything else, is not answered and loses the connection",
        arguments: [
            ("$provision/unknown", UInt8(1)), ("$provision/02:42:AC:11:00:02", 1), ("$provision/unknown", 0),
            ("$resource/a", 0), ("$resource.batch", 1), ("other", 1),
        ])
    func anonymous(topic: String, qos: UInt8) throws {
        let (client, _) = try fixture.connected(MQTTConnect())
        client.send(.publish(MQTTPublish(topic: topic, payload: Array("x".utf8), qos: qos, id: 1)))
        #expect(try client.receive() == nil)
        #expect(try fixture.server.token(of: fixture.id) == fixture.token)
        #expect(try fixture.server.resources(of: fixture.id).isEmpty)
    }

    // MARK: Login

    @Test("a token or a password opens the door, and the client id must be empty or the device's")
    func login() throws {
        try fixture.server.addDevice("word", password: "secret")
        let token = Array(fixture.token.utf8)
        let cases: [(MQTTConnect, MQTTConnectCode)] = [
            (MQTTConnect(username: "", password: token), .accepted),
            (MQTTConnect(clientID: fixture.id, username: "", password: token), .accepted),
            (MQTTConnect(clientID: "another", username: "", password: token), .badClientID),
            (MQTTConnect(username: "", password: Array("wrong".utf8)), .badCredentials),
            (MQTTConnect(username: fixture.id, password: token), .badCredentials),
            (MQTTConnect(username: "word", password: Array("secret".utf8)), .accepted),
            (
                MQTTConnect(clientID: "word", isClean: false, username: "word", password: Array("secret".utf8)),
                .accepted
            ),
            (MQTTConnect(username: "word", password: Array("Secret".utf8)), .badCredentials),
            (MQTTConnect(username: "word", password: []), .badCredentials),
            (MQTTConnect(username: "word"), .badCredentials),
            (MQTTConnect(username: "nobody", password: Array("secret".utf8)), .badCredentials),
            (MQTTConnect(username: fixture.id, password: []), .badCredentials),
            (MQTTConnect(clientID: "", isClean: false, username: "", password: token), .badClientID),
        ]
        for (connect, code) in cases {
            let (client, answer) = try fixture.connected(connect)
            guard case .connack(_, let found) = answer else {
                Issue.record("\(connect): \(String(describing: answer))")
                continue
            }
            #expect(found == code, "\(connect)")
            if code == .accepted { try client.ping() } else { #expect(try client.receive() == nil) }
        }
    }

    @Test("another version of MQTT is refused with 1")
    func version() throws {
        let client = try fixture.client()
        client.send(.foreignConnect(level: 5))
        #expect(try client.receive() == .connack(hasSession: false, .badVersion))
        #expect(try client.receive() == nil)
    }

    @Test("a later connection of the device ends the earlier one; a will is accepted and never sent")
    func takeover() throws {
        let will = MQTTConnect.Will(topic: "$resource/will", message: [1], qos: 1, isRetained: false)
        let (first, answer) = try fixture.connected(
            MQTTConnect(will: will, username: "", password: Array(fixture.token.utf8)))
        #expect(answer == .connack(hasSession: false, .accepted))
        let second = try fixture.login()
        #expect(try first.receive() == nil)
        try second.ping()
        #expect(try fixture.server.read(fixture.id, "will") == nil)
        #expect(try fixture.server.requestLog().contains { $0.method == "MQTT CLOSE" && $0.status == 409 })
    }

    // MARK: Values

    @Test(
        "a published value is written as over HTTP, acknowledged with QoS 1, whatever its bytes",
        arguments: [UInt8(0), 1])
    func publish(qos: UInt8) throws {
        let client = try fixture.login()
        client.send(.publish(MQTTPublish(topic: "$resource/a", payload: Array("å b".utf8), qos: qos, id: 5)))
        if qos == 1 { #expect(try client.receive() == .puback(id: 5)) }
        try client.ping()
        let state = try fixture.server.read(fixture.id, "a")
        #expect(state?.reported == "å b")
        #expect(state?.set == "å b")
        let entry = try fixture.server.requestLog().first { $0.method == "MQTT PUBLISH" }
        #expect(entry?.device == fixture.id)
        #expect(entry?.path == "$resource/a")
        #expect(entry?.status == 204)
        // Two of the fixed header, thirteen of the topic, four of the value; with QoS 1 two of the identifier.
        let (received, sent): (Int64, Int64) = qos == 1 ? (21, 4) : (19, 0)
        #expect(entry?.requestByteCount == received)
        #expect(entry?.sentByteCount == sent)
    }

    @Test("a value of a mebibyte is taken, a longer one ends the connection")
    func size() throws {
        let client = try fixture.login()
        let value = [UInt8](repeating: 0x61, count: 1 << 20)
        client.send(.publish(MQTTPublish(topic: "$resource/a", payload: value, qos: 1, id: 1)))
        #expect(try client.receive() == .puback(id: 1))
        #expect(try fixture.server.read(fixture.id, "a")?.reported?.utf8.count == 1 << 20)
        client.send(.publish(MQTTPublish(topic: "$resource/b", payload: value + [1], qos: 1, id: 2)))
        #expect(try client.receive() == nil)
        #expect(try fixture.server.read(fixture.id, "b") == nil)
        // The length alone is enough: nine mebibytes are never read.
        let another = try fixture.login()
        another.send([0x30, 0x80, 0x80, 0x80, 0x05])
        #expect(try another.receive() == nil)
    }

    @Test("a batch has seconds or microseconds; what is too close to another is dropped")
    func batch() throws {
        let client = try fixture.login()
        let text = """
            [{"timestamp": 1511380800, "values": {"a": "1", "b": "x"}},
             {"timestamp": 1511380801500000, "values": {"a": "2"}},
             {"timestamp": 1511380800.25, "values": {"a": "dropped", "c": 21.5}}]
            """
        client.send(.publish(MQTTPublish(topic: "$resource.batch", payload: Array(text.utf8), qos: 1, id: 1)))
        #expect(try client.receive() == .puback(id: 1))
        let records = try fixture.server.records(fixture.id, "a")
        #expect(records.map(\.value) == ["1", "2"])
        #expect(records.map(\.timestamp) == [1_511_380_800_000_000, 1_511_380_801_500_000])
        #expect(try fixture.server.read(fixture.id, "a")?.reported == "2")
        #expect(try fixture.server.records(fixture.id, "c").map(\.value) == ["21.5"])
        #expect(try fixture.server.requestLog().last { $0.path == "$resource.batch" }?.status == 409)
    }

    @Test(
        "what the API does not know ends the connection",
        arguments: [
            MQTTPublish(topic: "$resource/a/b", qos: 1, id: 1), MQTTPublish(topic: "$resource/", qos: 0),
            MQTTPublish(topic: "a", qos: 1, id: 1), MQTTPublish(topic: "$provision/x", qos: 1, id: 1),
            MQTTPublish(topic: "$resource/a", qos: 2, id: 1), MQTTPublish(topic: "$resource.batch", qos: 1, id: 1),
            MQTTPublish(topic: "$resource.batch", payload: Array("[]".utf8), qos: 1, id: 1),
            MQTTPublish(
                topic: "$resource.batch", payload: Array("[{\"timestamp\":-1,\"values\":{}}]".utf8), qos: 1, id: 1),
            MQTTPublish(
                topic: "$resource.batch", payload: Array("[{\"timestamp\":1,\"values\":{\"a/b\":\"\"}}]".utf8), qos: 1,
                id: 1),
        ])
    func refused(publish: MQTTPublish) throws {
        let client = try fixture.login()
        client.send(.publish(publish))
        #expect(try client.receive() == nil)
        #expect(try fixture.server.resources(of: fixture.id).isEmpty)
    }

    @Test(
        "packets that a client must not send end the connection",
        arguments: [
            MQTTPacket.connect(MQTTConnect()), .connack(hasSession: false, .accepted), .suback(id: 1, [0]),
            .unsuback(id: 1), .pingresp, .pubrec(id: 1), .pubrel(id: 1), .pubcomp(id: 1), .disconnect,
        ])
    func forbidden(packet: MQTTPacket) throws {
        let client = try fixture.login()
        client.send(packet)
        #expect(try client.receive() == nil)
        let first = try fixture.client()
        first.send(packet == .connect(MQTTConnect()) ? .pingreq : packet)
        #expect(try first.receive() == nil)
    }

    @Test("subscriptions to resources are accepted and change nothing; others are refused; unsubscribing is answered")
    func subscriptions() throws {
        let client = try fixture.login()
        client.send(
            .subscribe(
                id: 3,
                [
                    .init(filter: "$resource/#", qos: 2), .init(filter: "$resource/a", qos: 0),
                    .init(filter: "#", qos: 1),
                    .init(filter: "other/a", qos: 0),
                ]))
        #expect(try client.receive() == .suback(id: 3, [1, 0, 0x80, 0x80]))
        client.send(.unsubscribe(id: 4, filters: ["$resource/#"]))
        #expect(try client.receive() == .unsuback(id: 4))
        try fixture.server.write(fixture.id, "b", "1")
        guard case .publish(let publish) = try client.receive() else { throw MQTTProtocolError("no value") }
        #expect(publish.topic.hasPrefix("$resource/b/"))
    }

    @Test("packets may come byte by byte, and many at once")
    func fragments() throws {
        let client = try fixture.client()
        for byte in MQTTPacket.connect(MQTTConnect(username: "", password: Array(fixture.token.utf8))).bytes {
            client.send([byte])
        }
        #expect(try client.receive() == .connack(hasSession: false, .accepted))
        let many = (1...50).flatMap {
            MQTTPacket.publish(MQTTPublish(topic: "$resource/a", payload: Array("\($0)".utf8), qos: 1, id: $0)).bytes
        }
        client.send(many)
        for id in 1...50 { #expect(try client.receive() == .puback(id: UInt16(id))) }
        #expect(try fixture.server.read(fixture.id, "a")?.reported == "50")
    }

    @Test("a client that says nothing for one and a half keep-alives is taken for gone")
    func keepAlive() throws {
        let silent = try fixture.login(keepAlive: 1)
        let start = ContinuousClock.now
        #expect(try silent.receive() == nil)
        #expect(ContinuousClock.now - start >= .milliseconds(1400))
        #expect(try fixture.server.requestLog().contains { $0.method == "MQTT CLOSE" && $0.status == 408 })
    }

    @Test("a device that is deleted loses its connection")
    func deleted() throws {
        let client = try fixture.login()
        try fixture.server.deleteDevice(fixture.id)
        #expect(try client.receive() == nil)
    }

    @Test("connections end with the server")
    func stop() throws {
        let client = try fixture.login()
        fixture.server.stop()
        #expect(try client.receive() == nil)
        #expect(fixture.server.mqttPort == nil)
    }
}
