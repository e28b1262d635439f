internal import CLinux
internal import CMicroHTTP
internal import Glibc

/// Takes connections for libmicrohttpd, on a thread of its own. When this process or the machine has no descriptor left, it
/// waits a moment before it tries again: the socket stays readable, and a loop would spin. The clients wait in the kernel
/// meanwhile, as they do while the server has as many connections as it may have.
final class HTTPServerAcceptor {
    private let listener: Int32
    private let stopping: Int32
    private let thread: BackgroundThread

    /// How long it waits when a connection could not be taken.
    private static let pause: Int32 = 200
    /// How long it waits for a connection to end when there are too many.
    private static let pauseWhenFull: Int32 = 20

    /// Begins to take connections. The listening socket is this object's from now on.
    /// - Parameters:
    ///   - server: outlives this object, which is ended by `stop`.
    ///   - limit: connections that the server takes at once.
    init(listener: Int32, server: OpaquePointer, limit: Int) throws(SystemError) {
        let stopping = gwe_eventfd()
        guard stopping >= 0 else { throw .last("take connections") }
        _ = fcntl(listener, F_SETFL, O_NONBLOCK)
        let loop = Loop(listener: listener, stopping: stopping, server: server, limit: limit)
        do throws(SystemError) { thread = try BackgroundThread("gwe-accept") { loop.run() } } catch {
            close(stopping)
            throw error
        }
        self.listener = listener
        self.stopping = stopping
    }

    /// Takes no more connections, waits for that, and closes the socket.
    func stop() {
        var one: UInt64 = 1
        while write(stopping, &one, 8) < 0, errno == EINTR {}
        thread.join()
        close(listener)
        close(stopping)
    }

    private struct Loop: @unchecked Sendable {
        let listener: Int32
        let stopping: Int32
        let server: OpaquePointer
        let limit: Int

        func run() {
            while !isStopping(within: -1, orReadable: true) {
                if isFull {
                    if isStopping(within: HTTPServerAcceptor.pauseWhenFull, orReadable: false) { return }
                } else if !take(), isStopping(within: HTTPServerAcceptor.pause, orReadable: false) {
                    return
                }
            }
        }

        /// Waits for a connection, or only for the time to pass.
        private func isStopping(within milliseconds: Int32, orReadable: Bool) -> Bool {
            var fds = [
                pollfd(fd: stopping, events: Int16(POLLIN), revents: 0),
                pollfd(fd: orReadable ? listener : -1, events: Int16(POLLIN), revents: 0),
            ]
            while poll(&fds, 2, milliseconds) < 0 {
                // Without memory for the call there is none for a connection either.
                if errno != EINTR { usleep(UInt32(HTTPServerAcceptor.pause) * 1_000) }
            }
            return fds[0].revents != 0
        }

        private var isFull: Bool { gwe_mhd_connection_count(server) >= limit }

        /// Takes one connection; false when that is not possible at present.
        private func take() -> Bool {
            var address = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let result = withUnsafeMutablePointer(to: &address) { storage in
                storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Bool? in
                    let fd = gwe_mhd_accept(listener, pointer, &length)
                    guard fd >= 0 else { return nil }
                    return MHD_add_connection(server, fd, pointer, length) == MHD_Result.YES
                }
            }
            if let result { return result }
            switch errno {
            // The client is gone, or another one was faster.
            case EAGAIN, EINTR, ECONNABORTED, EPROTO: return true
            default: return false
            }
        }
    }
}
