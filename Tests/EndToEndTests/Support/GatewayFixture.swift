import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport

/// A whole gateway in a temporary folder, with a sandbox cloud on a free port; both go away with it.
///
///     let gateway = try GatewayFixture()
///     try gateway.upload(TestPackage("web", "1", files: ["bin/run": .script("exec sleep 100")]))
///     try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
///     #expect(try gateway.gwe("reconcile").code == 0)
final class GatewayFixture: @unchecked Sendable {
    static let product = "sandbox000000000"
    let root: String
    let id = "02:42:AC:11:00:02"
    let sandbox: SandboxServer
    private let cloudPort: ReservedPort
    /// Added to what every `gwe` of this gateway gets.
    var environment: [String: String] = [:]

    var configFolder: String { root + "/etc" }
    var stateFolder: String { root + "/state" }
    var logFolder: String { root + "/log" }
    var socketFile: String { stateFolder + "/run/gwe.sock" }

    /// - Parameters:
    ///   - isRegistered: whether the cloud knows the device; `gwe` activates at its first pass.
    ///   - hasCloud: whether gateway.yaml names the sandbox.
    init(isRegistered: Bool = true, hasCloud: Bool = true) throws {
        root = try TemporaryFolder.make(isInMemory: true)
        try FileManager.default.createDirectory(atPath: root + "/scratch", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: root + "/etc", withIntermediateDirectories: true)
        cloudPort = try ReservedPort()
        sandbox = try GatewayFixture.cloud(root, cloudPort)
        try sandbox.start()
        if isRegistered { try sandbox.addDevice(id) }
        if hasCloud {
            try write(
                """
                schema: gwe/v1
                product: \(GatewayFixture.product)
                cloud: \(sandbox.url)
                identity: \(id)

                """, to: configFolder + "/gateway.yaml")
        }
    }

    deinit {
        sandbox.stop()
        // What killed daemons left.
        if let groups = ControlGroups(stateFolder: stateFolder) {
            for group in groups.all { group.kill() }
            _ = TestSupport.eventually(within: .seconds(10)) { groups.all.allSatisfy { $0.remove() } }
            groups.remove()
        }
        TemporaryFolder.remove(root)
    }

    private static func cloud(_ root: String, _ port: ReservedPort) throws -> SandboxServer {
        try SandboxServer(dataFolder: root + "/cloud", product: GatewayFixture.product, port: port.number)
    }

    /// The cloud that comes after `sandbox`, which was stopped: at the same address, and with what that one knew.
    func nextCloud() throws -> SandboxServer {
        let next = try GatewayFixture.cloud(root, cloudPort)
        try next.startPatiently()
        return next
    }

    // MARK: programs

    /// Runs the real `gwe` to its end.
    func gwe(_ arguments: String..., environment: [String: String] = [:]) throws -> Ran {
        try start(arguments, environment: environment).wait()
    }

    /// Starts the real `gwe`; it is killed when the process object goes away.
    func start(_ arguments: [String], environment more: [String: String] = [:]) throws -> TestProcess {
        try TestProcess(
            "gwe", arguments, environment: variables.merging(more) { $1 }, scratch: root + "/scratch")
    }

    /// The environment of every program of this gateway.
    var variables: [String: String] {
        let all = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": root, "TZ": "UTC",
            "LC_ALL": "C.UTF-8", "GWE_CONFIG_DIR": configFolder, "GWE_STATE_DIR": stateFolder,
            "GWE_LOG_DIR": logFolder,
        ]
        return all.merging(environment) { $1 }
    }

    /// Starts `gwe run` and waits until it answers on its socket.
    func startDaemon(environment: [String: String] = [:]) throws -> TestProcess {
        let daemon = try start(["run"], environment: environment)
        let isUp = TestSupport.eventually {
            daemon.err.contains("is up, socket") || daemon.out.contains("is up, socket")
        }
        guard isUp else {
            daemon.send(SIGKILL)
            throw TestFailure("the daemon does not come up: \(daemon.wait())")
        }
        return daemon
    }

    // MARK: the cloud's side

    /// Puts a package into the content area.
    func upload(_ package: TestPackage, as name: String? = nil) throws {
        try sandbox.uploadContent(name ?? package.fileName, try package.bytes(scratch: root + "/scratch"))
    }

    /// The operator's write of `engine_fetch`.
    func command(_ text: String) throws { try sandbox.write(id, "engine_fetch", text) }

    /// What the cloud has of a resource.
    func resource(_ name: String) throws -> String? {
        guard let state = try sandbox.read(id, name) else { return nil }
        return state.set ?? state.reported
    }

    /// Requests for the bytes of a content, oldest first.
    func downloads(of name: String) throws -> [SandboxRequest] {
        try sandbox.requestLog().filter { request in
            request.path.hasPrefix("/provision/download?") && request.path.contains("id=\(name)")
                && !request.path.contains("info=true")
        }
    }

    // MARK: the gateway's side

    func manifest(_ text: String) throws { try write(text, to: configFolder + "/manifest.yaml") }

    func write(_ text: String, to path: String) throws {
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    func read(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    func currentFolder(of app: String) -> String { "\(stateFolder)/releases/\(app)/current" }

    /// The release that `current` names; nil without one.
    func current(_ app: String) -> String? { FileTree.linkTarget(currentFolder(of: app)) }

    func names(_ folder: String) -> [String] { (try? FileTree.list(folder)) ?? [] }
}
