import DeviceClient
import Foundation
import GatewayModel
import GatewaySystem
import MuranoSandbox

@testable import GatewayAgent

/// A gateway for the doctor, with a sandbox where one is asked for.
final class DoctorBench: @unchecked Sendable {
    let gateway: ScratchGateway
    private(set) var sandbox: SandboxServer?
    let identity = "gw-7"
    var environment: [String: String] = [:]
    var now: WallTime?

    var folders: Folders { gateway.folders }
    var root: String { gateway.root.path }

    init() throws {
        gateway = try ScratchGateway()
        try FileManager.default.createDirectory(atPath: gateway.folders.stateFolder, withIntermediateDirectories: true)
    }

    deinit { sandbox?.stop() }

    /// gateway.yaml with these lines below product and identity.
    func configure(_ lines: String...) throws {
        let text = (["schema: gwe/v1", "product: sandbox000000000", "identity: \(identity)"] + lines)
        try gateway.write(text.joined(separator: "\n") + "\n", to: folders.gatewayFile)
    }

    /// Starts a cloud and names it in gateway.yaml.
    @discardableResult
    func startCloud(certificate: TestCertificate? = nil) throws -> SandboxServer {
        let sandbox = try SandboxServer(
            dataFolder: root + "/cloud-\(UUID().uuidString.prefix(8))", certificate: certificate?.text,
            privateKey: certificate?.key)
        try sandbox.start()
        try sandbox.addDevice(identity)
        self.sandbox = sandbox
        try configure(["cloud: \(sandbox.url)"] + (certificate.map { ["ca_file: \($0.path)"] } ?? []))
        return sandbox
    }

    private func configure(_ lines: [String]) throws {
        let text = (["schema: gwe/v1", "product: sandbox000000000", "identity: \(identity)"] + lines)
        try gateway.write(text.joined(separator: "\n") + "\n", to: folders.gatewayFile)
    }

    func activate() throws {
        let device = try CloudIdentity.configuration(scene.context).device
        try DeviceClient(configuration: device, tokens: TokenStore(path: folders.tokenFile)).activate()
    }

    var scene: DoctorScene {
        let fixed = now
        var scene = DoctorScene(folders: folders, environment: environment) { fixed ?? .now() }
        scene.isClockSynchronised = true
        return scene
    }

    func examine(_ ids: String...) -> [DoctorFinding] {
        let checks = ids.compactMap { id in DoctorCheck.all.first { $0.id == id } }
        return Doctor.examine(scene, checks).rows.map(\.finding)
    }

    func finding(_ id: String) -> DoctorFinding { examine(id).first ?? DoctorFinding(.skipped, "no such check") }
}

/// A self-signed certificate for 127.0.0.1, made by openssl(1) at a time of one's choice.
struct TestCertificate {
    var path: String
    var text: String
    var key: String
    var keyPath: String

    init(in folder: String, from start: String = "2020-01-01", days: Int = 36_500) throws {
        path = folder + "/\(UUID().uuidString.prefix(8)).pem"
        keyPath = path + ".key"
        let command = """
            faketime '\(start) 00:00:00' openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -keyout '\(keyPath)' -out '\(path)' -days \(days) -subj /CN=doctor \
            -addext subjectAltName=IP:127.0.0.1,DNS:localhost
            """
        try TestShell.run(command)
        text = try String(contentsOfFile: path, encoding: .utf8)
        key = try String(contentsOfFile: keyPath, encoding: .utf8)
    }

    /// The date that many days from now, as faketime(1) takes it.
    static func date(daysFromNow days: Double) -> String {
        let text = ISO8601DateFormatter().string(from: Date().addingTimeInterval(days * 86_400))
        return String(text.prefix(10))
    }
}

enum TestShell {
    struct Failure: Error, CustomStringConvertible { var description: String }

    @discardableResult
    static func run(_ command: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // Into a file: the end of a pipe would not come while a program of another test has inherited it.
        let log = FileManager.default.temporaryDirectory.path + "/shell-\(UUID().uuidString.prefix(8)).log"
        process.arguments = ["-c", "exec >'\(log)' 2>&1 </dev/null; " + command]
        try process.run()
        process.waitUntilExit()
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        unlink(log)
        guard process.terminationStatus == 0 else { throw Failure(description: "\(command): \(text)") }
        return text
    }
}
