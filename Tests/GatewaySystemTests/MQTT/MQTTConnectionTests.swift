import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

@Suite("MQTT connection")
struct MQTTConnectionTests {
    final class Inbox: Sendable {
        let messages = Monitor<[MQTTMessage]>([])
        let loss = Monitor<MQTTError?>(nil)
        let dropped = Monitor<[Int]>([])

        var handlers: MQTTConnection.Handlers {
            MQTTConnection.Handlers(
                received: { [messages] message in messages.update { $0.append(message) } },
                dropped: { [dropped] _, count in dropped.update { $0.append(count) } },
                lost: { [loss] error in loss.update { $0 = error } })
        }

        func wait(for count: Int) -> [MQTTMessage]? {
            messages.wait(atMost: .seconds(20)) { $0.count >= count ? $0 : nil }
        }
    }

    private func settings(_ port: UInt16, id: String = "device") -> MQTTConfiguration {
        MQTTConfiguration(host: "127.0.0.1", port: port, usesTLS: false, clientIdentifier: id)
    }

    @Test("messages of both qualities arrive whole, up to the largest size, and are acknowledged")
    func messages() throws {
        let broker = try MosquittoBroker()
        let inbox = Inbox()
        let receiver = try MQTTConnection(settings(broker.port, id: "receiver"), handlers: inbox.handlers)
        try receiver.connect()
        try receiver.subscribe("$resource/#")
        try receiver.subscribe("t/#")
        let sender = try MQTTConnection(settings(broker.port, id: "sender"))
        try sender.connect()
        #expect(sender.isConnected && sender.interface == "lo")
        let large = (0..<MQTTMessage.byteLimit).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let sent = [
            MQTTMessage("t/a", [], qualityOfService: .atMostOnce), MQTTMessage("t/b", Array("ü\0z".utf8)),
            MQTTMessage("t/c", large), MQTTMessage("t/d", large, qualityOfService: .atMostOnce),
            MQTTMessage("t/e", [10]),
        ]
        for message in sent { try sender.publish(message) }
        #expect(inbox.wait(for: 5) == sent)
        #expect(broker.log.contains("Sending PUBACK to sender"))
        #expect(sender.wire.sentByteCount > 2 * Int64(large.count))
        // Once, and what TCP had to send again on a busy machine.
        #expect(sender.wire.sentByteCount < 3 * Int64(large.count))
        sender.close()
        receiver.close()
        #expect(eventually { broker.log.contains("Received DISCONNECT from sender") })
        #expect(inbox.loss.look { $0 } == nil)
    }

    @Test("what is too large is neither sent nor delivered, and the connection stays")
    func tooLarge() throws {
        let broker = try MosquittoBroker()
        let inbox = Inbox()
        let receiver = try MQTTConnection(settings(broker.port), handlers: inbox.handlers)
        try receiver.connect()
        try receiver.subscribe("t")
        let error = try #require(throws: MQTTError.self) {
            try receiver.publish(MQTTMessage("t", [UInt8](repeating: 1, count: MQTTMessage.byteLimit + 1)))
        }
        guard case .failed(let failure) = error else { return #expect(Bool(false), "\(error)") }
        #expect(failure.kind == .tooLarge && failure.isPermanent)
        // Somebody who knows no limit.
        let file = TemporaryFolder()
        let path = try file.write("payload", String(repeating: "x", count: MQTTMessage.byteLimit + 1))
        try publish(["-p", "\(broker.port)", "-t", "t", "-f", path])
        try publish(["-p", "\(broker.port)", "-t", "t", "-m", "small"])
        #expect(inbox.wait(for: 1)?.map(\.payload) == [Array("small".utf8)])
        #expect(inbox.dropped.look { $0 } == [MQTTMessage.byteLimit + 1])
    }

    @Test("a packet far over the limit ends the connection before it fills the memory")
    func farTooLarge() throws {
        let broker = try MosquittoBroker()
        let inbox = Inbox()
        let receiver = try MQTTConnection(settings(broker.port), handlers: inbox.handlers)
        try receiver.connect()
        try receiver.subscribe("t")
        let file = TemporaryFolder()
        let path = try file.write("payload", String(repeating: "x", count: 64 << 20))
        try publish(["-p", "\(broker.port)", "-t", "t", "-f", path])
        let end = inbox.loss.wait(atMost: .seconds(20)) { $0 }
        let count = inbox.dropped.wait(atMost: .zero) { $0.first }
        // On a fast wire it may all be there before anybody can look.
        #expect(count == 64 << 20 || end?.description.contains("over 1048576 bytes") == true, "\(end as Any)")
    }

    @Test("refused passwords have the server's code")
    func passwords() throws {
        let broker = try MosquittoBroker(users: ["device": "secret"])
        var configuration = settings(broker.port)
        let nobody = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        #expect(nobody == .refused(code: 5, action: "connect to mqtt://127.0.0.1:\(broker.port)"))
        configuration.userName = "device"
        configuration.password = "wrong"
        let wrong = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        #expect(wrong.description.contains("refuses the connection") && !wrong.description.contains("wrong\""))
        configuration.password = "secret"
        let connection = try MQTTConnection(configuration)
        try connection.connect()
        #expect(connection.isConnected)
    }

    @Test("the client identifier is the device's own; an empty one leaves it to the server")
    func identifier() throws {
        let broker = try MosquittoBroker()
        let connection = try MQTTConnection(settings(broker.port, id: "02:42:AC:11:00:02"))
        try connection.connect()
        #expect(broker.log.contains("as 02:42:AC:11:00:02"))
        let nameless = try MQTTConnection(settings(broker.port, id: ""))
        try nameless.connect()
        #expect(nameless.isConnected)
    }

    @Test("plain MQTT is for loopback only, and a port where nobody listens is told at once")
    func refused() throws {
        let foreign = MQTTConfiguration(host: "192.0.2.1", usesTLS: false, clientIdentifier: "x")
        #expect(throws: MQTTError.self) { _ = try MQTTConnection(foreign) }
        let reserved = try ReservedPort()
        let port = reserved.number
        defer { withExtendedLifetime(reserved) {} }
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(settings(port)).connect() }
        guard case .failed(let failure) = error else { return #expect(Bool(false), "\(error)") }
        #expect(failure.kind == .connect && !failure.isPermanent)
        var encrypted = settings(port)
        encrypted.usesTLS = true
        let second = try #require(throws: MQTTError.self) { try MQTTConnection(encrypted).connect() }
        guard case .failed(let unreachable) = second else { throw second }
        #expect(unreachable.kind == .connect)
    }

    @Test("a killed server is noticed at once, waiting calls end, and a new connection does it again")
    func killed() throws {
        let broker = try MosquittoBroker()
        let inbox = Inbox()
        let connection = try MQTTConnection(settings(broker.port), handlers: inbox.handlers)
        try connection.connect()
        // Stopped, it acknowledges nothing.
        broker.signal(SIGSTOP)
        let timeout = try #require(throws: MQTTError.self) {
            try connection.publish(MQTTMessage("t", [1]), timeout: .milliseconds(50))
        }
        guard case .failed(let failure) = timeout else { return #expect(Bool(false), "\(timeout)") }
        #expect(failure.kind == .timeout)
        let waiting = Monitor<MQTTError?>(nil)
        let thread = try BackgroundThread("waiting") {
            do throws(MQTTError) { try connection.publish(MQTTMessage("t", [1])) } catch {
                waiting.update { $0 = error }
            }
        }
        broker.kill()
        thread.join()
        let end = try #require(inbox.loss.wait(atMost: .seconds(20)) { $0 })
        #expect(waiting.look { $0 } == end)
        guard case .failed(let cut) = end else { return #expect(Bool(false), "\(end)") }
        #expect(cut.kind == .cut)
        #expect(!connection.isConnected)
        #expect(throws: MQTTError.self) { try connection.publish(MQTTMessage("t", [1])) }
        #expect(throws: MQTTError.self) { try connection.connect() }
        let again = try MosquittoBroker(after: broker)
        let next = try MQTTConnection(settings(again.port))
        try next.connect()
        try next.publish(MQTTMessage("t", [1]))
    }

    @Test("a server that says nothing is given up in time, and closing ends the wait")
    func silent() throws {
        let broker = try MosquittoBroker()
        broker.signal(SIGSTOP)
        var configuration = settings(broker.port)
        configuration.connectTimeout = .milliseconds(200)
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = error else { return #expect(Bool(false), "\(error)") }
        #expect(failure.kind == .timeout)
        configuration.connectTimeout = .seconds(600)
        let connection = try MQTTConnection(configuration)
        let closer = try BackgroundThread("closer") { connection.close() }
        #expect(throws: MQTTError.self) { try connection.connect() }
        closer.join()
    }

    @Test("the keepalive goes out when nothing else does, and nothing else wakes the connection")
    func keepAlive() throws {
        let broker = try MosquittoBroker()
        var configuration = settings(broker.port)
        configuration.keepAlive = .seconds(5)
        let connection = try MQTTConnection(configuration)
        try connection.connect()
        // The server would end it after 7.5 s.
        #expect(eventually { broker.log.contains("Sending PINGRESP to device") })
        #expect(connection.isConnected)
        try connection.publish(MQTTMessage("t", [1]))
        #expect(broker.log.components(separatedBy: "Received PINGREQ").count == 2)
    }

    @Test("the socket is closed on exec, and the process's signals stay as they were")
    func descriptors() throws {
        let broker = try MosquittoBroker()
        var before = sigaction()
        sigaction(SIGPIPE, nil, &before)
        let connection = try MQTTConnection(settings(broker.port))
        try connection.connect()
        var after = sigaction()
        sigaction(SIGPIPE, nil, &after)
        #expect(
            before.__sigaction_handler.sa_handler.map { unsafeBitCast($0, to: Int.self) }
                == after.__sigaction_handler.sa_handler.map { unsafeBitCast($0, to: Int.self) })
        let flags = sockets(to: broker.port).map { fcntl($0, F_GETFD) & FD_CLOEXEC }
        // The connection's own, and the one that counts its bytes.
        #expect(flags == [FD_CLOEXEC, FD_CLOEXEC])
    }

    /// This process's descriptors of connections to a port.
    private func sockets(to port: UInt16) -> [Int32] {
        (3..<4096).filter { fd in
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let code = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(Int32(fd), $0, &length) }
            }
            return code == 0 && address.sin_family == sa_family_t(AF_INET) && address.sin_port == port.bigEndian
        }.map(Int32.init)
    }

    private func publish(_ arguments: [String]) throws {
        let ran = try TestProcess.run("mosquitto_pub", ["-h", "127.0.0.1", "-q", "1"] + arguments)
        #expect(ran.code == 0, "\(ran)")
    }
}
