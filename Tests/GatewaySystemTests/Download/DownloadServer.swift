import GatewaySystem
import Synchronization

/// A well-behaved origin of one content, which knows ranges, and whose misbehaviour is chosen per request.
final class ContentServer: Sendable {
    enum Fault: Sendable {
        case none
        /// The connection ends after so many bytes of the body.
        case cut(Int)
        case status(String, [String])
        case html
        case ignoreRange
        /// A Content-Range that does not fit.
        case contentRange(String)
        case chunkedToo
        case hangAfter(Int)
    }

    struct State: Sendable {
        var content: [UInt8]
        var headers: [String]
        var faults: [Fault] = []
        var bodyByteCount = 0
    }

    let state: Lock<State>
    private let server: Lock<ScriptedServer?> = Lock(nil)

    init(_ content: [UInt8], headers: [String] = ["ETag: \"one\""], faults: [Fault] = []) throws {
        state = Lock(State(content: content, headers: headers, faults: faults))
        let server = try ScriptedServer { [self] request, _ in answer(request) }
        self.server.withLock { $0 = server }
    }

    func stop() {
        server.withLock {
            $0?.stop()
            $0 = nil
        }
    }

    var url: String { server.withLock { ($0?.url ?? "") + "/app.tar.gz" } }
    var requests: [ScriptedServer.Request] { server.withLock { $0?.requests ?? [] } }
    /// Body bytes of content that were put on the wire.
    var bodyByteCount: Int { state.withLock { $0.bodyByteCount } }

    func replace(_ content: [UInt8], headers: [String]) {
        state.withLock {
            $0.content = content
            $0.headers = headers
        }
    }

    private func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        state.withLock { state in
            let fault = state.faults.isEmpty ? Fault.none : state.faults.removeFirst()
            let total = state.content.count
            var start = request.rangeStart
            if let condition = request.header("if-range"), !state.headers.contains("ETag: \(condition)") { start = nil }
            var body = state.content
            var status = "200 OK"
            var headers = state.headers
            if let start, start < total {
                body = Array(state.content[start...])
                status = "206 Partial Content"
                headers.append("Content-Range: bytes \(start)-\(total - 1)/\(total)")
            } else if start != nil {
                return .init("416 Range Not Satisfiable", ["Content-Range: bytes */\(total)", "Content-Length: 0"])
            }
            var answer = ScriptedServer.Answer(status, headers + ["Content-Length: \(body.count)"], body: body)
            switch fault {
            case .none: break
            case .cut(let count):
                answer = answer.cut(afterBody: count)
                body = Array(body.prefix(count))
            case .status(let line, let headers):
                return .init(line, headers + ["Content-Length: 0"])
            case .html:
                return .ok(Array("<!DOCTYPE html><html>Please log in</html>".utf8), ["Content-Type: text/html"])
            case .ignoreRange:
                body = state.content
                answer = .ok(body, state.headers)
            case .contentRange(let text):
                answer = .init(
                    "206 Partial Content",
                    state.headers + ["Content-Range: \(text)", "Content-Length: \(body.count)"], body: body)
            case .chunkedToo:
                let chunk = String(body.count, radix: 16)
                let chunked = Array("\(chunk)\r\n".utf8) + body + Array("\r\n0\r\n\r\n".utf8)
                let both = headers + ["Content-Length: \(body.count)", "Transfer-Encoding: chunked"]
                answer = .init(status, both, body: chunked)
            case .hangAfter(let count):
                answer = answer.cut(afterBody: count)
                answer.after = .hang
                body = Array(body.prefix(count))
            }
            state.bodyByteCount += body.count
            return answer
        }
    }
}

/// Content in which no two places look alike.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
    }
}
