public import Documents

/// What is wrong between this gateway and its cloud: one kind for every failure, what it was exactly, and since when.
public struct CloudTrouble: Sendable, Hashable {
    /// The kinds of failure. The raw values are what the journal keeps.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The name of the cloud's host is not found.
        case dns
        /// Nothing answers, or there is no network.
        case noConnection = "no_connection"
        /// No answer came in time.
        case timeout
        /// The connection ends too early, or is too slow to be of use.
        case badLink = "bad_link"
        /// The proxy does not let the cloud through; also its 407.
        case proxy
        /// The server's certificate is not trusted, or the handshake fails.
        case tls
        /// The server's certificate has expired, or this machine's clock is ahead.
        case certificateExpired = "certificate_expired"
        /// The server's certificate is not valid yet.
        case clock
        /// A page of some hotspot came instead of the cloud's answer.
        case captivePortal = "captive_portal"
        /// Not what was asked for: truncated, too large, no HTTP.
        case garbledAnswer = "garbled_answer"
        /// The cloud asks to be left alone: 408, 425, 429, and 503 with `Retry-After`.
        case busy
        /// 5xx.
        case serverError = "server_error"
        /// 4xx that no other kind has: the same request fails again.
        case refused
        /// This gateway has no token.
        case notActivated = "not_activated"
        /// The cloud does not know the token.
        case notAuthorised = "not_authorised"
        /// The cloud's product has no device with this identity.
        case unknownDevice = "unknown_device"
        /// The cloud gives out no token again until the device's activation is enabled anew.
        case alreadyActivated = "already_activated"
        /// The disk is full.
        case noSpace = "no_space"
        /// A file of this machine could not be read or written, or it is short of memory.
        case storage
        /// gateway.yaml does not let the request be made.
        case configuration
        /// The cloud answers, and an artifact could not be fetched.
        case artifact

        /// Whether only a person can end it, at the cloud or here: then there is hours of patience, and neither a
        /// change of the network nor a restart of gwe shortens it.
        public var isRefusal: Bool {
            switch self {
            case .refused, .notActivated, .notAuthorised, .unknownDevice, .alreadyActivated, .configuration: true
            default: false
            }
        }

        /// Whether a clock that was wrong may be the cause.
        public var mayBeClock: Bool { self == .clock || self == .certificateExpired || self == .tls }
    }

    /// What decides how long to wait, and what people are told.
    public var kind: Kind
    /// The error itself, with what was tried. No secret in it.
    public var reason: String
    /// When the first failure of this trouble was; later ones do not move it.
    public var since: WallTime

    /// A failure of a talk, as the connection saw it.
    public init(_ kind: Kind, reason: String, since: WallTime) {
        self.kind = kind
        self.reason = reason
        self.since = since
    }

    /// What a technician is told.
    /// - Parameter doubt: what is wrong with this machine's clock, "behind (1970-01-01)"; nil when it is trusted.
    public func words(clockDoubt doubt: String? = nil) -> String {
        if let doubt, kind.mayBeClock {
            return "this machine's clock is \(doubt): TLS certificates cannot be checked"
        }
        return kind.words
    }
}

extension CloudTrouble.Kind {
    fileprivate var words: String {
        switch self {
        case .dns: "the cloud's name is not found (DNS)"
        case .noConnection: "no connection to the cloud: nothing answers there, or the network is down"
        case .timeout: "the cloud did not answer in time"
        case .badLink: "the connection to the cloud breaks off or is too slow"
        case .proxy: "the proxy does not let the cloud through"
        case .tls: "the cloud's TLS certificate is not trusted (wrong server, or ca_file lacks its root)"
        case .certificateExpired: "the cloud's TLS certificate has expired"
        case .clock: "the cloud's TLS certificate is not valid yet: this machine's clock is probably behind"
        case .captivePortal: "captive portal: a page came instead of the cloud's answer"
        case .garbledAnswer: "the answer is not what was asked for: truncated, too large, or not the cloud's"
        case .busy: "the cloud is busy and asks to be left alone for a while"
        case .serverError: "the cloud is out of order (a status of 5xx)"
        case .refused: "the cloud refuses the request, and would again"
        case .notActivated: "this gateway is not activated"
        case .notAuthorised: "the cloud does not know this gateway's token"
        case .unknownDevice: "the cloud's product has no such device as this gateway"
        case .alreadyActivated:
            "the cloud says this gateway is activated already, or not enabled: enable its activation there again"
        case .noSpace: "the disk is full: what the cloud sends cannot be kept"
        case .storage: "this machine cannot do it now: a file cannot be read or written, or memory is short"
        case .configuration: "gateway.yaml does not let the cloud be asked"
        case .artifact: "the cloud answers, but an artifact cannot be fetched"
        }
    }
}

extension CloudTrouble {
    /// `kind`, `reason` and `since` in milliseconds, for the journal.
    public var json: JSONValue {
        ["kind": .string(kind.rawValue), "reason": .string(reason), "since": .int(since.milliseconds)]
    }

    /// Reads what `json` wrote; nil when a member is missing or the kind is unknown to this gwe.
    public init?(_ json: JSONValue) {
        guard let kind = json["kind"]?.string.flatMap(Kind.init(rawValue:)), let reason = json["reason"]?.string,
            let since = json["since"]?.int
        else { return nil }
        self.init(kind, reason: reason, since: WallTime(milliseconds: since))
    }
}
