internal import CCurl
internal import Documents
internal import Glibc

/// An HTTP/1.1 client on one libcurl easy handle, which keeps its connections between requests (libcurl-easy(3)).
///
/// Used by one thread at a time; calls block. Statuses are answers, not errors: `perform` throws only when there is
/// no whole response. Nothing is written to disk.
public final class HTTPTransfer {
    private let configuration: TransferConfiguration
    private let handle: UnsafeMutableRawPointer
    /// The context of callbacks that `handle` calls until its end.
    private let wire = HTTPTransferWire()
    private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    private static let hasInitialised = Lock(false)

    /// Once a process and before any other use (curl_global_init(3)); what failed is tried again.
    private static var isInitialised: Bool {
        hasInitialised.withLock { done in
            if !done { done = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK }
            return done
        }
    }

    /// Throws `refused` when libcurl is not on this machine or cannot be set up, `storage` when memory is short for it.
    public init(_ configuration: TransferConfiguration = TransferConfiguration()) throws(TransferError) {
        self.configuration = configuration
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        if let problem = gwe_curl_load() {
            message.deallocate()
            throw HTTPTransfer.loadFailure(String(cString: problem))
        }
        guard HTTPTransfer.isInitialised, let handle = curl_easy_init() else {
            message.deallocate()
            throw TransferError(.refused, "set up libcurl", "out of memory")
        }
        self.handle = handle
    }

    /// Why libcurl could not be loaded, from the words of dlerror(3), which tells no code.
    static func loadFailure(_ problem: String) -> TransferError {
        let signs = [
            "failed to map segment", "annot allocate memory", "annot map zero-fill pages", "annot create search path",
            "annot create shared object descriptor", "out of memory",
        ]
        guard signs.contains(where: { problem.holds($0) }) else {
            return TransferError(.refused, "load libcurl", problem)
        }
        return TransferError(
            .storage, "load libcurl", "this machine or this process is short of memory: \(problem)", code: ENOMEM)
    }

    /// Closes the kept connections and tells `wireMeter` of their last bytes.
    deinit {
        curl_easy_cleanup(handle)
        message.deallocate()
        wire.close()
    }

    /// Told of what went over the wire: see `WireReading`. On the thread that uses this.
    public var wireMeter: ((WireReading) -> Void)? {
        get { wire.meter }
        set { wire.meter = newValue }
    }

    /// Sends a request and takes the whole response into memory, up to `maximumBodyByteCount`.
    public func perform(_ request: HTTPRequest) throws(TransferError) -> HTTPResponse {
        let collector = HTTPTransferCollector(limit: request.maximumBodyByteCount, action: action(of: request))
        let info = try perform(request, into: collector)
        return HTTPResponse(head: collector.head, body: collector.body, info: info)
    }

    /// Sends a request and gives the body away line by line as it arrives (NDJSON). A line may have `lineLimit` bytes.
    /// The body of any other status than 200 is returned, up to `maximumBodyByteCount`.
    public func performLines(
        _ request: HTTPRequest, lineLimit: Int = 8 << 20, _ line: @escaping (ArraySlice<UInt8>) -> Void
    ) throws(TransferError) -> HTTPResponse {
        let collector = HTTPTransferLines(request, lineLimit: lineLimit, action: action(of: request), line: line)
        let info = try perform(request, into: collector)
        collector.end()
        return HTTPResponse(head: collector.head, body: collector.body, info: info)
    }

    /// The same with the body given to a receiver as it arrives. `lastInfo` tells the cost also after an error.
    func perform(_ request: HTTPRequest, into receiver: any HTTPTransferReceiver) throws(TransferError) -> TransferInfo
    {
        lastInfo = TransferInfo()
        let action = action(of: request)
        let url = try accepted(request.url, action: action)
        gwe_curl_end_closed_connection(handle)
        curl_easy_reset(handle)
        message.pointee = 0
        let exchange = HTTPTransferExchange(receiver, request, action: action, wire: wire)
        var list: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(list) }
        // Without "Expect" a larger body is not held back for a second (RFC 9110, 10.1.1).
        for header in request.headers + [HTTPHeader("Expect", "")] {
            let line = "\(header.name):\(header.value.isEmpty ? "" : " " + header.value)"
            guard !line.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                throw TransferError(.refused, action, "header '\(header.name.prefix(40))' holds a control character")
            }
            guard let longer = curl_slist_append(list, line) else {
                throw TransferError(SystemError(action, code: ENOMEM))
            }
            list = longer
        }
        do throws(CurlFailure) {
            try configure(request, url)
            try set(CURLOPT_HTTPHEADER, list)
            try connect(exchange)
        } catch {
            if error.code == CURLE_OUT_OF_MEMORY { throw TransferError(SystemError(action, code: ENOMEM)) }
            throw TransferError(.refused, action, HTTPTransfer.words(error.code), code: Int32(error.code.rawValue))
        }
        wire.begin()
        let code = withExtendedLifetime(exchange) { HTTPTransfer.withoutBrokenPipeSignal { curl_easy_perform(handle) } }
        wire.end()
        lastInfo = info()
        if code != CURLE_OK, exchange.failure == nil { throw failure(code, request, action) }
        try exchange.finish()
        return lastInfo
    }

    /// The cost of the last request, whether it succeeded or not.
    public private(set) var lastInfo = TransferInfo()

    private func action(of request: HTTPRequest) -> String {
        let target = WebAddress(request.url)?.redacted ?? "the URL"
        return request.method.rawValue.lowercased() + " " + target
    }

    private func accepted(_ text: String, action: String) throws(TransferError) -> WebAddress {
        guard let url = WebAddress(text) else { throw TransferError(.refused, action, "it is not a URL") }
        switch url.scheme {
        case "https": return url
        case "http" where configuration.allowsPlainHTTP || url.isLoopback: return url
        case "http": throw TransferError(.refused, action, "plain http is for loopback only; use https")
        default: throw TransferError(.refused, action, "scheme '\(url.scheme)' is not https")
        }
    }

    // MARK: Options (curl_easy_setopt(3))

    private struct CurlFailure: Error { var code: CURLcode }

    private func check(_ code: CURLcode) throws(CurlFailure) { if code != CURLE_OK { throw CurlFailure(code: code) } }
    private func set(_ option: CURLoption, _ value: Int) throws(CurlFailure) {
        try check(gwe_curl_set_long(handle, option, value))
    }
    private func set(_ option: CURLoption, _ value: String?) throws(CurlFailure) {
        try check(gwe_curl_set_string(handle, option, value))
    }
    private func set(_ option: CURLoption, _ value: UnsafeMutablePointer<curl_slist>?) throws(CurlFailure) {
        try check(gwe_curl_set_list(handle, option, value))
    }

    private func configure(_ request: HTTPRequest, _ url: WebAddress) throws(CurlFailure) {
        // As it was read, so that libcurl cannot read another host from it than the one that was checked.
        try set(CURLOPT_URL, url.text)
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_REDIR_PROTOCOLS_STR, "https")
        try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        // With a speed limit, no more at once than a second's worth: the pauses in between are not to look like a stall.
        // After a name that could not be resolved libcurl still holds its buffer and refuses another size with code 43
        // (seen with 7.88): the request then goes out with the buffer that is there.
        _ = gwe_curl_set_long(handle, CURLOPT_BUFFERSIZE, Int(min(256 << 10, max(1024, request.receiveLimit ?? .max))))
        try check(gwe_curl_set_sockets(handle, wire.callbacks))
        try set(CURLOPT_USERAGENT, configuration.userAgent)

        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        if let file = configuration.caFile {
            try set(CURLOPT_CAINFO, file)
            // Only these roots: without this the folder of the system's would still count.
            try set(CURLOPT_CAPATH, nil as String?)
        }
        if let file = configuration.clientCertificate { try set(CURLOPT_SSLCERT, file) }
        if let file = configuration.clientKey { try set(CURLOPT_SSLKEY, file) }

        if configuration.keepsCertificates { try set(CURLOPT_CERTINFO, 1) }
        if let path = configuration.unixSocket { try set(CURLOPT_UNIX_SOCKET_PATH, path) }
        if url.isLoopback {
            try set(CURLOPT_PROXY, "")
        } else {
            if let proxy = configuration.proxy { try set(CURLOPT_PROXY, proxy) }
            if let interface = configuration.interface { try set(CURLOPT_INTERFACE, "if!" + interface) }
        }

        let follows = request.followsRedirects && !request.headers.contains(where: \.isSecret)
        try set(CURLOPT_FOLLOWLOCATION, follows ? 1 : 0)
        try set(CURLOPT_MAXREDIRS, 5)
        try set(CURLOPT_CONNECTTIMEOUT_MS, HTTPTransfer.milliseconds(request.connectTimeout))
        try set(CURLOPT_TIMEOUT_MS, request.timeout.map(HTTPTransfer.milliseconds) ?? 0)
        if let low = request.lowSpeed {
            // A transfer that is held back on purpose is not slow.
            let threshold = min(low.bytesPerSecond, (request.receiveLimit ?? .max) / 2)
            try set(CURLOPT_LOW_SPEED_LIMIT, Int(max(1, threshold)))
            try set(CURLOPT_LOW_SPEED_TIME, max(1, HTTPTransfer.milliseconds(low.duration) / 1000))
        }
        try configureMethod(request)
    }

    private func configureMethod(_ request: HTTPRequest) throws(CurlFailure) {
        switch request.method {
        case .get where request.body == nil: try set(CURLOPT_HTTPGET, 1)
        case .head: try set(CURLOPT_NOBODY, 1)
        default:
            let body = request.body ?? []
            try set(CURLOPT_POST, 1)
            try check(gwe_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
            let copied = body.withUnsafeBytes { bytes in
                // Read only, though the option's type says otherwise; an empty body still needs an address.
                withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { empty in
                    let start = bytes.baseAddress.map(UnsafeMutableRawPointer.init(mutating:)) ?? empty.baseAddress
                    return gwe_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, start)
                }
            }
            try check(copied)
            if request.method != .post { try set(CURLOPT_CUSTOMREQUEST, request.method.rawValue) }
        }
    }

    private func connect(_ exchange: HTTPTransferExchange) throws(CurlFailure) {
        let context = Unmanaged.passUnretained(exchange).toOpaque()
        try check(gwe_curl_set_data_callback(handle, CURLOPT_HEADERFUNCTION, HTTPTransferExchange.onHeader))
        try check(gwe_curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
        try check(gwe_curl_set_data_callback(handle, CURLOPT_WRITEFUNCTION, HTTPTransferExchange.onBody))
        try check(gwe_curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
        try set(CURLOPT_NOPROGRESS, 0)
        try check(gwe_curl_set_progress_callback(handle, HTTPTransferExchange.onProgress))
        try check(gwe_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context))
        try check(gwe_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message))
    }

    // MARK: Results (curl_easy_getinfo(3))

    private func number(_ key: CURLINFO) -> Int {
        var value = 0
        return gwe_curl_get_long(handle, key, &value) == CURLE_OK ? value : 0
    }

    private func offset(_ key: CURLINFO) -> Int64 {
        var value: curl_off_t = 0
        return gwe_curl_get_offset(handle, key, &value) == CURLE_OK ? Int64(value) : 0
    }

    private func info() -> TransferInfo {
        var info = TransferInfo()
        info.sentByteCount = Int64(number(CURLINFO_REQUEST_SIZE)) + offset(CURLINFO_SIZE_UPLOAD_T)
        info.receivedByteCount = Int64(number(CURLINFO_HEADER_SIZE)) + offset(CURLINFO_SIZE_DOWNLOAD_T)
        info.duration = .microseconds(offset(CURLINFO_TOTAL_TIME_T))
        info.newConnectionCount = number(CURLINFO_NUM_CONNECTS)
        info.redirectCount = number(CURLINFO_REDIRECT_COUNT)
        var text: UnsafeMutablePointer<CChar>?
        if gwe_curl_get_string(handle, CURLINFO_PRIMARY_IP, &text) == CURLE_OK, let text {
            info.address = String(cString: text)
        }
        let seconds = offset(CURLINFO_RETRY_AFTER)
        if seconds > 0 { info.retryAfter = .seconds(seconds) }
        if configuration.keepsCertificates { info.certificates = HTTPTransfer.certificates(of: handle) }
        return info
    }

    /// That a redirect is not followed because of its scheme, and where it led.
    private func redirectProblem(_ code: CURLcode) -> String? {
        guard code == CURLE_UNSUPPORTED_PROTOCOL,
            number(CURLINFO_REDIRECT_COUNT) > 0 || (300..<400).contains(number(CURLINFO_RESPONSE_CODE))
        else { return nil }
        var text: UnsafeMutablePointer<CChar>?
        guard gwe_curl_get_string(handle, CURLINFO_EFFECTIVE_URL, &text) == CURLE_OK, let text else { return nil }
        let target = String(cString: text)
        let scheme = target.prefix { $0 != ":" }.prefix(16)
        return "the server redirects to \(WebAddress(target)?.redacted ?? "\(scheme):…"), and only https is followed"
    }

    private func failure(_ code: CURLcode, _ request: HTTPRequest, _ action: String) -> TransferError {
        // libcurl says so too of a header line of more than 100 KB (lib/curl_setup.h, CURL_MAX_HTTP_HEADER), which a
        // server can send; where no answer has begun, memory really is short.
        if code == CURLE_OUT_OF_MEMORY {
            guard number(CURLINFO_RESPONSE_CODE) != 0 else {
                return TransferError(SystemError(action, code: ENOMEM))
            }
            return TransferError(
                .malformed, action, "a header of the answer is too long, or this machine is short of memory",
                code: Int32(code.rawValue))
        }
        let detail = String(cString: message)
        // Newer ones put the general words of the code behind the particular ones, which say it already.
        let general = ": " + String(cString: curl_easy_strerror(code))
        let particular = detail.hasSuffix(general) ? String(detail.dropLast(general.count)) : detail
        let reason =
            redirectProblem(code) ?? (detail.isEmpty ? HTTPTransfer.words(code) : particular.lowercasedFirst)
        let isNotYetValid = number(CURLINFO_SSL_VERIFYRESULT) == 9  // X509_V_ERR_CERT_NOT_YET_VALID
        let isExpired = number(CURLINFO_SSL_VERIFYRESULT) == 10  // X509_V_ERR_CERT_HAS_EXPIRED
        let isConnected = offset(CURLINFO_PRETRANSFER_TIME_T) > 0
        let ranOut = request.timeout.map { lastInfo.duration >= $0 } ?? false
        let kind: TransferError.Kind =
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST: .dns
            case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: .proxy
            case _ where number(CURLINFO_HTTP_CONNECTCODE) >= 300: .proxy
            case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED: .connect
            case CURLE_OPERATION_TIMEDOUT: isConnected && request.lowSpeed != nil && !ranOut ? .tooSlow : .timeout
            case CURLE_PEER_FAILED_VERIFICATION: isNotYetValid ? .clockSuspect : isExpired ? .expired : .tls
            case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER, CURLE_SSL_INVALIDCERTSTATUS: .tls
            case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR: .cut
            // Also what libcurl says to an answer without a status line (HTTP/0.9).
            case CURLE_UNSUPPORTED_PROTOCOL
            where isConnected && number(CURLINFO_RESPONSE_CODE) == 0 && number(CURLINFO_REDIRECT_COUNT) == 0:
                .malformed
            case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_TOO_MANY_REDIRECTS, CURLE_SSL_CERTPROBLEM,
                CURLE_SSL_CACERT_BADFILE, CURLE_FAILED_INIT:
                .refused
            case CURLE_FILESIZE_EXCEEDED: .tooLarge
            case CURLE_ABORTED_BY_CALLBACK: .cancelled
            default: .malformed
            }
        var hint = kind == .clockSuspect ? "; is this machine's clock right?" : ""
        if code == CURLE_COULDNT_CONNECT || kind == .proxy, let target = WebAddress(request.url),
            let proxy = TransferProxy.inForce(configuration.proxy, ProcessFacts.environment, for: target)
        {
            hint += "; it goes through the proxy that \(proxy.source) names"
        }
        return TransferError(kind, action, reason + hint, code: Int32(code.rawValue), retryAfter: nil)
    }

    private static func words(_ code: CURLcode) -> String {
        String(cString: curl_easy_strerror(code)).lowercasedFirst
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        let clamped = min(max(seconds, 0), 10_000_000)
        return max(1, Int(clamped) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}
