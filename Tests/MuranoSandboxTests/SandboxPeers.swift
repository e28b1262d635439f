import MuranoSandbox
import TestSupport

extension SandboxFixture {
    /// A sandbox with all of its listeners and TLS, one device that has no token, and certificates as clients bring them:
    /// `device` and `stranger` of its root, `expired`, `impostor` by somebody else, `misused`, which is a server's.
    static func withCertificates() throws -> SandboxFixture {
        let fixture = try SandboxFixture(hasMQTT: true, hasTLS: true)
        let foreign = try CertificateMaker(fixture.folder.path).root("foreign")
        _ = try fixture.certificate("device", subject: fixture.id)
        _ = try fixture.certificate("stranger")
        _ = try fixture.certificate("expired", subject: fixture.id, days: -1)
        _ = try fixture.certificate("impostor", subject: fixture.id, signedBy: foreign)
        _ = try fixture.certificate("misused", subject: fixture.id, for: .server(["IP:127.0.0.1"]))
        return fixture
    }

    /// The device's token, made as its activation over https would.
    func activate() throws -> String {
        let answer = try TestProcess.run(
            "curl", ["-sS", "--cacert", folder("root.pem"), "-d", "id=\(id)", "\(server.url)/provision/activate"])
        guard answer.code == 0, answer.out.utf8.count == 40 else { throw TestFailure("activate: \(answer)") }
        return answer.out
    }
}
