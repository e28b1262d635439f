import Foundation
import GatewaySystem
import Glibc
import Testing

@Suite("MQTT connection over TLS")
struct MQTTConnectionTLSTests {
    private let folder = ScratchFolder()

    private func configuration(
        _ broker: MosquittoBroker, host: String = "127.0.0.1", isTrusting: Bool = true
    ) throws -> MQTTConfiguration {
        var transfer = TransferConfiguration()
        if isTrusting { transfer.caFile = try folder.write("ca.pem", TestCertificates.root) }
        return MQTTConfiguration(host: host, port: broker.port, clientIdentifier: "device", transfer: transfer)
    }

    private func failure(_ certificate: String, isTrusting: Bool = true) throws -> TransferError {
        let broker = try MosquittoBroker(certificate: certificate)
        let configuration = try configuration(broker, isTrusting: isTrusting)
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = error else { throw error }
        return failure
    }

    @Test(
        "a server signed by the given root is trusted, by address and by name", arguments: ["127.0.0.1", "localhost"])
    func trusted(host: String) throws {
        let broker = try MosquittoBroker(certificate: TestCertificates.good)
        let connection = try MQTTConnection(configuration(broker, host: host))
        try connection.connect()
        try connection.publish(MQTTMessage("t", Array("x".utf8)))
        connection.close()
        #expect(eventually(within: 20) { broker.log.contains("Received DISCONNECT from device") })
    }

    @Test("a server that the system's roots do not know is refused")
    func untrusted() throws {
        let error = try failure(TestCertificates.good, isTrusting: false)
        #expect(error.kind == .tls && !error.isPermanent)
        #expect(error.reason.hasPrefix("the server's certificate is refused: "))
    }

    @Test("a certificate for another host is refused")
    func otherHost() throws {
        let error = try failure(TestCertificates.elsewhere)
        #expect(error.kind == .tls && error.reason.contains("mismatch"), "\(error)")
    }

    @Test("an expired certificate is refused, and the clock is not blamed")
    func expired() throws {
        let error = try failure(TestCertificates.past)
        #expect(error.kind == .expired && error.reason.contains("expired"), "\(error)")
    }

    @Test("a certificate that is not valid yet casts suspicion on the clock")
    func notYetValid() throws {
        let error = try failure(TestCertificates.future)
        #expect(error.kind == .clockSuspect && !error.isPermanent && error.description.contains("clock"), "\(error)")
    }

    @Test("a server without TLS is none")
    func plain() throws {
        let plain = try MosquittoBroker()
        let second = try #require(throws: MQTTError.self) { try MQTTConnection(configuration(plain)).connect() }
        guard case .failed(let failure) = second else { throw second }
        #expect([.tls, .cut, .connect].contains(failure.kind), "\(failure)")
    }

    @Test("a client certificate logs in, and without one the server's refusal is told")
    func clientCertificate() throws {
        let broker = try MosquittoBroker(certificate: TestCertificates.good, clientRoot: TestCertificates.root)
        var configuration = try configuration(broker)
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = error else { throw error }
        #expect(failure.reason.contains("certificate"), "\(failure)")
        configuration.transfer.clientCertificate = try folder.write("client.pem", TestCertificates.good)
        configuration.transfer.clientKey = try folder.write("client.key", TestCertificates.key, mode: 0o600)
        let connection = try MQTTConnection(configuration)
        try connection.connect()
        try connection.publish(MQTTMessage("t", [1]))
    }

    @Test("files that are no certificates are told by name, before anything is connected to")
    func badFiles() throws {
        let broker = try MosquittoBroker(certificate: TestCertificates.good)
        var configuration = try configuration(broker)
        configuration.transfer.caFile = folder("missing.pem")
        let missing = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        #expect(missing.reason.contains(folder("missing.pem")), "\(missing)")
        configuration = try self.configuration(broker)
        configuration.transfer.clientCertificate = try folder.write("other.pem", TestCertificates.root)
        configuration.transfer.clientKey = try folder.write("client.key", TestCertificates.key)
        let other = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = other else { throw other }
        #expect(failure.kind == .refused && failure.reason.contains("mismatch"), "\(failure)")
    }

    @Test("a server that speaks TLS 1.1 and nothing newer is refused")
    func oldTLS() throws {
        let port = try MosquittoBroker.freePort()
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        server.arguments = [
            "s_server", "-quiet", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-accept", "127.0.0.1:\(port)", "-cert",
            try folder.write("server.pem", TestCertificates.good), "-key",
            try folder.write("server.key", TestCertificates.key),
        ]
        server.standardInput = Pipe()
        server.standardOutput = FileHandle.nullDevice
        server.standardError = FileHandle.nullDevice
        try server.run()
        defer {
            kill(server.processIdentifier, SIGKILL)
            server.waitUntilExit()
        }
        // Somebody who takes what is old gets it.
        let root = try folder.write("ca.pem", TestCertificates.root)
        let isServed = eventually(within: 30) {
            let client = try? ProcessOutput(
                "/bin/sh",
                [
                    "-c",
                    "openssl s_client -connect 127.0.0.1:\(port) -CAfile \(root) -tls1_1 -cipher DEFAULT@SECLEVEL=0 </dev/null",
                ])
            return client?.text.contains("TLSv1.1") == true && client?.text.contains("Verify return code: 0") == true
        }
        try #require(isServed)
        var transfer = TransferConfiguration()
        transfer.caFile = root
        let configuration = MQTTConfiguration(
            host: "127.0.0.1", port: port, clientIdentifier: "device", transfer: transfer)
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = error else { throw error }
        #expect(failure.kind == .tls && failure.reason.contains("version"), "\(failure)")
    }
}
