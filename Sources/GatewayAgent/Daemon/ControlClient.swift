public import Documents
public import GatewayModel
internal import GatewaySystem
internal import Glibc
public import Wire

/// Talks to a running daemon over its socket (HTTP on a Unix socket, NDJSON for long work).
public struct ControlClient: Sendable {
    /// Why a call came to nothing.
    public enum Failure: Error, Sendable, CustomStringConvertible {
        /// Nobody listens.
        case noDaemon
        /// The socket is not for this user, or it is not to be trusted: why.
        case notPermitted(String)
        /// It does not do what it is asked: the status of its answer, and why.
        case refused(status: Int, message: String)
        /// It went away, or its answer cannot be understood.
        case broken(String)

        /// Which refusal it is; nil for another failure.
        public var refusal: ControlRefusal.Kind? {
            guard case .refused(let status, _) = self else { return nil }
            return ControlRefusal.Kind(rawValue: status)
        }

        /// The reason as one line for people.
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

    /// Makes a call that is answered by one document.
    public func ask<Request: ControlRequest>(_ request: Request) throws(Failure) -> Request.Answer {
        try receive(request).answer
    }

    /// The same, with the document as it came: a newer daemon may say more in it than this program knows, and whoever
    /// passes it on keeps that.
    public func receive<Request: ControlRequest>(
        _ request: Request
    ) throws(Failure) -> (answer: Request.Answer, json: JSONValue) {
        var outgoing = message(request)
        outgoing.maximumBodyByteCount = Int64(ControlClient.answerLimit)
        try requireTrust()
        let response: HTTPResponse
        do throws(TransferError) { response = try transfer().perform(outgoing) } catch { throw failure(error) }
        guard response.status == 200 else { throw refusal(response) }
        let node: Node
        do throws(DocumentError) {
            let limits = DocumentLimits(byteCount: ControlClient.answerLimit, nodeCount: 8 << 20)
            node = try JSON.parse(response.body, source: "daemon", limits: limits)
        } catch {
            throw .broken("\(error)")
        }
        do throws(WireError) { return (try Request.Answer(json: node.json), node.json) } catch {
            throw .broken("its answer to \(Request.call.path) cannot be understood: \(error)")
        }
    }

    /// Makes a call that is answered by the lines of a pass.
    /// - Parameter line: gets each as it came, and what it says; `.other` where this program cannot read it.
    public func run(
        _ request: some PassControlRequest, line: @escaping (PassLine, JSONValue) -> Void
    ) throws(Failure) {
        try requireTrust()
        let response: HTTPResponse
        do throws(TransferError) {
            response = try transfer().performLines(message(request)) { bytes in
                guard let node = try? JSON.parse(Array(bytes), source: "daemon") else { return }
                line((try? PassLine(json: node.json)) ?? .other(node.json), node.json)
            }
        } catch {
            throw failure(error)
        }
        guard response.status == 200 else { throw refusal(response) }
    }

    private static let answerLimit = 64 << 20

    private func message<Request: ControlRequest>(_ request: Request) -> HTTPRequest {
        let message = request.message
        let url = "http://localhost" + message.target(of: Request.call)
        switch Request.call.method {
        case .get: return HTTPRequest(.get, url, headers: [], body: nil)
        case .post:
            var outgoing = HTTPRequest(
                .post, url, headers: [HTTPHeader("Content-Type", "application/json")], body: message.body)
            // A pass takes as long as it takes.
            outgoing.timeout = nil
            return outgoing
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
        let answer = try? MessageAnswer(jsonText: String(decoding: response.body, as: UTF8.self))
        return .refused(
            status: response.status, message: answer?.message ?? "the daemon answered \(response.status)")
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
