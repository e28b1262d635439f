import Foundation
import Glibc
import GatewaySystem
import Synchronization
import TestSupport

/// A raw server on 127.0.0.1 that sends exactly the bytes it is told to, so that a test can break the protocol at
/// any byte. One thread; it answers the connections one after the other.
final class ScriptedServer: Sendable {
    /// What becomes of the connection after an answer.
    enum After: Sendable {
        /// Waits for the next request on the same connection.
        case keep
        case close
        /// Sends nothing more and waits until the client gives up.
        case hang
    }

    struct Answer: Sendable {
        var bytes: [UInt8]
        var after: After

        init(_ bytes: [UInt8], _ after: After = .close) {
            self.bytes = bytes
            self.after = after
        }

        init(_ status: String, _ headers: [String] = [], body: [UInt8] = [], _ after: After = .close) {
            let head = (["HTTP/1.1 \(status)"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
            self.init(Array(head.utf8) + body, after)
        }

        /// 200 with a Content-Length.
        static func ok(_ body: [UInt8], _ headers: [String] = [], _ after: After = .close) -> Answer {
            Answer("200 OK", ["Content-Length: \(body.count)"] + headers, body: body, after)
        }

        /// Only the first bytes of the body, then the end of the connection.
        func cut(afterBody count: Int) -> Answer {
            let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? 0
            return Answer(Array(bytes.prefix(end + count)), .close)
        }
    }

    struct Request: Sendable {
        var line: String
        var headers: [(name: String, value: String)]
        var body: [UInt8]

        func header(_ name: String) -> String? { headers.first { $0.name == name.lowercased() }?.value }
        /// First byte of `Range: bytes=N-`.
        var rangeStart: Int? {
            header("range").flatMap { $0.hasPrefix("bytes=") ? Int($0.dropFirst(6).prefix { $0 != "-" }) : nil }
        }
    }

    private struct State {
        var requests: [Request] = []
        var sentByteCount = 0
        var connectionCount = 0
        var isStopped = false
        var connection: Int32 = -1
    }

    let port: UInt16
    private let listener: Int32
    private let state = Lock(State())
    private let handler: @Sendable (Request, Int) -> Answer

    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { state.withLock { $0.requests } }
    var connectionCount: Int { state.withLock { $0.connectionCount } }

    /// The handler sees each request and its index.
    init(_ handler: @escaping @Sendable (Request, Int) -> Answer) throws {
        self.handler = handler
        (listener, port) = try Loopback.listen()
        Thread.detachNewThread { [self] in serve() }
    }

    /// Answers in turn; the last one again and again.
    convenience init(_ answers: Answer...) throws {
        try self.init { _, index in answers[min(index, answers.count - 1)] }
    }

    func stop() {
        state.withLock {
            $0.isStopped = true
            shutdown($0.connection, Int32(SHUT_RDWR))
        }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            let isStopped = state.withLock {
                $0.connection = connection
                $0.connectionCount += 1
                return $0.isStopped
            }
            guard connection >= 0, !isStopped else { break }
            converse(connection)
            state.withLock { $0.connection = -1 }
            // Close so that what was sent still arrives, though the client may have sent more.
            shutdown(connection, Int32(SHUT_WR))
            var rest = [UInt8](repeating: 0, count: 4096)
            while recv(connection, &rest, rest.count, 0) > 0 {}
            close(connection)
        }
        close(listener)
    }

    private func converse(_ connection: Int32) {
        var received: [UInt8] = []
        while let request = ScriptedServer.read(connection, &received) {
            let index = state.withLock {
                $0.requests.append(request)
                return $0.requests.count - 1
            }
            let answer = handler(request, index)
            guard Loopback.send(answer.bytes, to: connection) else { return }
            switch answer.after {
            case .keep: continue
            case .close: return
            case .hang:
                var byte: UInt8 = 0
                while recv(connection, &byte, 1, 0) > 0 {}
                return
            }
        }
    }

    private static func read(_ connection: Int32, _ received: inout [UInt8]) -> Request? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            if let end = received.firstRange(of: Array("\r\n\r\n".utf8)) {
                let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
                let headers = lines.dropFirst().map { line in
                    let parts = line.split(separator: ":", maxSplits: 1)
                    let value = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
                    return (name: parts[0].lowercased(), value: value)
                }
                let length = headers.first { $0.name == "content-length" }.flatMap { Int($0.value) } ?? 0
                if received.count >= end.upperBound + length {
                    let body = Array(received[end.upperBound..<(end.upperBound + length)])
                    received.removeFirst(end.upperBound + length)
                    return Request(line: String(lines.first ?? ""), headers: headers, body: body)
                }
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            if count <= 0 { return nil }
            received += buffer[..<count]
        }
    }
}
