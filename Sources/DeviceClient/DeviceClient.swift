public import GatewaySystem

/// What one request of the device API was for and what it cost.
public struct DeviceExchange: Sendable {
    /// The method of HTTP: `GET` or `POST`.
    public var method: String
    /// The aliases or contents that it was for; for a call that has none, the path without its leading slash.
    public var resources: [String]
    /// Bytes of HTTP that were sent: request line, headers and body. TLS and TCP are not in it.
    public var sentByteCount: Int64
    /// Bytes of HTTP that were received: status line, headers and body.
    public var receivedByteCount: Int64
    /// From the start of the request to the end of its answer, or to its failure.
    public var duration: Duration
    /// The HTTP status; nil when no response came, and for the requests of a download, whose status is not told.
    public var status: Int?
}

/// Exosite Murano's HTTPS device API for one device (docs/cloud.md#the-device-api-over-https).
///
/// Used by one thread at a time; calls block, and connections are kept between them. A token that the server refuses
/// is renewed once by activating again, where that is permitted; nothing else is tried twice here: when to call
/// again is the caller's policy, which the errors inform.
public final class DeviceClient {
    /// Which device this is, and how its cloud is reached. `ofThisGateway` makes one from gwe's own files.
    public struct Configuration: Sendable {
        /// The form of the activation request.
        public enum Activation: Sendable {
            /// `id=<identity>`, since 2018.
            case identity
            /// `vendor=<product>&model=<product>&sn=<identity>`, as Gateway Engine sent it.
            case serialNumber
        }

        /// What is tried, in words.
        var activationAction: String {
            "activate device \(identity)" + (product.isEmpty ? "" : " of product \(product)")
        }

        /// The product's id; part of the default URL.
        public var product: String
        /// `https://<product>.m2.exosite.io` unless given.
        public var cloudURL: String?
        /// The device's name in that product: a serial number, or a MAC address in upper case.
        public var identity: String
        /// Roots, client certificate, proxy, interface. TLS 1.2 or newer, always verified.
        public var transfer: TransferConfiguration
        /// Which form the activation request has; `identity` unless a cloud wants the old one.
        public var activation = Activation.identity
        /// Off for a dry run: it neither activates nor writes a token.
        public var mayActivate = true
        /// Used in place of the stored token until the server refuses it.
        public var token: DeviceToken?
        /// Off where the client certificate alone says who this is: then no token is read, sent or asked for.
        public var usesToken = true
        /// Of one request; a long poll has its own on top.
        public var timeout: Duration = .seconds(60)
        /// Of one answer's body; a longer one is an error. Contents are not limited by it.
        public var answerByteLimit: Int64 = 8 << 20
        /// Asked at least once a second during a request; true ends it. A request to activate goes on for some seconds
        /// more, because a token that is on its way is given out once.
        public var isCancelled: (@Sendable () -> Bool)?

        /// A device of a product. All else has its default, and may be changed before the client is made.
        /// - Parameter cloudURL: nil: the product's own address at Exosite.
        public init(
            product: String, cloudURL: String? = nil, identity: String,
            transfer: TransferConfiguration = TransferConfiguration()
        ) {
            self.product = product
            self.cloudURL = cloudURL
            self.identity = identity
            self.transfer = transfer
        }

        /// Without a slash at the end.
        public var baseURL: String {
            var url = cloudURL ?? "https://\(product).m2.exosite.io"
            while url.hasSuffix("/") { url.removeLast() }
            return url
        }
    }

    /// What this client was made with.
    public let configuration: Configuration
    /// Where the token is kept between runs. `TokenStore.none` for a client that is given its token.
    public let tokens: TokenStore
    /// Told what every request cost on the wire, of those that failed too; of long ones about once a second, and of the
    /// last bytes when this object goes and closes its connections. `UsageMeter.count` is made for it.
    public var meter: ((UsageRecord) -> Void)? {
        get { counter.meter }
        set { counter.meter = newValue }
    }
    /// Told of every request once it is over, of those that failed too.
    public var observer: ((DeviceExchange) -> Void)?
    let transfer: HTTPTransfer
    private let counter: UsageCounter
    private var token: DeviceToken?
    /// What the calls have cost on the wire so far, both ways; contents that were downloaded are not in it.
    public var callByteCount: Int64 { counter.callByteCount }

    /// Throws only when libcurl cannot be set up.
    public init(configuration: Configuration, tokens: TokenStore) throws(DeviceClientError) {
        self.configuration = configuration
        self.tokens = tokens
        token = configuration.token
        do throws(TransferError) {
            transfer = try HTTPTransfer(configuration.transfer)
        } catch {
            throw DeviceClientError(error, "reach the cloud")
        }
        counter = UsageCounter(transfer, .init(identity: configuration.identity, method: .get, resources: []))
    }

    // MARK: Identity

    /// Whether a token is at hand; nothing is asked of the server.
    public func isActivated() throws(DeviceClientError) -> Bool { try storedToken("read the token") != nil }

    /// Activates this device and keeps its token durably before this returns. What it replaces stays as the previous
    /// generation.
    @discardableResult
    public func activate() throws(DeviceClientError) -> DeviceToken {
        let action = configuration.activationAction
        guard configuration.mayActivate else {
            throw DeviceClientError(.notActivated, action, "activating is not permitted in this run")
        }
        let identity = configuration.identity
        let response = try exchange(activationCall(action), token: nil, isActivation: true)
        switch response.status {
        case 200: break
        case 403, 404:
            let reason = "the product has no such device (\(response.status)); add it in the cloud"
            throw DeviceClientError(.unknownDevice, action, reason, status: response.status)
        case 409:
            // A token is given out once: without it here nothing but the cloud's operator can help.
            let reason =
                "the cloud says that it is activated already, or not enabled (409), and has given its token out once; "
                + "enable the activation of \(identity) in the cloud again, or put its token back "
                + "('gwe config set token -')"
            throw DeviceClientError(.alreadyActivated, action, reason, status: 409)
        default: throw unexpected(response, action)
        }
        guard let token = DeviceToken(response.text.filter { !$0.isWhitespace }) else {
            throw DeviceClientError(.captivePortal, action, "the answer is no token", status: 200)
        }
        do throws(SystemError) { try tokens.save(token) } catch { throw DeviceClientError(error, "keep the token") }
        self.token = token
        return token
    }

    func activationCall(_ action: String) -> Call {
        let product = configuration.product
        let identity = configuration.identity
        let form: [(String, String)] =
            switch configuration.activation {
            case .identity: [("id", identity)]
            case .serialNumber: [("vendor", product), ("model", product), ("sn", identity)]
            }
        return Call(
            .activate, "/provision/activate", form: form, resources: ["provision/activate"], action: action)
    }

    private func storedToken(_ action: String) throws(DeviceClientError) -> DeviceToken? {
        do throws(SystemError) {
            return try tokens.load(repairing: configuration.mayActivate)?.token
        } catch {
            throw DeviceClientError(error, action)
        }
    }

    // MARK: Requests

    /// One call, before it is known which token goes with it.
    struct Call {
        /// What it is counted as.
        var usage: UsageRecord.Method
        var method: HTTPRequest.Method { body == nil ? .get : .post }
        /// Path and query.
        var path: String
        var headers: [HTTPHeader] = []
        var body: [UInt8]?
        var resources: [String]
        var action: String
        var extraTime: Duration = .zero

        init(
            _ usage: UsageRecord.Method, _ path: String, form: [(String, String)]? = nil, resources: [String],
            action: String
        ) {
            self.usage = usage
            self.path = path
            self.resources = resources
            self.action = action
            guard let form else { return }
            headers = [HTTPHeader("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
            body = Array(FormCoding.encode(form.map { (name: $0.0, value: $0.1) }).utf8)
        }
    }

    /// The header that says who this is (docs/cloud.md#who-the-device-is).
    static func header(_ token: DeviceToken) -> HTTPHeader { HTTPHeader("X-Exosite-CIK", token.secret, isSecret: true) }

    /// Sends a call with the device's token. A refusal (401) is answered by one activation and one more try.
    func authorised(_ call: Call) throws(DeviceClientError) -> HTTPResponse {
        try withToken(call.action) { (token) throws(DeviceClientError) in
            let response = try exchange(call, token: token)
            return (response, isRefused: response.status == 401)
        }
    }

    /// Runs a call with a token; when the token is refused, with the one that another process has stored in the
    /// meantime, or else once more after activating.
    func withToken<Result>(
        _ action: String, _ call: (DeviceToken?) throws(DeviceClientError) -> (Result, isRefused: Bool)
    ) throws(DeviceClientError) -> Result {
        guard configuration.usesToken else {
            let (result, isRefused) = try call(nil)
            guard isRefused else { return result }
            throw DeviceClientError(.notAuthorised, action, "the server refuses the certificate (401)", status: 401)
        }
        let (first, isFresh) = try currentToken(action)
        var (result, isRefused) = try call(first)
        if isRefused, let stored = try storedToken(action), stored != first {
            token = stored
            (result, isRefused) = try call(stored)
        }
        guard isRefused else { return result }
        token = nil
        guard configuration.mayActivate, !isFresh else {
            throw DeviceClientError(.notAuthorised, action, "the server refuses the token (401)", status: 401)
        }
        (result, isRefused) = try call(activate())
        guard isRefused else { return result }
        token = nil
        throw DeviceClientError(
            .notAuthorised, action, "the server refuses the new token too (401)", status: 401)
    }

    private func currentToken(_ action: String) throws(DeviceClientError) -> (DeviceToken, isFresh: Bool) {
        if let token { return (token, false) }
        if let stored = try storedToken(action) {
            token = stored
            return (stored, false)
        }
        guard configuration.mayActivate else {
            throw DeviceClientError(.notActivated, action, "this device is not activated")
        }
        return (try activate(), true)
    }

    /// Sends one request. What no device API sends is a captive portal's.
    ///
    /// - Parameter isActivation: whether the answer is a token: then it is not ended before some seconds after it was
    ///   cancelled.
    func exchange(
        _ call: Call, token: DeviceToken?, isActivation: Bool = false
    ) throws(DeviceClientError) -> HTTPResponse {
        var request = HTTPRequest(
            call.method, configuration.baseURL + call.path, headers: call.headers, body: call.body)
        if let token { request.headers.append(DeviceClient.header(token)) }
        request.timeout = configuration.timeout + call.extraTime
        request.maximumBodyByteCount = configuration.answerByteLimit
        request.isCancelled =
            isActivation ? DeviceClient.patiently(configuration.isCancelled) : configuration.isCancelled
        var status: Int?
        count(call.usage, call.resources)
        defer { observe(call.method, call.resources, transfer.lastInfo, status) }
        do throws(TransferError) {
            let response = try transfer.perform(request)
            status = response.status
            try refusePortal(response, call.action)
            // A token has a length that is known, and is given out once.
            if !isActivation { try refuseEndless(response, call.action) }
            return response
        } catch {
            throw DeviceClientError(error, call.action)
        }
    }

    /// Less than the 20 s that the daemon's stop waits for the step that runs, with room to keep the token.
    private static let patience: Duration = .seconds(15)

    /// The same, but true only some seconds after it was true for the first time.
    private static func patiently(_ isCancelled: (@Sendable () -> Bool)?) -> (@Sendable () -> Bool)? {
        guard let isCancelled else { return nil }
        let limit = Monitor<MonotonicTime?>(nil)
        return {
            guard isCancelled() else { return false }
            return limit.update { known in
                let end = known ?? MonotonicTime.now + DeviceClient.patience
                known = end
                return MonotonicTime.now >= end
            }
        }
    }

    /// Says what the next requests are for.
    func count(_ method: UsageRecord.Method, _ resources: [String]) {
        counter.subject = .init(identity: configuration.identity, method: method, resources: resources)
    }

    func observe(_ method: HTTPRequest.Method, _ resources: [String], _ info: TransferInfo, _ status: Int?) {
        observer?(
            DeviceExchange(
                method: method.rawValue, resources: resources, sentByteCount: info.sentByteCount,
                receivedByteCount: info.receivedByteCount, duration: info.duration, status: status))
    }

    private func refusePortal(_ response: HTTPResponse, _ action: String) throws(TransferError) {
        let isRedirect = (300..<400).contains(response.status) && response.header("Location") != nil
        let isPage =
            response.status == 200
            && (response.head.mediaType == "text/html" || response.body.first { $0 > 32 } == UInt8(ascii: "<"))
        guard isRedirect || isPage || response.status == 511 else { return }
        let other = response.status == 511 ? "a demand for a login (511) came" : "a redirect came (\(response.status))"
        let what = isPage ? "an HTML page came" : other
        throw TransferError(.captivePortal, action, what + " instead of the answer; is there a captive portal?")
    }

    /// A body whose end only the end of the connection tells may have been cut off (RFC 9112, 8): half of a manifest would
    /// be one with fewer apps. The cloud gives each of its answers a length.
    private func refuseEndless(_ response: HTTPResponse, _ action: String) throws(TransferError) {
        guard response.status == 200, !response.body.isEmpty, response.header("Content-Length") == nil,
            response.header("Transfer-Encoding") == nil
        else { return }
        throw TransferError(
            .cut, action, "the answer tells no length, so that one which was cut off would look whole")
    }

    /// A status that the call does not know.
    func unexpected(_ response: HTTPResponse, _ action: String) -> DeviceClientError {
        let status = response.status
        let isPermanent = (200..<500).contains(status) && ![408, 425, 429].contains(status)
        return DeviceClientError(
            isPermanent ? .permanent : .retryLater, action, "the server answered \(status)", status: status,
            retryAfter: response.info.retryAfter)
    }
}
