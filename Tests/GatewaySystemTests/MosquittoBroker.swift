import Foundation
import GatewaySystem
import Glibc

/// Debian's mosquitto as the peer of a test, on a free port of 127.0.0.1; ended with the test.
final class MosquittoBroker {
    let port: UInt16
    private let folder: ScratchFolder
    private let process = Process()

    struct NotStarted: Error { var log: String }

    /// - Parameters:
    ///   - certificate: PEM of the server; nil: no TLS.
    ///   - clientRoot: PEM of the root that signs clients, who then must have a certificate.
    ///   - users: names and passwords; nobody else is let in. nil: everybody is.
    init(
        certificate: String? = nil, clientRoot: String? = nil, users: [String: String]? = nil,
        port: UInt16? = nil, settings: String = ""
    ) throws {
        self.folder = ScratchFolder()
        self.port = try port ?? MosquittoBroker.freePort()
        // Started by root it would become another user, who cannot read the folder.
        var text = "user root\nlistener \(self.port) 127.0.0.1\nallow_anonymous \(users == nil)\n\(settings)\n"
        if let certificate {
            text += "certfile \(try folder.write("server.pem", certificate))\n"
            text += "keyfile \(try folder.write("server.key", TestCertificates.key))\n"
        }
        if let clientRoot {
            text += "cafile \(try folder.write("root.pem", clientRoot))\n"
            text += "require_certificate true\n"
        }
        if let users {
            let file = try folder.write("passwords", users.map { "\($0.key):\($0.value)\n" }.joined(), mode: 0o600)
            let hashing = try Process.run(
                URL(fileURLWithPath: "/usr/bin/mosquitto_passwd"), arguments: ["-U", file])
            hashing.waitUntilExit()
            text += "password_file \(file)\n"
        }
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/mosquitto")
        process.arguments = ["-v", "-c", try folder.write("mosquitto.conf", text)]
        try folder.write("log", "")
        let log = try FileHandle(forWritingTo: URL(fileURLWithPath: folder("log")))
        process.standardError = log
        process.standardOutput = log
        try process.run()
        guard eventually(within: 20, { MosquittoBroker.answers(self.port) }) else { throw NotStarted(log: self.log) }
    }

    deinit { kill() }

    /// What it has said so far: with -v a line for each packet.
    var log: String { folder.content("log") ?? "" }

    /// As a power cut would.
    func kill() {
        guard process.isRunning else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func signal(_ number: Int32) { Glibc.kill(process.processIdentifier, number) }

    static func freePort() throws -> UInt16 {
        let fd = try bound(0)
        defer { close(fd) }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
        }
        guard code == 0 else { throw NotStarted(log: "no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func bound(_ port: UInt16) throws -> Int32 {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw NotStarted(log: "no free port") }
        return fd
    }

    private static func answers(_ port: UInt16) -> Bool {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(fd) }
        var address = loopback(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// Looks again and again, until it is so or the time is over.
func eventually(within seconds: Int, _ condition: () -> Bool) -> Bool {
    let end = MonotonicTime.now + .seconds(seconds)
    while MonotonicTime.now < end {
        if condition() { return true }
        usleep(10_000)
    }
    return condition()
}

/// What a program printed on both outputs, and how it ended.
struct ProcessOutput {
    let code: Int32
    let text: String

    init(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        code = process.terminationStatus
    }
}
