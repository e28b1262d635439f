public import Documents
public import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Talks to a running daemon over its socket (HTTP on a Unix socket, NDJSON for long work).
public struct ControlClient: Sendable {
    public enum Failure: Error, Sendable, CustomStringConvertible {
        /// Nobody listens.
        case noDaemon
        /// The socket is not for this user, or it is not to be trusted: why.
        case notPermitted(String)
        case refused(status: Int, message: String)
        case broken(String)

        public var description: String {
            switch self {
            case .noDaemon: "no daemon is running (gwe run)"
            case .notPermitted(let why): why
            case .refused(_, let message): message
            case .broken(let why): "the daemon went away: \(why)"
            }
        }
    }

    private let socket: String

    /// nil when there is no daemon's socket. A daemon that has the state folder and no socket is just coming up, or a new
    /// program is taking its place: it is waited for.
    public init?(folders: Folders) {
        socket = folders.socketFile
        let end = MonotonicTime.now + ControlClient.patience
        while !FileTree.exists(socket) {
            guard let holder = try? FileLock.probe(folders.lockFile), holder.purpose == DaemonProcess.daemonPurpose,
                MonotonicTime.now < end
            else { return nil }
            usleep(20_000)
        }
    }

    private static let patience: Duration = .seconds(10)

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
        try requireTrust()
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
        try requireTrust()
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

    /// Nobody may put a socket there in the daemon's place.
    private func requireTrust() throws(Failure) {
        guard let distrust = FileTree.distrust(ofSocket: socket) else { return }
        throw .notPermitted("cannot trust \(socket): \(distrust)")
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
        case .connect:
            FileTree.canConnect(socket) == .notPermitted
                ? .notPermitted("cannot connect to \(socket): permission denied") : .noDaemon
        default: .broken("\(error)")
        }
    }
}
