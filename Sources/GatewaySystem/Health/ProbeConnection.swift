internal import Glibc

/// A TCP connection for one probe, over a socket that does not block: every call ends at its deadline.
struct ProbeConnection: ~Copyable {
    private let descriptor: Int32

    deinit { close(descriptor) }

    /// Tries all addresses of the host, one after the other.
    init(host: String, port: UInt16, deadline: MonotonicTime) throws(ProbeFailure) {
        var failure: ProbeFailure?
        // localhost is loopback, whatever a name server says (RFC 6761, 6.3).
        for name in host == "localhost" ? ["127.0.0.1", "::1"] : [host] {
            let list = try ProbeConnection.look(up: name, port)
            defer { freeaddrinfo(list) }
            var next: UnsafeMutablePointer<addrinfo>? = list
            while let address = next?.pointee {
                next = address.ai_next
                do throws(ProbeFailure) {
                    descriptor = try ProbeConnection.connect(address, deadline)
                    return
                } catch {
                    failure = failure ?? error
                }
            }
        }
        throw failure ?? ProbeFailure("the host has no address")
    }

    private static func look(up host: String, _ port: UInt16) throws(ProbeFailure) -> UnsafeMutablePointer<addrinfo> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST
        var list: UnsafeMutablePointer<addrinfo>?
        if getaddrinfo(host, String(port), &hints, &list) == 0, let list { return list }
        hints.ai_flags = AI_NUMERICSERV
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0, let list else {
            throw ProbeFailure(
                "cannot resolve \(host): \(String(cString: gai_strerror(code)))", isOurs: code == EAI_MEMORY)
        }
        return list
    }

    private static func connect(_ address: addrinfo, _ deadline: MonotonicTime) throws(ProbeFailure) -> Int32 {
        let flags = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let fd = socket(address.ai_family, Int32(flags), 0)
        guard fd >= 0 else {
            // No IPv6 here is the address's fault, not a shortage.
            throw ProbeFailure(SystemError.words(errno), isOurs: errno != EAFNOSUPPORT)
        }
        do throws(ProbeFailure) {
            if Glibc.connect(fd, address.ai_addr, address.ai_addrlen) != 0 {
                guard errno == EINPROGRESS else { throw ProbeFailure(SystemError.words(errno)) }
                try wait(fd, POLLOUT, deadline, "no connection")
                var code: Int32 = 0
                var length = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length)
                guard code == 0 else { throw ProbeFailure(SystemError.words(code)) }
            }
            // Where nobody listens on a port of the ephemeral range, the kernel may give the socket that very port, and it
            // connects to itself (RFC 9293, 3.5, simultaneous open).
            guard !isConnectedToItself(fd) else { throw ProbeFailure(SystemError.words(ECONNREFUSED)) }
            return fd
        } catch {
            close(fd)
            throw error
        }
    }

    private static func isConnectedToItself(_ fd: Int32) -> Bool {
        func name(_ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> [UInt8]
        {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let code = withUnsafeMutablePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(fd, $0, &length) }
            }
            return code == 0 ? withUnsafeBytes(of: &storage) { Array($0.prefix(Int(length))) } : []
        }
        let own = name { getsockname($0, $1, $2) }
        return !own.isEmpty && own == name { getpeername($0, $1, $2) }
    }

    private static func wait(
        _ fd: Int32, _ events: Int32, _ deadline: MonotonicTime, _ what: String
    ) throws(ProbeFailure) {
        while true {
            let left = MonotonicTime.now.duration(to: deadline)
            guard left > .zero else { throw ProbeFailure("\(what) in time") }
            var waiting = pollfd(fd: fd, events: Int16(events), revents: 0)
            if poll(&waiting, 1, left.milliseconds) > 0 { return }
        }
    }

    func send(_ text: String, _ deadline: MonotonicTime) throws(ProbeFailure) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                try ProbeConnection.wait(descriptor, POLLOUT, deadline, "the request was not taken")
            } else if errno != EINTR {
                throw ProbeFailure(SystemError.words(errno))
            }
        }
    }

    /// The status of the final answer (RFC 9112, 4): interim ones are passed over. Reads 16 KiB at most.
    func status(_ deadline: MonotonicTime) throws(ProbeFailure) -> Int {
        var bytes: [UInt8] = []
        while bytes.count < 16 << 10 {
            if let status = try ProbeConnection.status(in: bytes) { return status }
            guard let piece = try receive(deadline) else {
                throw ProbeFailure(bytes.isEmpty ? "closed the connection without an answer" : "its answer is no HTTP")
            }
            bytes += piece
        }
        throw ProbeFailure("its answer is no HTTP")
    }

    /// nil when more must come.
    static func status(in bytes: [UInt8]) throws(ProbeFailure) -> Int? {
        let magic = Array("HTTP/1.".utf8)
        var rest = bytes[...]
        while true {
            guard rest.prefix(magic.count).elementsEqual(magic.prefix(rest.count)) else {
                throw ProbeFailure("its answer is no HTTP")
            }
            guard rest.count >= 12 else { return nil }
            let digits = rest.dropFirst(9).prefix(3)
            guard rest[rest.startIndex + 8] == UInt8(ascii: " "), digits.allSatisfy({ (0x30...0x39).contains($0) })
            else {
                throw ProbeFailure("its answer is no HTTP")
            }
            let status = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
            // 101 is final for whoever did not ask for it.
            guard (100..<200).contains(status), status != 101 else { return status }
            guard let end = rest.indices.first(where: { rest[$0...].starts(with: [13, 10, 13, 10]) }) else {
                return nil
            }
            rest = rest[(end + 4)...]
        }
    }

    /// nil at the end.
    private func receive(_ deadline: MonotonicTime) throws(ProbeFailure) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 { return Array(buffer.prefix(count)) }
            if count == 0 { return nil }
            guard errno == EAGAIN || errno == EINTR else { throw ProbeFailure(SystemError.words(errno)) }
            try ProbeConnection.wait(descriptor, POLLIN, deadline, "no answer")
        }
    }

    /// Takes a little of what still comes, so that a server with a short page sees a closed connection and not a reset one.
    func drain(_ deadline: MonotonicTime) {
        for _ in 0..<8 {
            do throws(ProbeFailure) {
                if try receive(deadline) == nil { return }
            } catch { return }
        }
    }
}
