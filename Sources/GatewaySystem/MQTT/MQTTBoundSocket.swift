internal import Glibc

/// Puts a connection that is bound to a network interface (SO_BINDTODEVICE, socket(7)) in the place of the one that
/// libmosquitto makes. libmosquitto binds to source addresses only, and what has the address of one interface may well
/// leave by another: by the one that the routes prefer.
///
/// First libmosquitto connects to a listener on loopback whose queue is full (listen(2)): it has its descriptor then, and
/// a connection on its way on which nothing can be sent, as with any other host. Then its descriptor becomes another
/// socket's, by dup2(2).
struct MQTTBoundSocket: ~Copyable {
    private let listener: Int32
    private let filler: Int32
    private let action: String
    /// On 127.0.0.1.
    let port: UInt16

    init(action: String) throws(MQTTError) {
        self.action = action
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        listener = socket(AF_INET, kind, 0)
        filler = socket(AF_INET, kind, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (first, second) = (listener, filler)
        let isReady = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(first, address, length) == 0, listen(first, 0) == 0,
                    getsockname(first, address, &length) == 0, connect(second, address, length) == 0
                else { return false }
                // Until it is in the queue, which has no room for another one then.
                var entry = pollfd(fd: first, events: Int16(POLLIN), revents: 0)
                return poll(&entry, 1, 5000) == 1
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard isReady else { throw MQTTBoundSocket.failure(action) }
    }

    deinit {
        for descriptor in [listener, filler] where descriptor >= 0 { close(descriptor) }
    }

    private static func failure(_ action: String) -> MQTTError {
        let code = errno
        return MQTTError(.connect, action, SystemError.words(code), code: code)
    }

    /// Begins to connect to a numeric address by an interface, in the place of libmosquitto's descriptor.
    ///
    /// - Parameter source: what to bind to where the interface itself needs a privilege: before Linux 5.7.
    func replace(
        _ descriptor: Int32, by address: String, port: UInt16, interface: String, source: String
    ) throws(MQTTError) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isTaken = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) == 0 }
        }
        guard descriptor >= 0, !isTaken else {
            throw MQTTError(.connect, action, "there is no socket to bind to \(interface)")
        }
        let target = try Resolved(address, String(port), action)
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let bound = socket(target.family, kind, 0)
        guard bound >= 0 else { throw MQTTBoundSocket.failure(action) }
        defer { close(bound) }
        if setsockopt(bound, SOL_SOCKET, SO_BINDTODEVICE, interface, socklen_t(interface.utf8.count)) != 0 {
            let own = try Resolved(source, nil, action)
            guard own.use({ bind(bound, $0, $1) }) == 0 else { throw MQTTBoundSocket.failure(action) }
        }
        guard target.use({ connect(bound, $0, $1) }) == 0 || errno == EINPROGRESS,
            dup2(bound, descriptor) == descriptor
        else { throw MQTTBoundSocket.failure(action) }
    }

    /// A numeric address as the kernel takes it.
    private struct Resolved: ~Copyable {
        private let list: UnsafeMutablePointer<addrinfo>

        init(_ address: String, _ port: String?, _ action: String) throws(MQTTError) {
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
            var found: UnsafeMutablePointer<addrinfo>?
            guard getaddrinfo(address, port, &hints, &found) == 0, let found else {
                throw MQTTError(.connect, action, "'\(address)' is no address")
            }
            list = found
        }

        deinit { freeaddrinfo(list) }

        var family: Int32 { list.pointee.ai_family }
        func use(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
            list.pointee.ai_addr.map { body($0, list.pointee.ai_addrlen) } ?? -1
        }
    }
}
