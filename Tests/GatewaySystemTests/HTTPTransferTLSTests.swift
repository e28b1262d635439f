import GatewaySystem
import Testing

@Suite("HTTP transfer over TLS")
struct HTTPTransferTLSTests {
    private let folder = ScratchFolder()

    private func server(_ certificate: String) throws -> LocalHTTPServer {
        var configuration = LocalHTTPServer.Configuration(address: .tcp(host: "127.0.0.1", port: 0))
        configuration.certificate = certificate
        configuration.privateKey = TestCertificates.key
        return try LocalHTTPServer(configuration) { request in
            guard request.path == "/moved" else { return .init(status: 200, text: "hello") }
            return .init(status: 302, headers: [("Location", "/")])
        }
    }

    private func trusting() throws -> TransferConfiguration {
        TransferConfiguration(caFile: try folder.write("ca.pem", TestCertificates.root))
    }

    private func failure(_ certificate: String, _ configuration: TransferConfiguration) throws -> TransferError {
        let server = try server(certificate)
        defer { server.stop() }
        return try #require(throws: TransferError.self) {
            _ = try HTTPTransfer(configuration).perform(HTTPRequest(.get, "https://127.0.0.1:\(server.port)/"))
        }
    }

    @Test("a server signed by the given root is trusted, and redirects on https are followed when asked")
    func trusted() throws {
        let server = try server(TestCertificates.good)
        defer { server.stop() }
        var request = HTTPRequest(.get, "https://127.0.0.1:\(server.port)/moved")
        let transfer = try HTTPTransfer(trusting())
        #expect(try transfer.perform(request).status == 302)
        request.followsRedirects = true
        let response = try transfer.perform(request)
        #expect(response.text == "hello" && response.info.redirectCount == 1)
        request.headers = [HTTPHeader("Authorization", "token x", isSecret: true)]
        #expect(try transfer.perform(request).status == 302)
    }

    @Test("a server that the system's roots do not know is refused")
    func untrusted() throws {
        let error = try failure(TestCertificates.good, TransferConfiguration())
        #expect(error.kind == .tls && !error.isPermanent)
    }

    @Test("a certificate for another host is refused")
    func otherHost() throws { #expect(try failure(TestCertificates.elsewhere, trusting()).kind == .tls) }

    @Test("an expired certificate is refused, and the clock is not blamed")
    func expired() throws { #expect(try failure(TestCertificates.past, trusting()).kind == .expired) }

    @Test("a certificate that is not valid yet casts suspicion on the clock")
    func notYetValid() throws {
        let error = try failure(TestCertificates.future, trusting())
        #expect(error.kind == .clockSuspect && !error.isPermanent)
        #expect(error.description.contains("clock"))
    }
}
