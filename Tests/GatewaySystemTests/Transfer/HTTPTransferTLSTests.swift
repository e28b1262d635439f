import GatewaySystem
import TestSupport
import Testing

@Suite("HTTP transfer over TLS")
struct HTTPTransferTLSTests {
    private let certificates: TestCertificates

    init() throws { certificates = try .shared }

    private func server(_ certificate: TestCertificate) throws -> LocalHTTPServer {
        var configuration = LocalHTTPServer.Configuration(address: .tcp(host: "127.0.0.1", port: 0))
        configuration.certificate = certificate.pem
        configuration.privateKey = certificate.key
        return try LocalHTTPServer(configuration) { request in
            guard request.path == "/moved" else { return .init(status: 200, text: "hello") }
            return .init(status: 302, headers: [("Location", "/")])
        }
    }

    private func trusting() -> TransferConfiguration { TransferConfiguration(caFile: certificates.root.path) }

    private func failure(_ certificate: TestCertificate, _ configuration: TransferConfiguration) throws -> TransferError
    {
        let server = try server(certificate)
        defer { server.stop() }
        return try #require(throws: TransferError.self) {
            _ = try HTTPTransfer(configuration).perform(HTTPRequest(.get, "https://127.0.0.1:\(server.port)/"))
        }
    }

    @Test("a server signed by the given root is trusted, and redirects on https are followed when asked")
    func trusted() throws {
        let server = try server(certificates.good)
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
        let error = try failure(certificates.good, TransferConfiguration())
        #expect(error.kind == .tls && !error.isPermanent)
    }

    @Test("a certificate for another host is refused")
    func otherHost() throws { #expect(try failure(certificates.elsewhere, trusting()).kind == .tls) }

    @Test("an expired certificate is refused, and the clock is not blamed")
    func expired() throws { #expect(try failure(certificates.past, trusting()).kind == .expired) }

    @Test("a certificate that is not valid yet casts suspicion on the clock")
    func notYetValid() throws {
        let error = try failure(certificates.future, trusting())
        #expect(error.kind == .clockSuspect && !error.isPermanent)
        #expect(error.description.contains("clock"))
    }
}
