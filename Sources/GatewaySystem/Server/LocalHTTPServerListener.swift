internal import Glibc

/// Where a `LocalHTTPServer` listens.
public enum HTTPServerAddress: Sendable, Hashable {
    /// A numeric address, or `localhost` for 127.0.0.1; port 0 takes a free one.
    case tcp(host: String = "127.0.0.1", port: UInt16)
    /// A path of at most 107 bytes (unix(7)) and the socket's mode, such as 0o660.
    case unix(path: String, mode: UInt32)
}

/// A listening socket. `HTTPServerAcceptor` takes the descriptor over and closes it.
struct HTTPServerListener: ~Copyable {
    let descriptor: Int32
    /// With the port that was taken.
    let address: HTTPServerAddress

    init(_ address: HTTPServerAddress) throws(SystemError) {
        switch address {
        case .tcp(let host, let port):
            let bound = try HTTPServerListener.listen(host: host, port: port)
            self.descriptor = bound.descriptor
            self.address = .tcp(host: host, port: bound.port)
        case .unix(let path, let mode):
            self.descriptor = try HTTPServerListener.listen(path: path, mode: mode)
            self.address = address
        }
    }

    private static func listen(host: String, port: UInt16) throws(SystemError) -> (descriptor: Int32, port: UInt16) {
        let action = "listen on \(host):\(port)"
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host == "localhost" ? "127.0.0.1" : host, String(port), &hints, &found) == 0, let found
        else { throw SystemError(action, code: EADDRNOTAVAIL) }
        defer { freeaddrinfo(found) }
        let family = found.pointee.ai_family
        let fd = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw SystemError.last(action) }
        var on: Int32 = 1
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard bind(fd, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0, Glibc.listen(fd, 128) == 0 else {
            throw closing(fd, SystemError.last(action))
        }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let named = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
        }
        guard named == 0 else { throw closing(fd, SystemError.last(action)) }
        // sin_port and sin6_port stand at the same offset.
        let taken = withUnsafeBytes(of: &storage) { $0.load(fromByteOffset: 2, as: UInt16.self) }
        return (fd, UInt16(bigEndian: taken))
    }

    /// A socket file that nobody answers on is replaced; one that is in use, or any other file, is left alone.
    private static func listen(path: String, mode: UInt32) throws(SystemError) -> Int32 {
        let action = "listen on \(path)"
        guard let address = unixAddress(path) else {
            throw SystemError("listen on \(path), whose \(path.utf8.count) bytes exceed 107", code: ENAMETOOLONG)
        }
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemError(action, code: EEXIST) }
            // A listener that is stopped may have a full queue: then connect(2) says EAGAIN, and there is one.
            let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
            let probe = socket(AF_UNIX, Int32(type), 0)
            guard probe >= 0 else { throw SystemError.last(action) }
            let isAnswered = call(connect, probe, address) == 0 || errno != ECONNREFUSED
            close(probe)
            guard !isAnswered else { throw SystemError(action, code: EADDRINUSE) }
            guard unlink(path) == 0 || errno == ENOENT else { throw SystemError.last(action) }
        }
        let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw SystemError.last(action) }
        // Nobody can connect before listen(2): the mode is right from the first moment.
        guard call(bind, fd, address) == 0 else { throw closing(fd, SystemError.last(action)) }
        guard chmod(path, mode) == 0, Glibc.listen(fd, 128) == 0 else {
            throw closing(fd, SystemError.last(action))
        }
        return fd
    }

    /// nil if the path does not fit with its final NUL, or holds one.
    private static func unixAddress(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else {
            return nil
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ fd: Int32, _ address: sockaddr_un
    ) -> Int32 {
        var address = address
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func closing(_ fd: Int32, _ error: SystemError) -> SystemError {
        close(fd)
        return error
    }
}
