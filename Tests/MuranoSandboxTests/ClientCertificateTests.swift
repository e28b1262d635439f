import TestSupport
import Testing

@testable import MuranoSandbox

/// Devices that have a certificate and no token, over https: with curl(1).
@Suite("Sandbox client certificates") struct ClientCertificateTests {
    let fixture: SandboxFixture
    init() throws { fixture = try .withCertificates() }

    /// The status and the body.
    private func curl(_ certificate: String?, _ arguments: [String], _ target: String) throws -> (Int?, String) {
        var all = ["-sS", "-w", "\n%{http_code}", "--cacert", fixture.folder("root.pem")]
        if let certificate {
            all += ["--cert", fixture.folder("\(certificate).pem"), "--key", fixture.folder("\(certificate).key")]
        }
        let answer = try TestProcess.run("curl", all + arguments + [fixture.server.url + target])
        #expect(answer.code == 0, "\(answer)")
        let lines = answer.out.split(separator: "\n", omittingEmptySubsequences: false)
        return (lines.last.flatMap { Int($0) }, lines.dropLast().joined(separator: "\n"))
    }

    @Test("a certificate of the devices' CA is as good as a token, and no header is needed")
    func accepted() throws {
        #expect(try curl("device", ["-d", "a=1&b=2"], SandboxFixture.alias) == (204, ""))
        #expect(try curl("device", [], SandboxFixture.alias + "?a") == (200, "a=1"))
        #expect(try curl("device", [], "/provision/download") == (200, ""))
        #expect(
            try fixture.server.requestLog().map(\.device) == [SandboxFixture.id, SandboxFixture.id, SandboxFixture.id])
        // It waits for the device's values, too.
        let answer = try curl(
            "device", ["-H", "Request-Timeout: 300000", "-H", "If-Modified-Since: 0"], SandboxFixture.alias + "?never&b"
        )
        #expect(answer == (200, "b=2"))
    }

    @Test(
        "any other certificate is none", arguments: [nil, "stranger", "expired", "impostor", "misused"])
    func refused(certificate: String?) throws {
        #expect(try curl(certificate, ["-d", "a=1"], SandboxFixture.alias).0 == 401)
        #expect(try fixture.server.resources(of: SandboxFixture.id).isEmpty)
    }

    @Test("a header counts more than a certificate, and a token is good without one")
    func tokens() throws {
        let token = try fixture.activate()
        try fixture.server.addDevice("other")
        #expect(try curl(nil, ["-H", "X-Exosite-CIK: \(token)", "-d", "a=1"], SandboxFixture.alias).0 == 204)
        #expect(try curl("device", ["-H", "X-Exosite-CIK: wrong", "-d", "a=2"], SandboxFixture.alias).0 == 401)
        #expect(try curl("expired", ["-H", "X-Exosite-CIK: \(token)", "-d", "a=3"], SandboxFixture.alias).0 == 204)
        #expect(try fixture.server.read(SandboxFixture.id, "a")?.reported == "3")
    }

    @Test("a server without a certificate of its own asks nobody for one")
    func needsCertificate() throws {
        #expect(throws: SandboxError.self) {
            try SandboxServer(dataFolder: fixture.folder("other"), clientCA: "x")
        }
        #expect(throws: SandboxError.self) {
            try SandboxServer(dataFolder: fixture.folder("other"), mqtts: SandboxAddress())
        }
    }
}
