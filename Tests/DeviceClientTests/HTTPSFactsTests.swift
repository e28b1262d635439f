import Foundation
import Glibc
import TestSupport
import Testing

@testable import DeviceClient
@testable import GatewaySystem

/// What the device client promises of HTTPS, shown against programs that are not gwe's: openssl(1) is the server.
/// Proxies and interfaces are in NetworkTests, with the whole program.
@Suite("HTTPS as the device client speaks it")
struct HTTPSFactsTests {
    let folder: TemporaryFolder

    init() throws { folder = TemporaryFolder() }

    // MARK: openssl s_server

    /// A certificate for localhost, 127.0.0.1 and ::1.
    private func certificate(_ name: String) throws -> TestCertificate {
        try CertificateMaker(folder.path).selfSigned(name, hosts: CertificateMaker.loopback + ["IP:::1"])
    }

    private func transfer(_ change: (inout TransferConfiguration) -> Void = { _ in }) throws -> HTTPTransfer {
        var configuration = TransferConfiguration(caFile: folder("server.pem"))
        change(&configuration)
        return try HTTPTransfer(configuration)
    }

    private func get(_ url: String, _ transfer: HTTPTransfer) throws -> HTTPResponse {
        var request = HTTPRequest(.get, url)
        request.timeout = .seconds(20)
        return try transfer.perform(request)
    }

    /// Serves a page with `server.pem`.
    private func serve(_ options: String..., isVersion6: Bool = false) throws -> OpenSSLServer {
        try OpenSSLServer(certificate("server"), options, isVersion6: isVersion6)
    }

    @Test("TLS 1.2 and 1.3 are spoken, and a server that has only 1.1 is refused")
    func versions() throws {
        for version in ["-tls1_2", "-tls1_3"] {
            let peer = try serve(version)
            let page = try get("https://localhost:\(peer.port)/", transfer()).text
            #expect(page.contains(version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"))
        }
        // The lower security level is what lets openssl speak 1.1 at all.
        let old = try serve("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        let client = try old.asked("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        #expect(client.out.contains(/Protocol *: TLSv1.1/), "\(client)")
        let error = try #require(throws: TransferError.self) {
            _ = try get("https://localhost:\(old.port)/", transfer())
        }
        #expect(error.kind == .tls, "\(error)")
    }

    @Test("the host's name goes with the handshake (SNI)")
    func serverName() throws {
        let peer = try serve("-tlsextdebug")
        _ = try get("https://localhost:\(peer.port)/", transfer())
        #expect(peer.said("\"server name\" (id=0)") && peer.said("localhost"), "\(peer.output)")
    }

    @Test("the own CA file is trusted, and another one in its place is not")
    func ownRoots() throws {
        let other = try certificate("other")
        let peer = try serve()
        #expect(try get("https://localhost:\(peer.port)/", transfer()).status == 200)
        let error = try #require(throws: TransferError.self) {
            _ = try get("https://localhost:\(peer.port)/", transfer { $0.caFile = other.path })
        }
        #expect(error.kind == .tls)
    }

    @Test("a server that asks for a client certificate gets it, and refuses those without")
    func clientCertificate() throws {
        let device = try certificate("device")
        let peer = try serve("-Verify", "1", "-verify_return_error", "-CAfile", device.path)
        let with = try transfer {
            $0.clientCertificate = device.path
            $0.clientKey = device.keyPath
        }
        #expect(try get("https://localhost:\(peer.port)/", with).status == 200)
        #expect(throws: TransferError.self) { _ = try get("https://localhost:\(peer.port)/", transfer()) }
    }

    @Test("IPv6 is spoken, and its loopback too needs no proxy")
    func version6() throws {
        let peer = try serve(isVersion6: true)
        let response = try get("https://[::1]:\(peer.port)/", transfer { $0.proxy = "http://127.0.0.1:1" })
        #expect(response.status == 200 && response.info.address == "::1")
    }

    @Test("the server's certificate is kept where it is asked for")
    func keepsCertificates() throws {
        let peer = try serve()
        let shown = try get("https://localhost:\(peer.port)/", transfer { $0.keepsCertificates = true }).info
            .certificates
        let file = try Data(contentsOf: URL(fileURLWithPath: folder("server.pem")))
        #expect(shown == CertificateFacts.inPEM(file).compactMap(\.self) && shown.count == 1)
        #expect(try get("https://localhost:\(peer.port)/", transfer()).info.certificates.isEmpty)
    }
}
