internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Calls supervisord's XML-RPC interface (http://supervisord.org/api.html) over its Unix socket or its inet server. One
/// connection a call; an answer has at most 8 MiB and comes within 15 s.
struct SupervisordClient: Sendable {
    let places: SupervisordPlaces

    /// How often a call is tried that nobody answers, as Gateway Engine's `max_supervisor_rpc_attempts`.
    static let attempts = 3

    /// `retrying`: whether a supervisord that is just being restarted is waited for, half a second in all.
    func call(
        _ method: String, _ parameters: [XMLRPCValue] = [], retrying: Bool = false
    ) throws(SupervisordFailure) -> XMLRPCValue {
        var attempt = 1
        while true {
            do throws(SupervisordFailure) {
                return try once(method, parameters)
            } catch {
                guard retrying, error.isWorthRetryingNow, attempt < SupervisordClient.attempts else { throw error }
                attempt += 1
                usleep(250_000)
            }
        }
    }

    private func once(_ method: String, _ parameters: [XMLRPCValue]) throws(SupervisordFailure) -> XMLRPCValue {
        var configuration = TransferConfiguration()
        var url = "http://localhost/RPC2"
        switch places.server {
        case .unix(let path):
            guard path.utf8.count <= 107 else {
                throw .misconfigured("cannot connect to \(path): the path of a socket has at most 107 bytes")
            }
            configuration.unixSocket = path
        case .inet(let host, let port): url = "http://\(host):\(port)/RPC2"
        }
        var headers = [HTTPHeader("Content-Type", "text/xml"), HTTPHeader("Connection", "close")]
        if let username = places.username {
            let pair = Base64.encode(Array("\(username):\(places.password ?? "")".utf8))
            headers.append(HTTPHeader("Authorization", "Basic \(pair)", isSecret: true))
        }
        var request = HTTPRequest(
            .post, url, headers: headers, body: XMLRPCCall.encode("supervisor.\(method)", parameters))
        request.connectTimeout = .seconds(5)
        request.timeout = .seconds(15)
        request.maximumBodyByteCount = 8 << 20
        let response: HTTPResponse
        do throws(TransferError) {
            response = try HTTPTransfer(configuration).perform(request)
        } catch {
            throw failure(error)
        }
        switch response.status {
        case 200: break
        case 401: throw .unreachable("cannot reach supervisord at \(places.address): user or password is refused")
        default: throw .strange("cannot use \(places.address): it answers \(response.status), not as supervisord does")
        }
        let answer: XMLRPCResponse
        do throws(XMLRPCResponse.Malformed) {
            answer = try XMLRPCResponse.decode(response.body)
        } catch {
            throw .strange("cannot use \(places.address): no XML-RPC: \(error)")
        }
        switch answer {
        case .value(let value): return value
        case .fault(let code, let text):
            throw .fault(method: method, code: code, text: SupervisordFailure.shown(text))
        }
    }

    private func failure(_ error: TransferError) -> SupervisordFailure {
        switch error.kind {
        case .connect:
            guard case .unix(let path) = places.server else { break }
            if !FileTree.exists(path) {
                return .unreachable("cannot reach supervisord at \(places.address): no such socket; is it running?")
            }
            if FileTree.canConnect(path) == .notPermitted {
                return .unreachable("cannot reach supervisord at \(places.address): permission denied")
            }
        case .timeout: return .silent("cannot reach supervisord at \(places.address): no answer within 15 s")
        case .malformed, .tooLarge: return .strange("cannot use \(places.address): \(error.reason)")
        default: break
        }
        return .unreachable("cannot reach supervisord at \(places.address): \(error.reason)")
    }
}

/// RFC 4648, 4.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            for place in 0..<4 {
                text.append(place <= part.count ? digits[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
