internal import Documents
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// The faults in force. They are not kept over the end of the server.
final class Faults: Sendable {
    private struct State {
        var faults: [(id: Int64, fault: Fault)] = []
        var nextID: Int64 = 1
    }
    private let state = Lock(State())

    /// More than these are refused.
    private static let limit = 1000

    /// nil when there are too many.
    @discardableResult
    func add(_ fault: Fault) -> Int64? {
        state.withLock { state in
            guard state.faults.count < Faults.limit else { return nil }
            let id = state.nextID
            state.nextID += 1
            state.faults.append((id, fault))
            return id
        }
    }

    /// Takes one away, or all. Whether there was one.
    @discardableResult
    func clear(_ id: Int64? = nil) -> Bool {
        state.withLock { state in
            let count = state.faults.count
            state.faults.removeAll { id == nil || $0.id == id }
            return state.faults.count < count
        }
    }

    var json: JSONValue {
        .array(
            state.withLock { $0.faults }.map { id, fault in
                .object([("id", .int(id))] + (fault.json.members ?? []))
            })
    }

    var isEmpty: Bool { state.withLock { $0.faults.isEmpty } }

    /// The first fault that meets a request. It is used up by one.
    func take(_ call: Fault.Call, device: String?, over wire: Fault.Wire) -> Fault.Kind? {
        state.withLock { state in
            guard let index = state.faults.firstIndex(where: { $0.fault.meets(call, device: device, over: wire) })
            else { return nil }
            let kind = state.faults[index].fault.kind
            if let times = state.faults[index].fault.times {
                state.faults[index].fault.times = times - 1
                if times <= 1 { state.faults.remove(at: index) }
            }
            return kind
        }
    }
}

extension Fault.Kind {
    /// Answers one request as this fault does. `answer` is what a sound server does.
    func answer(
        _ request: HTTPServerRequest, _ answer: () -> HTTPServerResponse
    ) -> HTTPServerResponse {
        switch self {
        case .slow(let seconds):
            Fault.Kind.wait(for: request.peer, .milliseconds(Int64(seconds * 1000)))
            return answer()
        case .trickle(let rate):
            var response = answer()
            response.bytesPerSecond = rate
            return response
        case .cut(let count):
            var response = answer()
            response.cutAfterByteCount = count
            return response
        case .answer(let status, let retryAfter):
            var response = HTTPServerResponse(status: status)
            if let retryAfter { response.headers.append(("Retry-After", "\(retryAfter)")) }
            return response
        case .captivePortal:
            return HTTPServerResponse(status: 200, text: Fault.Kind.portalPage, type: "text/html")
        case .clock(let offset):
            var response = answer()
            let now = Int64(time(nil)) + offset
            response.headers.append(("Date", HTTPDate.text(unixSeconds: now)))
            if request.path == "/timestamp", response.status == 200 { response.body = .bytes(Array("\(now)".utf8)) }
            return response
        case .silent:
            Fault.Kind.wait(for: request.peer, .seconds(3600))
            return HTTPServerResponse(status: 503, headers: [("Connection", "close")])
        case .garbage:
            var response = answer()
            response.body = .bytes(Fault.Kind.garbageBytes)
            return response
        case .short:
            var response = answer()
            switch response.body {
            case .bytes(let bytes): response.body = .bytes(Array(bytes.prefix(bytes.count / 2)))
            case .file(let path, let offset, let count):
                response.body = .file(path: path, offset: offset, byteCount: count / 2)
            case .stream: break
            }
            return response
        case .huge(let count):
            let left = Lock(count)
            return HTTPServerResponse(
                status: 200, headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
                body: .stream {
                    left.withLock { left in
                        guard left > 0 else { return nil }
                        let piece = Int(min(left, 65_536))
                        left -= Int64(piece)
                        return [UInt8](repeating: UInt8(ascii: "a"), count: piece)
                    }
                })
        case .refuse: return answer()
        }
    }

    /// Until the time is over or the peer has gone.
    private static func wait(for peer: HTTPServerPeer, _ duration: Duration) {
        let clock = ContinuousClock()
        let end = clock.now + duration
        while clock.now < end, !peer.isGone { usleep(50_000) }
    }

    static let portalPage = """
        <!DOCTYPE html><html><head><title>Welcome</title></head>
        <body><h1>Hotel Wi-Fi</h1><form action="/login">Room <input name="room"> <button>Log in</button></form></body></html>
        """
}

extension Fault.Call {
    init(_ request: HTTPServerRequest) {
        let path = String(decoding: Form.unescape(request.path.utf8, plusIsSpace: false), as: UTF8.self)
        let query = Form.decode(query: request.query)
        switch path {
        case "/timestamp": self = .timestamp
        case "/provision/activate": self = .activate
        case "/provision/download":
            if !query.contains(where: { $0.name == "id" }) {
                self = .contents
            } else {
                self = query.contains { $0.name == "info" } ? .info : .download
            }
        case "/onep:v1/stack/alias":
            if request.method == "POST" {
                self = query.isEmpty ? .write : .exchange
            } else {
                self = request.header("Request-Timeout") == nil ? .read : .poll
            }
        case _ where path.hasPrefix("/onep:v1/stack/"): self = .record
        default: self = .other
        }
    }
}
