import Foundation
import GatewaySystem
import TestSupport
import Testing

@testable import MuranoSandbox

/// A client that says exactly what a test wants, byte for byte.
final class MQTTRawClient {
    private let descriptor: Int32
    private var decoder = MQTTDecoder(byteLimit: 16 << 20)

    init(port: UInt16?) throws {
        descriptor = try Loopback.connect(port ?? 0)
        // Generous: a loaded machine is slow, and a test that waits for nothing fails anyway.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        Loopback.send(bytes, to: descriptor)
    }

    func send(_ packet: MQTTPacket) { send(packet.bytes) }

    /// The next packet; nil once the server has closed the connection.
    func receive() throws -> MQTTPacket? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let (packet, _) = try decoder.next() { return packet }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EAGAIN { throw SystemError("receive a packet", code: ETIMEDOUT) }
            guard count > 0 else { return nil }
            decoder.append(buffer.prefix(count))
        }
    }

    /// All bytes until the server closes the connection.
    func receiveRest() -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return bytes }
            bytes += buffer.prefix(count)
        }
    }

    /// Whether the server says nothing for so long.
    func hearsNothing(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) == 0
    }

    /// Waits for the answer to a PINGREQ: everything that was sent before has been worked on.
    func ping() throws {
        send(.pingreq)
        #expect(try receive() == .pingresp)
    }
}

extension SandboxFixture {
    /// A sandbox that speaks MQTT, with one activated device.
    static func withMQTT() throws -> SandboxFixture {
        let fixture = try SandboxFixture(hasMQTT: true)
        let client = try fixture.client()
        client.send(.connect(MQTTConnect()))
        _ = try client.receive()
        client.send(.publish(MQTTPublish(topic: "$provision/\(fixture.id)", qos: 1, id: 1)))
        _ = try client.receive()
        guard case .publish(let publish) = try client.receive() else { throw TestFailure("activate the device") }
        fixture.token = String(decoding: publish.payload, as: UTF8.self)
        try fixture.server.clearRequestLog()
        return fixture
    }

    func client() throws -> MQTTRawClient { try MQTTRawClient(port: server.mqttPort) }

    /// A connection, and how its CONNECT was answered.
    func connected(_ connect: MQTTConnect) throws -> (client: MQTTRawClient, answer: MQTTPacket?) {
        let client = try client()
        client.send(.connect(connect))
        return (client, try client.receive())
    }

    /// A connection of the device.
    func login(isClean: Bool = true, keepAlive: UInt16 = 0) throws -> MQTTRawClient {
        let (client, answer) = try connected(
            MQTTConnect(
                clientID: isClean ? "" : id, isClean: isClean, keepAlive: keepAlive, username: "",
                password: Array(token.utf8)))
        guard case .connack(_, .accepted) = answer else { throw SystemError("log in", code: EACCES) }
        return client
    }
}
