import Foundation
import GatewaySystem
import Testing

@testable import MuranoSandbox

/// A client that says exactly what a test wants, byte for byte.
final class MQTTRawClient {
    private let descriptor: Int32
    private var decoder = MQTTDecoder(byteLimit: 16 << 20)

    init(port: UInt16?) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = (port ?? 0).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw SystemError.last("connect") }
        // Generous: a loaded machine is slow, and a test that waits for nothing fails anyway.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
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

/// A sandbox that speaks MQTT, with one activated device.
final class MQTTFixture {
    let folder = NSTemporaryDirectory() + "sandbox-\(UUID().uuidString)"
    let id = "02:42:AC:11:00:02"
    let server: SandboxServer
    let token: String

    init() throws {
        server = try SandboxServer(dataFolder: folder, mqtt: SandboxAddress())
        try server.start()
        try server.addDevice(id)
        let client = try MQTTRawClient(port: server.mqttPort)
        client.send(.connect(MQTTConnect()))
        _ = try client.receive()
        client.send(.publish(MQTTPublish(topic: "$provision/\(id)", qos: 1, id: 1)))
        _ = try client.receive()
        guard case .publish(let publish) = try client.receive() else {
            throw SystemError("activate the device", code: EPROTO)
        }
        token = String(decoding: publish.payload, as: UTF8.self)
        try server.clearRequestLog()
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(atPath: folder)
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
