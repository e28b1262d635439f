public import GatewaySystem

/// A call of the device API that failed. Reads "cannot read engine_fetch: the server answered 503". No token in it.
public struct DeviceClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What to do about it: wait, ask an operator, or correct the request.
    public enum Kind: Sendable, Hashable {
        /// The same request fails again until somebody changes something.
        case permanent
        /// Network, server or storage in trouble; `retryAfter` says when, if the server did.
        case retryLater
        /// There is no token, and this call may not activate.
        case notActivated
        /// The token is refused, and activating anew has not helped or is not permitted.
        case notAuthorised
        /// Activation: the product has no such device (403, 404).
        case unknownDevice
        /// Activation: the device is activated already, or not enabled (409).
        case alreadyActivated
        /// A page, or something else that no device API sends, came in the server's place.
        case captivePortal
        /// The server's certificate is not valid yet: this machine's clock is behind.
        case clock
    }

    /// What kind of failure it is, and so what to do about it.
    public var kind: Kind
    /// What was tried: "read engine_fetch".
    public var action: String
    /// Why it failed, in words for people: "the server answered 503".
    public var reason: String
    /// The HTTP status, if there was one.
    public var status: Int?
    /// When to try again. After a refused identity this is long: a device that nobody wants any more must not keep
    /// a paid link busy.
    public var retryAfter: Duration?
    /// What the network said, where it is the cause.
    public var transfer: TransferError?

    /// The pause after a refusal that only an operator can end.
    public static let patience: Duration = .seconds(3600)

    /// A failed call.
    /// - Parameter retryAfter: nil: an hour (`patience`) where the identity is refused, else nothing is said.
    public init(
        _ kind: Kind, _ action: String, _ reason: String, status: Int? = nil, retryAfter: Duration? = nil,
        transfer: TransferError? = nil
    ) {
        self.kind = kind
        self.action = action
        self.reason = reason
        self.status = status
        self.transfer = transfer
        switch kind {
        case .notAuthorised, .unknownDevice, .alreadyActivated:
            self.retryAfter = retryAfter ?? DeviceClientError.patience
        default: self.retryAfter = retryAfter
        }
    }

    init(_ error: TransferError, _ action: String) {
        let kind: Kind =
            switch error.kind {
            case .clockSuspect: .clock
            // A portal that answers for a foreign name, an own root that is missing, a proxy that looks inside: they
            // stay until somebody acts, and end without anybody telling this device.
            case .captivePortal: .captivePortal
            case .http(401): .notAuthorised
            default: error.isPermanent ? .permanent : .retryLater
            }
        var status: Int?
        if case .http(let code) = error.kind { status = code }
        self.init(kind, action, error.reason, status: status, retryAfter: error.retryAfter, transfer: error)
    }

    init(_ error: SystemError, _ action: String) {
        self.init(error.isPermanent ? .permanent : .retryLater, action, error.description)
    }

    /// `cannot <action>: <reason>`, one line for people and logs.
    public var description: String { "cannot \(action): \(reason)" }

    /// Whether the same call fails again until somebody changes the request or this machine's configuration.
    public var isPermanent: Bool { kind == .permanent }
    /// Whether the cloud is out of reach or out of order, so that working offline is the thing to do.
    public var isUnreachable: Bool {
        switch transfer?.kind {
        case .dns, .connect, .proxy, .timeout, .tls, .clockSuspect, .expired, .tooSlow, .cut, .malformed: true
        default: kind == .captivePortal || (status ?? 0) >= 500 || status == 408 || status == 425 || status == 429
        }
    }
}
