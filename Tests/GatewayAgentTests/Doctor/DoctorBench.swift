import DeviceClient
import Foundation
import GatewayModel
import GatewaySystem
import MuranoSandbox
import TestSupport

@testable import GatewayAgent

/// A gateway for the doctor, with a sandbox where one is asked for.
final class DoctorBench: @unchecked Sendable {
    let gateway: ScratchGateway
    private(set) var sandbox: SandboxServer?
    /// Nobody takes the port of a cloud that has stopped.
    private var ports: [ReservedPort] = []
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
        let port = try ReservedPort()
        ports.append(port)
        let sandbox = try SandboxServer(
            dataFolder: root + "/cloud-\(UUID().uuidString.prefix(8))", port: port.number,
            certificate: certificate?.pem,
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

    /// A self-signed certificate for the cloud.
    func certificate(from start: String = "2020-01-01", days: Int = 36_500) throws -> TestCertificate {
        try CertificateMaker(root).selfSigned(UUID().uuidString, from: start, days: days)
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
