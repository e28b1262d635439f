internal import Glibc
internal import Synchronization

/// A request as a `LocalHTTPServer` hands it to its handler. Nothing in it has been decoded.
public struct HTTPServerRequest: Sendable {
    /// In the case that the peer used; HTTP's methods are upper case.
    public var method: String
    /// Percent-encoded, without the query: `/onep:v1/stack/alias`.
    public var path: String
    /// Everything after the first `?`, as sent; nil without one.
    public var query: String?
    /// In the order of the message.
    public var headers: [(name: String, value: String)]
    /// The bytes of a body that was received into memory.
    public var body: [UInt8] = []
    /// The file that holds the body, if the server's `HTTPBodyPlan` said so. It is unlinked when the exchange ends:
    /// rename it to keep it.
    public var bodyFile: String?
    /// How long the body was, wherever it is.
    public var bodyByteCount: Int64 = 0
    /// The common name of the client's certificate, if `Configuration.clientCA` has signed it and it is valid now.
    public var clientName: String?
    /// The other end of the connection: whether it still waits for the answer, and its address.
    public let peer: HTTPServerPeer

    /// The value of the first header of that name, in any case; without white space around it.
    public func header(_ name: String) -> String? {
        headers.first { LocalHTTPServer.equalsIgnoringCase($0.name, name) }?.value
    }
}

/// The other end of a request's connection, for handlers that wait.
public final class HTTPServerPeer: Sendable {
    private let descriptor: Atomic<Int32>
    private let stopping: HTTPServerStopFlag

    init(descriptor: Int32, stopping: HTTPServerStopFlag) {
        self.descriptor = Atomic(descriptor)
        self.stopping = stopping
    }

    /// Whether an answer would reach nobody: the peer closed (or half-closed) its connection, or the server stops.
    /// A handler that waits asks this at least once a second.
    public var isGone: Bool {
        let fd = descriptor.load(ordering: .acquiring)
        guard fd >= 0, !stopping.isSet else { return true }
        // POLLRDHUP (poll(2)), which needs _GNU_SOURCE in C and is the same on every Linux we run on.
        var entry = pollfd(fd: fd, events: 0x2000, revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    /// The four octets of the peer's IPv4 address and the two of its port; nil for other kinds of address.
    public var ipv4Octets: [UInt8]? {
        let fd = descriptor.load(ordering: .acquiring)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(fd, $0, &length) }
        }
        guard result == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
        return withUnsafeBytes(of: address.sin_addr) { Array($0) } + withUnsafeBytes(of: address.sin_port) { Array($0) }
    }

    func forget() { descriptor.store(-1, ordering: .releasing) }
}

/// Set once, when the server begins to stop.
final class HTTPServerStopFlag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}

/// Where a request's body goes, decided from its head. A longer one is answered 413.
public enum HTTPBodyPlan: Sendable {
    /// Into `HTTPServerRequest.body`.
    case memory(byteLimit: Int64)
    /// A new file, which must not exist, mode 0600.
    case file(path: String, byteLimit: Int64)

    var byteLimit: Int64 {
        switch self {
        case .memory(let limit), .file(_, let limit): limit
        }
    }
}

/// An answer. `Content-Length`, `Date` and, for HTTP/1.1, `Transfer-Encoding` are added by the server; so is
/// `Connection: close` where needed, and it may be given to end the connection after the answer.
public struct HTTPServerResponse: Sendable {
    /// What is sent after the head.
    public enum Body: Sendable {
        /// These bytes.
        case bytes([UInt8])
        /// A part of a file. If it cannot be opened, the answer is 500.
        case file(path: String, offset: Int64, byteCount: Int64)
        /// Called for one piece after another until it returns nil. It may block for as long as there is nothing to
        /// say, but returns an empty piece at least once a second, so that a peer that went away is noticed.
        case stream(@Sendable () -> [UInt8]?)
    }

    /// Status code (RFC 9110, 15).
    public var status: Int
    /// Sent beside those of the server. A `Date` among them replaces the server's.
    public var headers: [(name: String, value: String)]
    /// What is sent after the head; not sent in answer to HEAD.
    public var body: Body
    /// Cuts the connection once this many bytes of the body have been sent: a fault for tests.
    public var cutAfterByteCount: Int64?
    /// Sends the body no faster: a fault for tests. More than 0.
    public var bytesPerSecond: Int64?
    /// Called once when the exchange is over: how many bytes of the body went into the socket, and whether the whole
    /// answer did. It runs on the connection's thread and must not block for long.
    public var completion: (@Sendable (_ sentByteCount: Int64, _ isWhole: Bool) -> Void)?

    /// An answer; an empty one without a body.
    /// - Parameter completion: called once when the exchange is over, see the property.
    public init(
        status: Int, headers: [(name: String, value: String)] = [], body: Body = .bytes([]),
        completion: (@Sendable (Int64, Bool) -> Void)? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.completion = completion
    }

    /// An answer with a text as its body.
    public init(status: Int, text: String, type: String = "text/plain; charset=utf-8") {
        self.init(status: status, headers: [("Content-Type", type)], body: .bytes([UInt8](text.utf8)))
    }
}
