import Glibc
public import MuranoSandbox

/// A stand-in cloud with one device, in a folder that goes away with it.
public final class SandboxFixture {
    /// The product that the server stands for.
    public static let product = "sandbox000000000"
    /// The device of tests that name none.
    public static let id = "02:42:AC:11:00:02"

    /// Of the server, and of its certificates.
    public let folder = TemporaryFolder()
    /// The device that the cloud knows.
    public let id: String
    /// The device's token, for those tests that hold one.
    public var token = ""
    /// Signs the server and, in tests, clients; nil without TLS.
    public let root: TestCertificate?
    /// The one that runs now; another after `restart`.
    public private(set) var server: SandboxServer

    private var mqttsPort: UInt16
    private let make: (_ mqttsPort: UInt16) throws -> SandboxServer

    /// A server that has started. On 127.0.0.1 it keeps its ports when it starts again.
    ///
    /// - Parameters:
    ///   - id: of the device that the cloud knows and that has no token yet.
    ///   - host: a numeric address of this machine.
    ///   - hasMQTT: whether it speaks MQTT without TLS.
    ///   - mqttsPort: with TLS alone; 0: any.
    ///   - hasTLS: https in place of http, MQTT with TLS too, and clients with certificates that `root` has signed.
    public init(
        id: String = SandboxFixture.id, password: String? = nil, host: String = "127.0.0.1", hasMQTT: Bool = false,
        hasTLS: Bool = false, mqttsPort: UInt16 = 0
    ) throws {
        self.id = id
        let maker = CertificateMaker(folder.path)
        let root = hasTLS ? try maker.root() : nil
        self.root = root
        let certificate = try root.map { try maker.certificate("server", for: .server(["IP:\(host)"]), signedBy: $0) }
        let isLoopback = host == "127.0.0.1"
        let (http, mqtt) = (isLoopback ? try ReservedPort() : nil, isLoopback && hasMQTT ? try ReservedPort() : nil)
        let dataFolder = folder("cloud")
        make = { mqttsPort in
            try SandboxServer(
                dataFolder: dataFolder, product: SandboxFixture.product, host: host, port: http?.number ?? 0,
                certificate: certificate?.pem, privateKey: certificate?.key,
                mqtt: hasMQTT ? SandboxAddress(host: host, port: mqtt?.number ?? 0) : nil,
                mqtts: hasTLS ? SandboxAddress(host: host, port: mqttsPort) : nil, clientCA: root?.pem)
        }
        server = try make(mqttsPort)
        self.mqttsPort = mqttsPort
        try server.startPatiently()
        try server.addDevice(id, password: password)
    }

    deinit { server.stop() }

    /// Where the server keeps its state.
    public var dataFolder: String { folder("cloud") }
    /// Of HTTP, or of HTTPS.
    public var port: UInt16 { UInt16(server.url.split(separator: ":").last ?? "") ?? 0 }

    /// Stops the server and opens its folder anew, as another process would.
    ///
    /// - Parameter port: where MQTT with TLS is from now on; nil: where it was.
    public func restart(mqttsPort port: UInt16? = nil) throws {
        mqttsPort = port ?? mqttsPort
        server.stop()
        server = try make(mqttsPort)
        try server.startPatiently()
    }

    /// Makes `NAME.pem` and `NAME.key` in the folder.
    public func certificate(
        _ name: String, subject: String? = nil, for use: CertificateMaker.Use = .client,
        signedBy signer: TestCertificate? = nil, days: Int = 30
    ) throws -> TestCertificate {
        guard let signer = signer ?? root else { throw TestFailure("the sandbox has no TLS") }
        return try CertificateMaker(folder.path).certificate(
            name, subject: subject, for: use, signedBy: signer, days: days)
    }
}

extension SandboxServer {
    /// Starts it, also where a child that another test is starting at this moment still holds the folder's lock: flock(2)
    /// goes with a copy of the descriptor, which a child has until its execve(2).
    public func startPatiently() throws {
        if !eventually({ (try? start()) != nil }) { try start() }
    }
}
