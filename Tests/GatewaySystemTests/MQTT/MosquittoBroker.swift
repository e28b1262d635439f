import Foundation
import Glibc
import TestSupport

/// Debian's mosquitto as the peer of a test, on a port of 127.0.0.1 that is nobody else's; ended with the test.
final class MosquittoBroker {
    let port: UInt16
    private let reserved: ReservedPort
    private let folder = TemporaryFolder()
    private let process: TestProcess

    /// - Parameters:
    ///   - certificate: the server's; nil: no TLS.
    ///   - clientRoot: PEM of the root that signs clients, who then must have a certificate.
    ///   - users: names and passwords; nobody else is let in. nil: everybody is.
    ///   - last: a broker that was killed, whose port this one has.
    init(
        certificate: TestCertificate? = nil, clientRoot: String? = nil, users: [String: String]? = nil,
        after last: MosquittoBroker? = nil, settings: String = ""
    ) throws {
        reserved = try last?.reserved ?? ReservedPort()
        port = reserved.number
        // Started by root it would become another user, who cannot read the folder.
        var text = "user root\nlistener \(port) 127.0.0.1\nallow_anonymous \(users == nil)\n\(settings)\n"
        if let certificate { text += "certfile \(certificate.path)\nkeyfile \(certificate.keyPath)\n" }
        if let clientRoot {
            text += "cafile \(try folder.write("root.pem", clientRoot))\n"
            text += "require_certificate true\n"
        }
        if let users {
            let file = try folder.write("passwords", users.map { "\($0.key):\($0.value)\n" }.joined(), mode: 0o600)
            try TestProcess.shell("mosquitto_passwd -U $1", file)
            text += "password_file \(file)\n"
        }
        process = try TestProcess("/usr/sbin/mosquitto", ["-v", "-c", try folder.write("mosquitto.conf", text)])
        let (port, process) = (port, process)
        let isUp = eventually { (try? Loopback.connect(port)).map { close($0) } != nil || !process.isRunning }
        guard isUp, process.isRunning else { throw TestFailure("mosquitto does not start: \(log)") }
    }

    deinit { kill() }

    /// What it has said so far: with -v a line for each packet.
    var log: String { process.out + process.err }

    /// As a power cut would.
    func kill() { process.kill() }

    func signal(_ number: Int32) { process.send(number) }
}
