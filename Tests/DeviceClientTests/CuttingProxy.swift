import Glibc
import Synchronization

/// Passes bytes between a client and a server on 127.0.0.1, and cuts a response after so many bytes of its body.
final class CuttingProxy: Sendable {
    private struct State {
        var cuts: [Int] = []
        var isStopped = false
    }

    let port: UInt16
    private let listener: Int32
    private let upstream: UInt16
    private let state = Mutex(State())

    init(upstream: UInt16) throws {
        self.upstream = upstream
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = CuttingProxy.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isUp = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isUp else { throw Failure.noSocket(errno) }
        port = UInt16(bigEndian: address.sin_port)
        try CuttingProxy.thread { [self] in serve() }
    }

    enum Failure: Error { case noSocket(Int32), noThread(Int32) }

    var url: String { "http://127.0.0.1:\(port)" }

    /// The next response that has a body is cut after so many bytes of it.
    func cutNext(afterBody count: Int) { state.withLock { $0.cuts.append(count) } }

    func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func serve() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0, !state.withLock({ $0.isStopped }) else { break }
            let server = CuttingProxy.connect(upstream)
            if server >= 0 { relay(client, server) }
            close(server)
            close(client)
        }
        close(listener)
    }

    /// One request after the other, until either side ends.
    private func relay(_ client: Int32, _ server: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var response: [UInt8] = []
        var sent = 0
        var ends = [
            pollfd(fd: client, events: Int16(POLLIN), revents: 0),
            pollfd(fd: server, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&ends, 2, -1) > 0 {
            if ends[0].revents != 0 {
                let count = recv(client, &buffer, buffer.count, 0)
                guard count > 0, CuttingProxy.pass(buffer[..<count], to: server) else { return }
                response = []
                sent = 0
            }
            if ends[1].revents != 0 {
                let count = recv(server, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                response += buffer[..<count]
                var limit = response.count
                if let cut = state.withLock({ $0.cuts.first }), CuttingProxy.hasPart(response) {
                    let body = response.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? 0
                    limit = min(limit, body + cut)
                    guard CuttingProxy.pass(response[sent..<limit], to: client) else { return }
                    sent = limit
                    if limit == body + cut, response.count > body {
                        state.withLock { _ = $0.cuts.removeFirst() }
                        return
                    }
                } else {
                    guard CuttingProxy.pass(response[sent...], to: client) else { return }
                    sent = limit
                }
            }
        }
    }

    /// Whether this is the response to a download.
    private static func hasPart(_ response: [UInt8]) -> Bool {
        response.firstRange(of: Array("\r\n\r\n".utf8)) != nil
            && response.firstRange(of: Array("Accept-Ranges".utf8)) != nil
    }

    private static func pass(_ bytes: ArraySlice<UInt8>, to socket: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func connect(_ port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = address(port)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    private static func thread(_ work: @escaping @Sendable () -> Void) throws {
        final class Box: Sendable {
            let work: @Sendable () -> Void
            init(_ work: @escaping @Sendable () -> Void) { self.work = work }
        }
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Box(work)).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().work() }
                return nil
            }, context)
        guard code == 0 else { throw Failure.noThread(code) }
        pthread_detach(thread)
    }
}
