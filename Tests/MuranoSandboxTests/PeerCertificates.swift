import Foundation
import GatewaySystem
import MuranoSandbox

/// A sandbox with all of its listeners and TLS, certificates made with openssl(1) in its folder, and one device that
/// was added and has no token.
final class PeerFixture {
    static let id = "02:42:AC:11:00:02"
    let folder = NSTemporaryDirectory() + "sandbox-\(UUID().uuidString)"
    let server: SandboxServer

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let made = try Command.run("bash", ["-c", Self.script, "certificates", folder])
        guard made.code == 0 else { throw SystemError("make certificates: \(made.errors)", code: EPROTO) }
        let folder = folder
        func text(_ name: String) throws -> String { try String(contentsOfFile: folder + "/\(name)", encoding: .utf8) }
        server = try SandboxServer(
            dataFolder: folder + "/data", certificate: text("server.pem"), privateKey: text("server.key"),
            mqtt: SandboxAddress(), mqtts: SandboxAddress(), clientCA: text("root.pem"))
        try server.start()
        try server.addDevice(Self.id)
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// `root.pem`, `device.key` …
    func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// The device's token, made as its activation over https would.
    func token() throws -> String {
        let answer = try Command.run(
            "curl", ["-sS", "--cacert", path("root.pem"), "-d", "id=\(Self.id)", "\(server.url)/provision/activate"])
        guard answer.code == 0, answer.out.utf8.count == 40 else {
            throw SystemError("activate: \(answer.out) \(answer.errors)", code: EPROTO)
        }
        return answer.out
    }

    /// `root` signs for the server and for devices; `impostor` is signed by somebody else, `misused` is a server's.
    private static let script = """
        set -eu
        cd "$1"
        printf 'basicConstraints=critical,CA:FALSE\\nsubjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth\\n' > server.ext
        printf 'basicConstraints=critical,CA:FALSE\\nextendedKeyUsage=clientAuth\\n' > client.ext
        key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        authority() { openssl req -x509 $key -keyout $1.key -out $1.pem -days 30 -subj "/CN=$1"; }
        issue() {
            openssl req -new $key -keyout $1.key -out $1.csr -subj "/CN=$2"
            openssl x509 -req -in $1.csr -CA $4.pem -CAkey $4.key -CAcreateserial -days $5 -extfile $3.ext -out $1.pem
        }
        authority root
        authority foreign
        issue server server server root 30
        issue device \(id) client root 30
        issue stranger stranger client root 30
        issue expired \(id) client root -1
        issue impostor \(id) client foreign 30
        issue misused \(id) server root 30
        """
}
