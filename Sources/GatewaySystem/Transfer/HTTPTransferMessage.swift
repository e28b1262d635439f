/// One header line of a request or a response (RFC 9110, 6.3).
public struct HTTPHeader: Sendable, Hashable, CustomStringConvertible {
    /// As it is sent or was received; upper and lower case mean the same.
    public var name: String
    /// Without white space around it. An empty one in a request keeps libcurl from sending a header of that name.
    public var value: String
    /// A credential: never printed, and a request that carries one follows no redirect.
    public var isSecret: Bool

    /// - Parameter isSecret: whether the value is a credential.
    public init(_ name: String, _ value: String, isSecret: Bool = false) {
        self.name = name
        self.value = value
        self.isSecret = isSecret
    }

    /// The header line; a secret value is shown as `…`.
    public var description: String { "\(name): \(isSecret ? "…" : value)" }
}

/// One HTTP request (RFC 9110). Every limit has a default, so that no answer can hold a thread or fill the memory.
public struct HTTPRequest: Sendable {
    /// The method; its raw value goes into the request line.
    public enum Method: String, Sendable {
        case get = "GET", head = "HEAD", post = "POST", put = "PUT", delete = "DELETE"
    }

    /// A transfer slower than this for that long is given up (`tooSlow`).
    public struct LowSpeed: Sendable {
        /// Bytes a second below which a transfer is slow. With `receiveLimit`, at most half of that limit counts.
        public var bytesPerSecond: Int64
        /// How long it may be slow; counted in whole seconds, 1 at least.
        public var duration: Duration
        /// Slower than so many bytes a second for so long.
        public init(bytesPerSecond: Int64, duration: Duration) {
            self.bytesPerSecond = bytesPerSecond
            self.duration = duration
        }
    }

    /// What to do with the resource.
    public var method: Method
    /// Absolute, `https:`, or `http:` where `TransferConfiguration` permits it.
    public var url: String
    /// Sent beside those of libcurl. One with a control character makes the request fail with `refused`.
    public var headers: [HTTPHeader]
    /// nil: none; POST, PUT and DELETE then send an empty one. HEAD never sends one.
    public var body: [UInt8]?
    /// DNS, TCP and TLS together.
    public var connectTimeout: Duration = standardConnectTimeout
    /// `connectTimeout` where nobody says otherwise.
    public static let standardConnectTimeout: Duration = .seconds(30)
    /// The whole request; nil: no limit (then set `lowSpeed`).
    public var timeout: Duration? = .seconds(60)
    /// nil: a transfer may be as slow as `timeout` lets it be.
    public var lowSpeed: LowSpeed?
    /// Of the response's body, in bytes; more is `tooLarge`. A download has its own limit.
    public var maximumBodyByteCount: Int64 = 1 << 20
    /// Follow up to 5 redirects, to https only. Off for the device API, which never redirects: there a redirect is a
    /// captive portal. A request with a secret header follows none.
    public var followsRedirects = false
    /// Bytes of the body a second; nil: as fast as it goes.
    public var receiveLimit: Int64?
    /// Asked about once a second while the request is under way; true ends it with `cancelled`.
    public var isCancelled: (@Sendable () -> Bool)?

    /// A request with all limits at their defaults.
    public init(_ method: Method = .get, _ url: String, headers: [HTTPHeader] = [], body: [UInt8]? = nil) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// Status and headers of a final response (never a 1xx, never a redirect that was followed).
public struct HTTPResponseHead: Sendable {
    /// Status code (RFC 9110, 15).
    public var status: Int
    /// In the order in which they came, without trailers. One name may come more than once.
    public var headers: [HTTPHeader]

    /// A head of these parts.
    public init(status: Int, headers: [HTTPHeader]) {
        self.status = status
        self.headers = headers
    }

    /// The first value of a header; the name's case does not matter.
    public func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    /// The media type without its parameters, in lower case.
    public var mediaType: String? {
        header("Content-Type")?.lowercased().split(separator: ";").first.map { text in
            String(text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace })
        }
    }
}

/// What one request cost, for metering and tests.
public struct TransferInfo: Sendable {
    /// Bytes of HTTP: request line, headers and body. TLS and TCP are not in it.
    public var sentByteCount: Int64 = 0
    /// Bytes of HTTP that came: status line, headers and body.
    public var receivedByteCount: Int64 = 0
    /// From the beginning of the request to its end: name lookup, connecting and redirects are in it.
    public var duration: Duration = .zero
    /// 0 when a kept connection was used again.
    public var newConnectionCount = 0
    /// How many redirects were followed.
    public var redirectCount = 0
    /// Peer's address, or "" when there was no connection.
    public var address = ""
    /// From `Retry-After` (RFC 9110, 10.2.3), seconds or date.
    public var retryAfter: Duration?
    /// The chain that the server has shown, its own first, if a new connection was made and they were to be kept.
    public var certificates: [CertificateFacts] = []
}

/// A whole response in memory.
public struct HTTPResponse: Sendable {
    /// Status and headers.
    public var head: HTTPResponseHead
    /// The whole body; empty where there is none.
    public var body: [UInt8]
    /// What the request cost.
    public var info: TransferInfo

    /// Status code (RFC 9110, 15).
    public var status: Int { head.status }
    /// The first value of a header; the name's case does not matter.
    public func header(_ name: String) -> String? { head.header(name) }
    /// The body as UTF-8, repaired where it is not.
    public var text: String { String(decoding: body, as: UTF8.self) }
}
