import Foundation
import Glibc

/// Sockets of 127.0.0.1. None is inherited by a program that some test starts.
public enum Loopback {
    /// A listening socket.
    /// - Parameters:
    ///   - host: an address of loopback, 127.0.0.1 to 127.255.255.254.
    ///   - port: 0 lets the kernel choose one.
    public static func listen(
        host: String = "127.0.0.1", port wanted: UInt16 = 0, backlog: Int32 = 16
    ) throws -> (socket: Int32, port: UInt16) {
        let (socket, port) = try bound(host: host, port: wanted, isShared: false)
        guard Glibc.listen(socket, backlog) == 0 else {
            close(socket)
            throw TestFailure("listen on loopback: \(errno)")
        }
        return (socket, port)
    }

    /// Whether a server on a port of 127.0.0.1 has a connection that is not over: one that stands, that its client has
    /// ended and it has not, or that it has not taken yet (proc_pid_net(5), `tcp`).
    public static func hasConnections(to port: UInt16) throws -> Bool {
        let hex = String(port, radix: 16, uppercase: true)
        let end = ":" + String(repeating: "0", count: 4 - hex.count) + hex
        // Of a file that says that it has no bytes, String(contentsOfFile:) reads the first ones alone.
        let table = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/net/tcp"))
        defer { try? table.close() }
        return String(decoding: try table.readToEnd() ?? Data(), as: UTF8.self).split(separator: "\n").contains {
            line in
            let fields = line.split(separator: " ")
            // ESTABLISHED, SYN_RECV, CLOSE_WAIT (include/net/tcp_states.h).
            return fields.count > 3 && fields[1].hasSuffix(end) && ["01", "03", "08"].contains(fields[3])
        }
    }

    /// A connection to a port.
    public static func connect(_ port: UInt16) throws -> Int32 {
        let socket = try stream()
        var address = address(port)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            let code = errno
            close(socket)
            throw TestFailure("connect to 127.0.0.1:\(port): \(code)")
        }
        return socket
    }

    /// Sends all bytes; false when the other side is gone.
    @discardableResult
    public static func send(_ bytes: some Sequence<UInt8>, to socket: Int32) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// A socket that is bound to a free port and does not listen.
    ///
    /// - Parameter isShared: whether a server that sets SO_REUSEADDR may listen on it.
    fileprivate static func bound(
        host: String = "127.0.0.1", port: UInt16 = 0, isShared: Bool
    ) throws -> (socket: Int32, port: UInt16) {
        let socket = try stream()
        var isOn: Int32 = isShared ? 1 : 0
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
        var address = address(port, host)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard isBound else {
            close(socket)
            throw TestFailure("bind a port of loopback: \(errno)")
        }
        return (socket, UInt16(bigEndian: address.sin_port))
    }

    private static func stream() throws -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw TestFailure("make a socket: \(errno)") }
        return socket
    }

    private static func address(_ port: UInt16, _ host: String = "127.0.0.1") -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }
}

/// A port of 127.0.0.1 for a server that cannot choose one and tell it, or that comes back at the port it had.
///
/// The port is bound here for as long as the object lives, and nobody listens: the kernel gives it to nobody else, a
/// connection to it is refused, and a server that sets SO_REUSEADDR before it binds (as mosquitto, supervisord and
/// Python's servers do) may listen on it, as often as it likes (socket(7), ip(7)).
public final class ReservedPort: Sendable {
    /// The port.
    public let number: UInt16
    private let socket: Int32

    /// Takes a free port, for as long as the object lives.
    public init() throws { (socket, number) = try Loopback.bound(isShared: true) }

    deinit { close(socket) }
}
