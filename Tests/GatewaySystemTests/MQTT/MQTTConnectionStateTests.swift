import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

/// What a connection keeps of its calls and of its thread, and how much it takes in before it stands.
@Suite("MQTT connection's own state")
struct MQTTConnectionStateTests {
    private func settings(_ port: UInt16) -> MQTTConfiguration {
        MQTTConfiguration(host: "127.0.0.1", port: port, usesTLS: false, clientIdentifier: "device")
    }

    @Test("an acknowledgement that nobody waits for any more is not kept")
    func late() throws {
        let broker = try MosquittoBroker()
        let connection = try MQTTConnection(settings(broker.port))
        try connection.connect()
        broker.signal(SIGSTOP)
        #expect(throws: MQTTError.self) {
            try connection.publish(MQTTMessage("t", [1]), timeout: .milliseconds(50))
        }
        broker.signal(SIGCONT)
        // Acknowledged after the first one.
        try connection.publish(MQTTMessage("t", [2]))
        #expect(broker.log.split(separator: "\n").filter { $0.contains("Sending PUBACK") }.count == 2)
        #expect(connection.shared.state.look { $0.results.isEmpty && $0.awaited.isEmpty })
    }

    @Test("the thread that tells of a loss is the connection's own, and closing there does not wait for it")
    func lossThread() throws {
        let broker = try MosquittoBroker()
        let connections = Monitor<[MQTTConnection]>([])
        let isOwn = Monitor<Bool?>(nil)
        let connection = try MQTTConnection(
            settings(broker.port),
            handlers: .init(lost: { _ in
                let lost = connections.look(\.first)
                lost?.close()
                let value = lost?.shared.isOwnThread
                isOwn.update { $0 = value }
            }))
        connections.update { $0 = [connection] }
        defer { connections.update { $0 = [] } }
        try connection.connect()
        broker.kill()
        #expect(isOwn.wait(atMost: .seconds(20)) { $0 } == true)
        let isOver = connection.shared.state.wait(atMost: .seconds(20)) { $0.isOver ? $0.thread == nil : nil }
        #expect(isOver == true)
    }

    @Test("a server that sends much before it answers is left")
    func floodBeforeAnswer() throws {
        let peer = try Flood(byteCount: 2 * Int(MQTTLink.answerByteLimit))
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(settings(peer.port)).connect() }
        guard case .failed(let failure) = error else { throw error }
        #expect(failure.kind == .tooLarge, "\(failure)")
        peer.end()
    }

    /// Answers one client with the beginning of a packet of 256 MiB, and waits for it to go.
    private final class Flood {
        let port: UInt16
        private let thread: BackgroundThread

        init(byteCount: Int) throws {
            let listener: Int32
            (listener, port) = try Loopback.listen(backlog: 1)
            thread = try BackgroundThread("flood") {
                let client = accept(listener, nil, nil)
                close(listener)
                var bytes: [UInt8] = [0x30, 0xFF, 0xFF, 0xFF, 0x7F] + [UInt8](repeating: 0, count: byteCount)
                Loopback.send(bytes, to: client)
                while recv(client, &bytes, bytes.count, 0) > 0 {}
                close(client)
            }
        }

        func end() { thread.join() }
    }
}
