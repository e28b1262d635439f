import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

@Suite("MQTT connection over TLS")
struct MQTTConnectionTLSTests {
    private let folder = TemporaryFolder()
    private let certificates: TestCertificates

    init() throws { certificates = try .shared }

    private func configuration(
        _ broker: MosquittoBroker, host: String = "127.0.0.1", isTrusting: Bool = true
    ) throws -> MQTTConfiguration {
        var transfer = TransferConfiguration()
        if isTrusting { transfer.caFile = certificates.root.path }
        return MQTTConfiguration(host: host, port: broker.port, clientIdentifier: "device", transfer: transfer)
    }

    private func failure(_ certificate: TestCertificate, isTrusting: Bool = true) throws -> TransferError {
        let broker = try MosquittoBroker(certificate: certificate)
        let configuration = try configuration(broker, isTrusting: isTrusting)
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = error else { throw error }
        return failure
    }

    @Test(
        "a server signed by the given root is trusted, by address and by name", arguments: ["127.0.0.1", "localhost"])
    func trusted(host: String) throws {
        let broker = try MosquittoBroker(certificate: certificates.good)
        let connection = try MQTTConnection(configuration(broker, host: host))
        try connection.connect()
        try connection.publish(MQTTMessage("t", Array("x".utf8)))
        connection.close()
        #expect(eventually { broker.log.contains("Received DISCONNECT from device") })
    }

    @Test("a server that the system's roots do not know is refused")
    func untrusted() throws {
        let error = try failure(certificates.good, isTrusting: false)
        #expect(error.kind == .tls && !error.isPermanent)
        #expect(error.reason.hasPrefix("the server's certificate is refused: "))
    }

    @Test("a certificate for another host is refused")
    func otherHost() throws {
        let error = try failure(certificates.elsewhere)
        #expect(error.kind == .tls && error.reason.contains("mismatch"), "\(error)")
    }

    @Test("an expired certificate is refused, and the clock is not blamed")
    func expired() throws {
        let error = try failure(certificates.past)
        #expect(error.kind == .expired && error.reason.contains("expired"), "\(error)")
    }

    @Test("a certificate that is not valid yet casts suspicion on the clock")
    func notYetValid() throws {
        let error = try failure(certificates.future)
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
        let broker = try MosquittoBroker(certificate: certificates.good, clientRoot: certificates.root.pem)
        var configuration = try configuration(broker)
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = error else { throw error }
        #expect(failure.reason.contains("certificate"), "\(failure)")
        configuration.transfer.clientCertificate = certificates.good.path
        configuration.transfer.clientKey = certificates.good.keyPath
        let connection = try MQTTConnection(configuration)
        try connection.connect()
        try connection.publish(MQTTMessage("t", [1]))
    }

    @Test("files that are no certificates are told by name, before anything is connected to")
    func badFiles() throws {
        let broker = try MosquittoBroker(certificate: certificates.good)
        var configuration = try configuration(broker)
        configuration.transfer.caFile = folder("missing.pem")
        let missing = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        #expect(missing.reason.contains(folder("missing.pem")), "\(missing)")
        configuration = try self.configuration(broker)
        configuration.transfer.clientCertificate = certificates.root.path
        configuration.transfer.clientKey = certificates.good.keyPath
        let other = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = other else { throw other }
        #expect(failure.kind == .refused && failure.reason.contains("mismatch"), "\(failure)")
    }

    @Test("a server that speaks TLS 1.1 and nothing newer is refused")
    func oldTLS() throws {
        let server = try OpenSSLServer(certificates.good, ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"])
        let root = certificates.root.path
        // Somebody who takes what is old gets it.
        let client = try server.asked("-CAfile", root, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        #expect(client.out.contains("TLSv1.1") && client.out.contains("Verify return code: 0"), "\(client)")
        var transfer = TransferConfiguration()
        transfer.caFile = root
        let configuration = MQTTConfiguration(
            host: "127.0.0.1", port: server.port, clientIdentifier: "device", transfer: transfer)
        let error = try #require(throws: MQTTError.self) { try MQTTConnection(configuration).connect() }
        guard case .failed(let failure) = error else { throw error }
        #expect(failure.kind == .tls && failure.reason.contains("version"), "\(failure)")
    }
}
