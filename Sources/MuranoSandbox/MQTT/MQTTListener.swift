internal import GatewaySystem
internal import Glibc

/// Where the stand-in listens for MQTT. Port 0 takes a free one.
public struct SandboxAddress: Sendable, Hashable {
    /// A numeric address, or `localhost` for 127.0.0.1.
    public var host: String
    /// The port; 0 takes a free one.
    public var port: UInt16

    /// An address of this machine alone, and a free port, unless others are given.
    public init(host: String = "127.0.0.1", port: UInt16 = 0) {
        self.host = host
        self.port = port
    }
}

/// A listening socket, non-blocking.
struct MQTTListener: Sendable {
    let descriptor: Int32
    /// The port that it got.
    let port: UInt16

    init(_ address: SandboxAddress) throws(SystemError) {
        let action = "listen on \(address.host):\(address.port)"
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let host = address.host == "localhost" ? "127.0.0.1" : address.host
        guard getaddrinfo(host, String(address.port), &hints, &found) == 0, let found else {
            throw SystemError(action, code: EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(found) }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(found.pointee.ai_family, kind, 0)
        guard descriptor >= 0 else { throw SystemError.last(action) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        guard bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0, listen(descriptor, 128) == 0,
            withUnsafeMutablePointer(
                to: &storage,
                {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
                }) == 0
        else {
            let error = SystemError.last(action)
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        // sin_port and sin6_port stand at the same offset.
        let taken = withUnsafeBytes(of: &storage) { $0.load(fromByteOffset: 2, as: UInt16.self) }
        port = UInt16(bigEndian: taken)
    }

    /// A non-blocking socket, if somebody wants to connect.
    func accept() -> Int32? {
        let socket = Glibc.accept(descriptor, nil, nil)
        guard socket >= 0 else { return nil }
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        _ = fcntl(socket, F_SETFL, O_NONBLOCK)
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        return socket
    }

    func close() { Glibc.close(descriptor) }
}
