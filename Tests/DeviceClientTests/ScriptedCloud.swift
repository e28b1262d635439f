import DeviceClient
import GatewaySystem
import Synchronization
import TestSupport

/// A cloud that answers as a test wants it, and keeps what it was asked.
final class ScriptedCloud: Sendable {
    private final class Log: Sendable {
        private let entries = Lock<[HTTPServerRequest]>([])

        func add(_ request: HTTPServerRequest) -> Int {
            entries.withLock {
                $0.append(request)
                return $0.count - 1
            }
        }

        var all: [HTTPServerRequest] { entries.withLock { $0 } }
    }

    private let log: Log
    private let server: LocalHTTPServer

    /// The answer may depend on the request and its index.
    init(_ answer: @escaping @Sendable (HTTPServerRequest, Int) -> HTTPServerResponse) throws {
        let log = Log()
        self.log = log
        server = try LocalHTTPServer(.init(address: .tcp(host: "127.0.0.1", port: 0))) { request in
            answer(request, log.add(request))
        }
    }

    var requests: [HTTPServerRequest] { log.all }
    var paths: [String] { requests.map(\.path) }
    func stop() { server.stop() }

    func client(_ folder: TemporaryFolder, mayActivate: Bool = true) throws -> DeviceClient {
        var configuration = DeviceClient.Configuration(
            product: "sandbox000000000", cloudURL: "http://127.0.0.1:\(server.port)/", identity: "00:11:22:33:44:55")
        configuration.mayActivate = mayActivate
        return try DeviceClient(configuration: configuration, tokens: TokenStore(path: folder("token")))
    }
}

/// 40 characters that begin with a word.
func tokenText(_ word: String) -> String { word + String(repeating: "0", count: 40 - word.count) }
