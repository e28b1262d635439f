public import Documents
public import GatewayModel
internal import GatewaySystem

/// Talks to a running daemon over its socket (HTTP on a Unix socket, NDJSON for long work).
public struct ControlClient: Sendable {
    public enum Failure: Error, Sendable, CustomStringConvertible {
        /// Nobody listens.
        case noDaemon
        case notPermitted(String)
        case refused(status: Int, message: String)
        case broken(String)

        public var description: String {
            switch self {
            case .noDaemon: "no daemon is running (gwe run)"
            case .notPermitted(let path): "cannot connect to \(path): permission denied"
            case .refused(_, let message): message
            case .broken(let why): "the daemon went away: \(why)"
            }
        }
    }

    private let socket: String

    /// nil when no socket is there, so that a command without a daemon costs one system call.
    public init?(folders: Folders) {
        guard FileTree.exists(folders.socketFile) else { return nil }
        socket = folders.socketFile
    }

    /// Whether a daemon listens.
    public static func isAnswered(_ folders: Folders) -> Bool {
        FileTree.exists(folders.socketFile) && FileTree.canConnect(folders.socketFile) != .nobody
    }

    /// Asks for one JSON document.
    public func get(_ path: String) throws(Failure) -> JSONValue {
        try request(HTTPRequest(.get, "http://localhost" + path, headers: [], body: nil))
    }

    /// Sends a document and gets one back.
    public func post(_ path: String, _ body: JSONValue = .object([])) throws(Failure) -> JSONValue {
        var request = HTTPRequest(
            .post, "http://localhost" + path, headers: [HTTPHeader("Content-Type", "application/json")],
            body: Array(body.text().utf8))
        request.timeout = nil
        return try self.request(request)
    }

    /// Sends a document and gets a stream of them back, one a line.
    public func stream(_ path: String, _ body: JSONValue, event: @escaping (JSONValue) -> Void) throws(Failure) {
        var request = HTTPRequest(
            .post, "http://localhost" + path, headers: [HTTPHeader("Content-Type", "application/json")],
            body: Array(body.text().utf8))
        request.timeout = nil
        let response: HTTPResponse
        do throws(TransferError) {
            response = try transfer().performLines(request) { line in
                if let node = try? JSON.parse(Array(line), source: "daemon") { event(node.json) }
            }
        } catch {
            throw failure(error)
        }
        guard response.status == 200 else { throw refusal(response) }
    }

    private func request(_ request: HTTPRequest) throws(Failure) -> JSONValue {
        var request = request
        request.maximumBodyByteCount = 64 << 20
        let response: HTTPResponse
        do throws(TransferError) { response = try transfer().perform(request) } catch { throw failure(error) }
        guard response.status == 200 else { throw refusal(response) }
        do throws(DocumentError) {
            return try JSON.parse(
                response.body, source: "daemon", limits: DocumentLimits(byteCount: 64 << 20, nodeCount: 8 << 20)
            ).json
        } catch {
            throw .broken("\(error)")
        }
    }

    private func transfer() throws(TransferError) -> HTTPTransfer {
        var configuration = TransferConfiguration()
        configuration.unixSocket = socket
        return try HTTPTransfer(configuration)
    }

    private func refusal(_ response: HTTPResponse) -> Failure {
        let message = (try? JSON.parse(response.body, source: "daemon"))?["message"]?.string
        return .refused(status: response.status, message: message ?? "the daemon answered \(response.status)")
    }

    private func failure(_ error: TransferError) -> Failure {
        switch error.kind {
        case .connect: FileTree.canConnect(socket) == .notPermitted ? .notPermitted(socket) : .noDaemon
        default: .broken("\(error)")
        }
    }
}
