import Foundation
import Glibc

/// A service manager's end of sd_notify(3): a bound datagram socket.
final class NotifySocket {
    struct Failure: Error { var code: Int32 }

    private let fd: Int32
    private let path: String?
    /// What NOTIFY_SOCKET says.
    let name: String
    private(set) var messages: [String] = []

    /// - Parameter name: an absolute path, or `@` and an abstract name.
    init(_ name: String) throws {
        self.name = name
        path = name.hasPrefix("@") ? nil : name
        fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if path == nil { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, length) }
        }
        guard fd >= 0, result == 0 else { throw Failure(code: errno) }
    }

    deinit {
        close(fd)
        if let path { unlink(path) }
    }

    /// Takes what has come; returns all messages so far.
    @discardableResult
    func receive() -> [String] {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while case let count = recv(fd, &buffer, buffer.count, 0), count >= 0 {
            messages.append(String(decoding: buffer.prefix(count), as: UTF8.self))
        }
        return messages
    }

    func forget() {
        receive()
        messages = []
    }

    /// All assignments so far, one an entry.
    var assignments: [String] { receive().flatMap { $0.split(separator: "\n").map(String.init) } }

    /// The values of STATUS so far.
    var statuses: [String] {
        assignments.filter { $0.hasPrefix("STATUS=") }.map { String($0.dropFirst("STATUS=".count)) }
    }
}
