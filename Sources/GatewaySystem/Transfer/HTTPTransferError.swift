internal import Glibc

/// A transfer that failed. Reads "cannot get https://host/path: connection refused (7)"; never holds a credential:
/// the values of a URL's query, its user and its password are left out.
public struct TransferError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong, as far as callers act on it.
    public enum Kind: Sendable, Hashable {
        /// The host's name was not found.
        case dns
        /// No TCP connection.
        case connect
        /// Connecting, the request or an acknowledgement took longer than it may.
        case timeout
        /// The handshake failed or the server's certificate is not trusted.
        case tls
        /// The server's certificate is not valid yet: this machine's clock is probably behind.
        case clockSuspect
        /// The server's certificate has expired.
        case expired
        /// The proxy cannot be reached, or refuses (407 and other answers to CONNECT).
        case proxy
        /// Below the agreed speed for too long.
        case tooSlow
        /// More bytes than allowed.
        case tooLarge
        /// The connection ended before the response did.
        case cut
        /// An unwanted status.
        case http(Int)
        /// A page where data was expected: a captive portal or a proxy answers in the server's place.
        case captivePortal
        /// Not even tried: the request or the configuration is not acceptable.
        case refused
        /// The answer breaks the protocol.
        case malformed
        /// The content is not of the size that was announced.
        case wrongSize
        /// The content does not have the digest that was asked for.
        case wrongDigest
        /// The content kept changing while it was fetched.
        case changed
        /// A file on this machine could not be read or written, or its memory is short; `code` is errno(3).
        case storage
        /// The caller asked to stop.
        case cancelled
    }

    /// What went wrong.
    public var kind: Kind
    /// What was tried and on what: "get https://host/path".
    public var action: String
    /// Why it failed, in words and without `code`.
    public var reason: String
    /// libcurl's code, or errno for `storage`; 0 when there is none. A status is in `kind`.
    public var code: Int32
    /// What the server asked for with `Retry-After`.
    public var retryAfter: Duration?
    /// Whether the lack of space was only reckoned: not a byte was refused.
    var isEstimate = false

    /// - Parameters:
    ///   - action: what was tried and on what, without "cannot" and without a credential.
    ///   - reason: why it failed, without a credential.
    public init(_ kind: Kind, _ action: String, _ reason: String, code: Int32 = 0, retryAfter: Duration? = nil) {
        self.kind = kind
        self.action = action
        self.reason = reason
        self.code = code
        self.retryAfter = retryAfter
    }

    init(_ error: SystemError) {
        self.init(.storage, error.action, error.reason, code: error.code)
    }

    /// Runs work on files of this machine; its failure is a `storage` error.
    static func local<Result: ~Copyable>(_ work: () throws(SystemError) -> Result) throws(TransferError) -> Result {
        do throws(SystemError) { return try work() } catch { throw TransferError(error) }
    }

    /// "cannot", the action, the reason, and the code where there is one.
    public var description: String { "cannot \(action): \(reason)" + (code == 0 ? "" : " (\(code))") }

    /// Whether the same request can succeed only after somebody has changed something. A status of 4xx is permanent,
    /// but 408, 425 and 429 (RFC 9110, 15.5; RFC 8470; RFC 6585).
    public var isPermanent: Bool {
        switch kind {
        case .http(408), .http(425), .http(429): false
        case .http(let status): (400..<500).contains(status)
        case .tooLarge, .refused, .wrongSize, .wrongDigest: true
        case .storage: SystemError(action, code: code).isPermanent
        default: false
        }
    }

    /// The disk or the quota is full.
    public var isNoSpace: Bool { kind == .storage && (code == ENOSPC || code == EDQUOT) }

    /// Whether this machine is the cause, and may do the same in a minute: see `SystemError.isShortage`.
    public var isShortage: Bool { kind == .storage && SystemError(action, code: code).isShortage }

    /// Whether trying again within seconds makes sense. An untrusted certificate, a portal or a wrong clock stay.
    var isWorthRetryingNow: Bool {
        switch kind {
        case .dns, .connect, .proxy, .timeout, .tooSlow, .cut, .malformed: true
        case .http: !isPermanent
        default: false
        }
    }
}
