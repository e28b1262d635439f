import Foundation
import Glibc
import Testing

@testable import DeviceClient
@testable import GatewaySystem

/// What the device client promises of HTTPS, shown against programs that are not gwe's: openssl(1) is the server.
/// Proxies and interfaces are in NetworkTests, with the whole program.
@Suite("HTTPS as the device client speaks it")
struct HTTPSFactsTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    // MARK: openssl s_server

    /// `openssl s_server -WWW` serves the files of its folder; certificates for localhost, 127.0.0.1 and ::1.
    private func certificate(_ name: String, _ more: String = "") throws {
        try HTTPSPeer.shell(
            """
            cd '\(folder.path)' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
            -keyout \(name).key -out \(name).pem -subj /CN=\(name) \
            -addext 'subjectAltName=DNS:localhost,DNS:cloud.test,IP:127.0.0.1,IP:::1' \(more)
            """)
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

    private func serve(_ arguments: String, ipv6: Bool = false) throws -> HTTPSPeer {
        try HTTPSPeer("-cert server.pem -key server.key -www \(arguments)", folder: folder.path, ipv6: ipv6)
    }

    @Test("TLS 1.2 and 1.3 are spoken, and a server that has only 1.1 is refused")
    func versions() throws {
        try certificate("server")
        for version in ["-tls1_2", "-tls1_3"] {
            let peer = try serve(version)
            let page = try get("https://localhost:\(peer.port)/", transfer()).text
            #expect(page.contains(version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"))
        }
        // The lower security level is what lets openssl speak 1.1 at all.
        let old = try serve("-tls1_1 -cipher ALL:@SECLEVEL=0")
        try HTTPSPeer.shell(
            "echo | openssl s_client -connect 127.0.0.1:\(old.port) -tls1_1 -cipher ALL:@SECLEVEL=0 | grep -q 'Protocol *: TLSv1.1'"
        )
        let error = try #require(throws: TransferError.self) {
            _ = try get("https://localhost:\(old.port)/", transfer())
        }
        #expect(error.kind == .tls, "\(error)")
    }

    @Test("the host's name goes with the handshake (SNI)")
    func serverName() throws {
        try certificate("server")
        let peer = try serve("-tlsextdebug")
        _ = try get("https://localhost:\(peer.port)/", transfer())
        #expect(peer.said("\"server name\" (id=0)") && peer.said("localhost"), "\(peer.output)")
    }

    @Test("the own CA file is trusted, and another one in its place is not")
    func ownRoots() throws {
        try certificate("server")
        try certificate("other")
        let peer = try serve("")
        #expect(try get("https://localhost:\(peer.port)/", transfer()).status == 200)
        let error = try #require(throws: TransferError.self) {
            _ = try get("https://localhost:\(peer.port)/", transfer { $0.caFile = folder("other.pem") })
        }
        #expect(error.kind == .tls)
    }

    @Test("a server that asks for a client certificate gets it, and refuses those without")
    func clientCertificate() throws {
        try certificate("server")
        try certificate("device")
        let peer = try serve("-Verify 1 -verify_return_error -CAfile device.pem")
        let with = try transfer {
            $0.clientCertificate = folder("device.pem")
            $0.clientKey = folder("device.key")
        }
        #expect(try get("https://localhost:\(peer.port)/", with).status == 200)
        #expect(throws: TransferError.self) { _ = try get("https://localhost:\(peer.port)/", transfer()) }
    }

    @Test("IPv6 is spoken, and its loopback too needs no proxy")
    func version6() throws {
        try certificate("server")
        let peer = try serve("", ipv6: true)
        let response = try get("https://[::1]:\(peer.port)/", transfer { $0.proxy = "http://127.0.0.1:1" })
        #expect(response.status == 200 && response.info.address == "::1")
    }

    @Test("the server's certificate is kept where it is asked for")
    func keepsCertificates() throws {
        try certificate("server")
        let peer = try serve("")
        let shown = try get("https://localhost:\(peer.port)/", transfer { $0.keepsCertificates = true }).info
            .certificates
        let file = try Data(contentsOf: URL(fileURLWithPath: folder("server.pem")))
        #expect(shown == CertificateFacts.inPEM(file).compactMap(\.self) && shown.count == 1)
        #expect(try get("https://localhost:\(peer.port)/", transfer()).info.certificates.isEmpty)
    }
}

/// openssl(1) as a server on a free port; stopped when the object goes away.
final class HTTPSPeer {
    struct Failure: Error, CustomStringConvertible { var description: String }

    private let process = Process()
    private let log: String
    private(set) var port = ""

    init(_ arguments: String, folder: String, ipv6: Bool) throws {
        log = folder + "/server-\(UUID().uuidString.prefix(8)).log"
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let host = ipv6 ? "[::1]" : "127.0.0.1"
        process.arguments = ["-c", "exec openssl s_server -accept \(host):0 \(arguments) >'\(log)' 2>&1 </dev/null"]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        try process.run()
        let deadline = Date().addingTimeInterval(30)
        while port.isEmpty {
            // ACCEPT 127.0.0.1:41234
            let line = output.split(separator: "\n").first { $0.hasPrefix("ACCEPT ") }
            port = line?.split(separator: ":").last.map(String.init) ?? ""
            guard Date() < deadline, process.isRunning || !port.isEmpty else { throw Failure(description: output) }
            usleep(5_000)
        }
    }

    deinit {
        // Nobody waits here: the peer has nothing to save.
        kill(process.processIdentifier, SIGKILL)
    }

    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// Waits until the server has written a text.
    func said(_ text: String) -> Bool {
        let deadline = Date().addingTimeInterval(20)
        while !output.contains(text) {
            if Date() > deadline { return false }
            usleep(5_000)
        }
        return true
    }

    static func shell(_ command: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // Into a file: the end of a pipe would not come while a server of another test has inherited it.
        let log = FileManager.default.temporaryDirectory.path + "/shell-\(UUID().uuidString.prefix(8)).log"
        process.arguments = ["-c", "exec >'\(log)' 2>&1 </dev/null; " + command]
        try process.run()
        process.waitUntilExit()
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        unlink(log)
        guard process.terminationStatus == 0 else { throw Failure(description: "\(command): \(text)") }
    }
}
