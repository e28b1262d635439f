import DeviceClient
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox

/// A sandbox that speaks MQTT with TLS and without, with certificates of a root of its own: for the server, and for the
/// clients `device` and `stranger`.
final class MQTTCloud {
    static let device = "device"
    let folder: TestFolder
    private(set) var sandbox: SandboxServer
    private let host: String
    private let hasTLS: Bool

    struct Failure: Error { var text: String }

    /// - Parameters:
    ///   - host: a numeric address of this machine.
    ///   - hasTLS: or MQTT without alone.
    ///   - port: of MQTT with TLS.
    init(host: String = "127.0.0.1", hasTLS: Bool = true, port: UInt16 = 0) throws {
        folder = try TestFolder()
        self.host = host
        self.hasTLS = hasTLS
        if hasTLS { try MQTTCloud.run("/bin/bash", ["-c", MQTTCloud.script, folder.path, host]) }
        try FileManager.default.createDirectory(atPath: folder("cloud"), withIntermediateDirectories: false)
        sandbox = try MQTTCloud.sandbox(folder, host, tlsPort: hasTLS ? port : nil, plainPort: 0)
        try sandbox.addDevice(MQTTCloud.device)
    }

    deinit { sandbox.stop() }

    private static func sandbox(
        _ folder: TestFolder, _ host: String, tlsPort: UInt16?, plainPort: UInt16
    ) throws -> SandboxServer {
        let sandbox = try SandboxServer(
            dataFolder: folder("cloud"), host: host, certificate: folder.text("server.pem"),
            privateKey: folder.text("server.key"), mqtt: SandboxAddress(host: host, port: plainPort),
            mqtts: tlsPort.map { SandboxAddress(host: host, port: $0) }, clientCA: folder.text("root.pem"))
        // A child that another test is starting may hold the folder's lock for a moment longer.
        let end = MonotonicTime.now + .seconds(20)
        while true {
            do {
                try sandbox.start()
                return sandbox
            } catch {
                guard MonotonicTime.now < end else { throw error }
                usleep(20_000)
            }
        }
    }

    /// Ends the server; what it knows stays.
    func stop() { sandbox.stop() }

    /// A server with what the last one knew.
    func restart(tlsPort: UInt16 = 0, plainPort: UInt16 = 0) throws {
        sandbox.stop()
        sandbox = try MQTTCloud.sandbox(folder, host, tlsPort: hasTLS ? tlsPort : nil, plainPort: plainPort)
    }

    /// For a device at the sandbox.
    func configuration(isTLS: Bool = false, identity: String = MQTTCloud.device) -> MQTTDeviceClient.Configuration {
        var configuration = MQTTDeviceClient.Configuration(
            DeviceClient.Configuration(product: sandbox.product, identity: identity))
        let port = (isTLS ? sandbox.mqttsPort : sandbox.mqttPort) ?? 0
        configuration.cloudURL = "\(isTLS ? "mqtts" : "mqtt")://\(host):\(port)"
        configuration.device.timeout = .seconds(20)
        if hasTLS { configuration.device.transfer.caFile = folder("root.pem") }
        return configuration
    }

    func client(
        _ configuration: MQTTDeviceClient.Configuration,
        handler: @escaping @Sendable (ResourceSet) -> MQTTDeviceClient.Reply = { _ in .echo }
    ) -> MQTTDeviceClient {
        MQTTDeviceClient(configuration: configuration, tokens: TokenStore(path: folder("token")), handler: handler)
    }

    static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(text: text) }
    }

    private static let script = """
        set -eu
        cd "$0"
        key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        openssl req -x509 $key -keyout root.key -out root.pem -days 2 -subj /CN=root
        issue() { # NAME EXTENSION
            openssl req -new $key -keyout $1.key -out $1.csr -subj "/CN=$1"
            printf 'basicConstraints=critical,CA:FALSE\\n%s\\n' "$2" >$1.ext
            openssl x509 -req -in $1.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 -extfile $1.ext -out $1.pem
        }
        issue server "subjectAltName=IP:$1"
        issue device extendedKeyUsage=clientAuth
        issue stranger extendedKeyUsage=clientAuth
        """
}

/// Looks again and again, until it is so or the time is over.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let end = MonotonicTime.now + .seconds(30)
    while MonotonicTime.now < end {
        if try condition() { return true }
        usleep(10_000)
    }
    return try condition()
}
