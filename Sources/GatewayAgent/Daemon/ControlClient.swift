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
        /// It has the state folder, or listens, and answers nothing; its pid, where that is known.
        case silent(pid: Int32?)
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

        /// What a command ends with that needs the daemon; nil where that depends on the command.
        public var exit: ExitStatus? {
            switch self {
            case .notPermitted: .notPermitted
            case .silent: .tryLater
            case .noDaemon, .refused, .broken: nil
            }
        }

        /// The reason as one line for people.
        public var description: String {
            switch self {
            case .noDaemon: "no daemon is running (gwe run)"
            case .silent(let pid): Failure.words(silent: pid)
            case .notPermitted(let why): why
            case .refused(_, let message): message
            case .broken(let why): "the daemon went away: \(why)"
            }
        }

        private static func words(silent pid: Int32?) -> String {
            guard let pid else { return "the daemon does not answer" }
            let words = "the daemon (pid \(pid)) does not answer"
            if ProcessFacts.isStopped(pid) { return "\(words): it was stopped; 'kill -CONT \(pid)' lets it go on" }
            return
                "\(words); if it stays so, 'kill -9 \(pid)' ends it: its apps run on, and the next daemon takes them over"
        }
    }

    /// Told of a call that takes long, with the daemon's pid where that is known, each time that nothing has come for five
    /// seconds.
    public typealias Waiting = @Sendable (_ pid: Int32?) -> Void

    private let socket: String
    private let folders: Folders
    private let waiting: Waiting

    /// How long a daemon may take to give a sign of life.
    public static let patience: Duration = .seconds(5)

    /// nil when there is no daemon's socket. A daemon that has the state folder and no socket is just coming up, or a new
    /// program is taking its place: it is waited for. One that then still has none is silent: calls say so.
    /// - Parameter waiting: see `Waiting`.
    public init?(folders: Folders, waiting: @escaping Waiting = { _ in }) {
        let end = MonotonicTime.now + ControlClient.patience
        self.folders = folders
        self.waiting = waiting
        var place = ControlSocketPlace.find(folders)
        while !FileTree.exists(place) {
            guard ControlClient.holder(folders) != nil else { return nil }
            guard MonotonicTime.now < end else { break }
            usleep(20_000)
            place = ControlSocketPlace.find(folders)
        }
        socket = place
    }

    /// The pid of the daemon that has the state folder; nil when none has.
    private static func holder(_ folders: Folders) -> Int32? {
        guard let holder = try? StateLock.probe(folders.stateFolder), holder.purpose == DaemonProcess.daemonPurpose
        else { return nil }
        return holder.processIdentifier
    }

    /// The failure of every call to a daemon that gives no sign of life, or that this user may not ask; nil where it does,
    /// and where there is none.
    public static func failure(_ folders: Folders) -> Failure? {
        guard let client = ControlClient(folders: folders) else { return nil }
        do throws(Failure) {
            try client.requireLife()
            return nil
        } catch {
            if case .noDaemon = error { return nil }
            return error
        }
    }

    /// Whether a daemon listens.
    public static func isAnswered(_ folders: Folders) -> Bool {
        let socket = ControlSocketPlace.find(folders)
        return FileTree.exists(socket) && FileTree.canConnect(socket) != .nobody
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
        let vigil = ControlVigil(try requireLife(), socket, waiting)
        outgoing.isCancelled = { vigil.isOver() }
        let response: HTTPResponse
        do throws(TransferError) { response = try transfer().perform(outgoing) } catch { throw failure(error, vigil) }
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
        let vigil = ControlVigil(try requireLife(), socket, waiting)
        var outgoing = message(request)
        outgoing.isCancelled = { vigil.isOver() }
        let response: HTTPResponse
        do throws(TransferError) {
            response = try transfer().performLines(outgoing) { bytes in
                vigil.heard()
                guard let node = try? JSON.parse(Array(bytes), source: "daemon") else { return }
                line((try? PassLine(json: node.json)) ?? .other(node.json), node.json)
            }
        } catch {
            throw failure(error, vigil)
        }
        guard response.status == 200 else { throw refusal(response) }
    }

    private static let answerLimit = 64 << 20

    private func message<Request: ControlRequest>(_ request: Request) -> HTTPRequest {
        let message = request.message
        let url = "http://localhost" + message.target(of: Request.call)
        var outgoing: HTTPRequest
        switch Request.call.method {
        case .get: outgoing = HTTPRequest(.get, url, headers: [], body: nil)
        case .post:
            outgoing = HTTPRequest(
                .post, url, headers: [HTTPHeader("Content-Type", "application/json")], body: message.body)
        }
        // A pass takes as long as it takes, and so does hashing all files; a daemon that hangs is found out by its silence.
        outgoing.timeout = nil
        return outgoing
    }

    /// Nobody is asked anything before he has given a sign of life.
    /// - Returns: the daemon's pid, where it is known.
    @discardableResult private func requireLife() throws(Failure) -> Int32? {
        try requireTrust()
        let end = MonotonicTime.now + ControlClient.patience
        while true {
            switch FileTree.signOfLife(ofServer: socket, within: ControlClient.patience) {
            case .answers(let pid): return pid
            case .silent(let pid): throw .silent(pid: pid ?? ControlClient.holder(folders))
            case .notPermitted: throw .notPermitted(refusedConnection)
            case .nobody:
                // One that has the state folder is coming up, beside what a crash left of the socket before.
                guard let pid = ControlClient.holder(folders) else { throw .noDaemon }
                guard MonotonicTime.now < end else { throw .silent(pid: pid) }
                usleep(20_000)
            }
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

    private func failure(_ error: TransferError, _ vigil: ControlVigil) -> Failure {
        if vigil.isSilent { return .silent(pid: vigil.pid ?? ControlClient.holder(folders)) }
        switch error.kind {
        case .connect:
            return FileTree.canConnect(socket) == .notPermitted ? .notPermitted(refusedConnection) : .noDaemon
        default: return .broken("\(error)")
        }
    }

    private var refusedConnection: String {
        let group = FileTree.groupName(of: socket).map { ", or as a member of its group \($0)" } ?? ""
        return "cannot connect to \(socket): permission denied: use sudo\(group)"
    }
}
