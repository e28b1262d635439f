import Foundation
import Glibc
import GatewaySystem
import Synchronization
import TestSupport

/// Passes bytes between a client and a server on 127.0.0.1, and cuts a response after so many bytes of its body.
final class CuttingProxy: Sendable {
    private struct State {
        var cuts: [Int] = []
        var isStopped = false
    }

    let port: UInt16
    private let listener: Int32
    private let upstream: UInt16
    private let state = Lock(State())

    init(upstream: UInt16) throws {
        self.upstream = upstream
        (listener, port) = try Loopback.listen()
        Thread.detachNewThread { [self] in serve() }
    }

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
            if let server = try? Loopback.connect(upstream) {
                relay(client, server)
                close(server)
            }
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
                guard count > 0, Loopback.send(buffer[..<count], to: server) else { return }
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
                    guard Loopback.send(response[sent..<limit], to: client) else { return }
                    sent = limit
                    if limit == body + cut, response.count > body {
                        state.withLock { _ = $0.cuts.removeFirst() }
                        return
                    }
                } else {
                    guard Loopback.send(response[sent...], to: client) else { return }
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
}
