import Glibc

/// openssl(1) as a server of other people's making, on a port that the kernel chooses: it serves one page over TLS, and
/// ends with the object.
public final class OpenSSLServer {
    /// Where it listens.
    public let port: UInt16
    private let process: TestProcess

    /// - Parameters:
    ///   - options: of `openssl s_server`, beside the certificate and the address.
    ///   - isVersion6: whether it listens on ::1 in place of 127.0.0.1.
    public init(_ certificate: TestCertificate, _ options: [String] = [], isVersion6: Bool = false) throws {
        let process = try TestProcess(
            "openssl",
            [
                "s_server", "-www", "-accept", isVersion6 ? "[::1]:0" : "127.0.0.1:0", "-cert", certificate.path,
                "-key", certificate.keyPath,
            ] + options)
        self.process = process
        // ACCEPT 127.0.0.1:41234
        var number: UInt16?
        _ = eventually {
            let line = process.out.split(separator: "\n").first { $0.hasPrefix("ACCEPT ") }
            number = line?.split(separator: ":").last.flatMap { UInt16($0) }
            return number != nil || !process.isRunning
        }
        guard let number else { throw TestFailure("openssl s_server does not start: \(process.out)\(process.err)") }
        port = number
    }

    deinit { process.kill() }

    /// All that it wrote so far.
    public var output: String { process.out + process.err }

    /// Waits until the server has written a text.
    public func said(_ text: String) -> Bool { eventually { output.contains(text) } }

    /// What `openssl s_client` says of the server.
    public func asked(_ options: String...) throws -> Ran {
        try TestProcess.run("openssl", ["s_client", "-connect", "127.0.0.1:\(port)"] + options)
    }
}
