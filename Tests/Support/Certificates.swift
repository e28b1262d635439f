import Foundation

/// A certificate and its key, in files.
public struct TestCertificate: Sendable {
    /// The certificate's file.
    public var path: String
    /// The private key's file.
    public var keyPath: String
    /// The certificate, as PEM.
    public var pem: String
    /// The private key, as PEM.
    public var key: String

    fileprivate init(_ path: String) throws {
        self.path = path + ".pem"
        keyPath = path + ".key"
        pem = try String(contentsOfFile: self.path, encoding: .utf8)
        key = try String(contentsOfFile: keyPath, encoding: .utf8)
    }
}

/// Makes certificates with openssl(1), each `NAME.pem` and `NAME.key` in its folder. They protect nothing.
public struct CertificateMaker: Sendable {
    /// Where the files are made.
    public let folder: String

    /// Makes certificates in a folder that is there.
    public init(_ folder: String) { self.folder = folder }

    /// What a certificate is for (extendedKeyUsage).
    public enum Use: Sendable {
        /// For hosts as subjectAltName has them: `IP:127.0.0.1`, `DNS:localhost`.
        case server([String])
        case client
        /// For these hosts and for clients: it says nothing of what it is for.
        case any([String])
    }

    /// The names of this machine, for `Use.server`.
    public static let loopback = ["IP:127.0.0.1", "DNS:localhost"]

    /// Makes a root of trust.
    public func root(_ name: String = "root", from start: String? = nil, days: Int = 30) throws -> TestCertificate {
        try run(start, "openssl req -x509 \(Self.key) -keyout $1.key -out $1.pem -days \(days) -subj \"/CN=$1\"", name)
        return try TestCertificate("\(folder)/\(name)")
    }

    /// Makes a server's certificate that signs itself.
    ///
    /// - Parameter start: the day it is valid from, as faketime(1) takes it: `2020-01-01`; nil: now.
    public func selfSigned(
        _ name: String = "server", hosts: [String] = loopback, from start: String? = nil, days: Int = 30
    ) throws -> TestCertificate {
        try run(
            start,
            """
            openssl req -x509 \(Self.key) -keyout $1.key -out $1.pem -days \(days) -subj "/CN=$1" \
            -addext "subjectAltName=$2"
            """, name, hosts.joined(separator: ","))
        return try TestCertificate("\(folder)/\(name)")
    }

    /// Makes a certificate that a root signs.
    ///
    /// - Parameters:
    ///   - subject: its common name; nil: the name.
    ///   - days: how long it is valid; negative: it ended that long ago.
    public func certificate(
        _ name: String, subject: String? = nil, for use: Use, signedBy root: TestCertificate, from start: String? = nil,
        days: Int = 30
    ) throws -> TestCertificate {
        let purpose =
            switch use {
            case .server(let hosts): "extendedKeyUsage=serverAuth\nsubjectAltName=\(hosts.joined(separator: ","))"
            case .client: "extendedKeyUsage=clientAuth"
            case .any(let hosts): "subjectAltName=\(hosts.joined(separator: ","))"
            }
        try run(
            start,
            """
            openssl req -new \(Self.key) -keyout $1.key -out $1.csr -subj "/CN=$2"
            printf 'basicConstraints=critical,CA:FALSE\\n%s\\n' "$3" >$1.ext
            openssl x509 -req -in $1.csr -CA "$4" -CAkey "$5" -CAcreateserial -CAserial $1.serial -days \(days) \
            -extfile $1.ext -out $1.pem
            """, name, subject ?? name, purpose, root.path, root.keyPath)
        return try TestCertificate("\(folder)/\(name)")
    }

    private static let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

    private func run(_ start: String?, _ script: String, _ arguments: String...) throws {
        let clock = start.map { ["faketime", "\($0) 00:00:00"] } ?? []
        let ran = try TestProcess.run(
            "/usr/bin/env", clock + ["sh", "-ec", script, "sh"] + arguments, directory: folder)
        guard ran.code == 0 else { throw TestFailure("\(ran)") }
    }

    /// Returns the date that many days from now, as faketime(1) takes it.
    public static func date(daysFromNow days: Double) -> String {
        let text = ISO8601DateFormatter().string(from: Date().addingTimeInterval(days * 86_400))
        return String(text.prefix(10))
    }
}

/// A root and what it has signed for 127.0.0.1 and localhost, made once for all tests of a run.
public struct TestCertificates: Sendable {
    /// Valid from 2000 to 2099, as `good` is.
    public let root: TestCertificate
    /// Valid now.
    public let good: TestCertificate
    /// Valid from 2090 on.
    public let future: TestCertificate
    /// Expired in 2000.
    public let past: TestCertificate
    /// For another host.
    public let elsewhere: TestCertificate

    private let folder: TemporaryFolder

    /// The one set of this run; made when it is first asked for.
    public static var shared: TestCertificates { get throws { try made.get() } }
    private static let made = Result { try TestCertificates() }

    private init() throws {
        folder = TemporaryFolder()
        let maker = CertificateMaker(folder.path)
        let whole = ("2000-01-01", 36_500)
        let here = CertificateMaker.Use.any(CertificateMaker.loopback)
        let root = try maker.root(from: whole.0, days: whole.1)
        self.root = root
        good = try maker.certificate("good", for: here, signedBy: root, from: whole.0, days: whole.1)
        future = try maker.certificate("future", for: here, signedBy: root, from: "2090-01-01", days: 3_000)
        past = try maker.certificate("past", for: here, signedBy: root, from: "2000-01-01", days: 300)
        elsewhere = try maker.certificate(
            "elsewhere", for: .server(["DNS:elsewhere.example"]), signedBy: root, from: whole.0, days: whole.1)
    }
}
