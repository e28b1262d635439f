internal import CMicroHTTP
internal import Documents
internal import Glibc

/// One request and its answer, from the request line to the last byte. libmicrohttpd calls it from the connection's
/// thread only, and holds one reference from `onTarget` to `onCompleted`.
final class HTTPExchange {
    private let shared: LocalHTTPServer.Shared
    private let target: String
    private var request: HTTPServerRequest?
    private var plan = HTTPBodyPlan.memory(byteLimit: 0)
    private var file: Int32 = -1
    private var failure: Int?
    private var hasAnswered = false
    private var completion: (@Sendable (Int64, Bool) -> Void)?
    private var body: HTTPResponseBody?

    /// Beyond the limit, so much of a body is still read and dropped, for the peer to hear its 413.
    private static let drainByteLimit: Int64 = 1 << 20

    private init(shared: LocalHTTPServer.Shared, target: String) {
        self.shared = shared
        self.target = target
    }

    // MARK: libmicrohttpd's callbacks

    /// The request line has come: the raw target, before anything is decoded.
    static let onTarget:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) -> UnsafeMutableRawPointer? = {
            shared, target, _ in
            guard let shared else { return nil }
            let exchange = HTTPExchange(
                shared: Unmanaged<LocalHTTPServer.Shared>.fromOpaque(shared).takeUnretainedValue(),
                target: target.map { String(cString: $0) } ?? "")
            return Unmanaged.passRetained(exchange).toOpaque()
        }

    /// A connection was made, or is to be closed.
    static let onConnection: MHD_NotifyConnectionCallback = { shared, connection, _, code in
        guard let shared, let connection else { return }
        let connections = Unmanaged<LocalHTTPServer.Shared>.fromOpaque(shared).takeUnretainedValue().connections
        // MHD_CONNECTION_NOTIFY_STARTED and MHD_CONNECTION_NOTIFY_CLOSED.
        if code.rawValue == 0 {
            connections.opened(UInt(bitPattern: connection), descriptor: gwe_mhd_connection_fd(connection))
        } else {
            connections.closed(UInt(bitPattern: connection))
        }
    }

    /// Leaves escapes alone.
    static let onEscape:
        @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<CChar>?) -> Int = {
            _, _, text in text.map { strlen($0) } ?? 0
        }

    static let onAccess: MHD_AccessHandlerCallback = { _, connection, _, method, _, data, count, context in
        guard let connection, let count, let object = context?.pointee else { return MHD_Result.NO }
        let exchange = Unmanaged<HTTPExchange>.fromOpaque(object).takeUnretainedValue()
        return exchange.proceed(connection, method: method.map { String(cString: $0) } ?? "", data, count)
    }

    static let onCompleted: MHD_RequestCompletedCallback = { _, connection, context, reason in
        guard let object = context?.pointee else { return }
        context?.pointee = nil
        let exchange = Unmanaged<HTTPExchange>.fromOpaque(object).takeRetainedValue()
        if let connection {
            exchange.shared.connections.isIdle(UInt(bitPattern: connection))
            gwe_mhd_set_timeout(connection, UInt32(clamping: exchange.shared.configuration.idleSeconds))
        }
        exchange.finish(isWhole: reason == MHD_RequestTerminationCode.REQUEST_TERMINATED_COMPLETED_OK)
    }

    // MARK: The steps of an exchange

    private func proceed(
        _ connection: OpaquePointer, method: String, _ data: UnsafePointer<CChar>?, _ count: UnsafeMutablePointer<Int>
    ) -> MHD_Result {
        // No copy of the request is held here, for its body grows in place.
        guard request != nil else { return begin(connection, method: method) }
        guard count.pointee > 0 else { return hasAnswered ? MHD_Result.YES : answer(connection) }
        let bytes = UnsafeRawBufferPointer(start: data, count: count.pointee)
        count.pointee = 0
        return receive(bytes) ? MHD_Result.YES : MHD_Result.NO
    }

    /// The head is complete.
    private func begin(_ connection: OpaquePointer, method: String) -> MHD_Result {
        let (path, query) = HTTPExchange.split(target)
        let head = HTTPServerRequest(
            method: method, path: path, query: query, headers: HTTPExchange.headers(connection),
            clientName: shared.configuration.clientCA == nil ? nil : HTTPExchange.clientName(connection),
            peer: HTTPServerPeer(descriptor: gwe_mhd_connection_fd(connection), stopping: shared.stopping))
        request = head
        let declared = head.header("Content-Length").flatMap { Int64($0) } ?? 0
        guard declared > 0 || head.header("Transfer-Encoding") != nil else { return MHD_Result.YES }
        plan = shared.configuration.bodyPlan(head)
        if declared > plan.byteLimit + HTTPExchange.drainByteLimit {
            return queue(connection, HTTPExchange.refusal(413))
        }
        if case .file(let path, _) = plan {
            file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if file >= 0 { request?.bodyFile = path } else { failure = 500 }
        }
        return MHD_Result.YES
    }

    /// Takes a piece of the body. False ends the connection.
    private func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let total = (request?.bodyByteCount ?? 0) + Int64(bytes.count)
        request?.bodyByteCount = total
        if total > plan.byteLimit {
            failure = 413
            request?.body = []
            return total <= plan.byteLimit + HTTPExchange.drainByteLimit
        }
        guard failure == nil else { return true }
        if case .memory = plan {
            request?.body.append(contentsOf: bytes)
            return true
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                failure = errno == ENOSPC || errno == EDQUOT ? 507 : 500
                return true
            }
            rest = rest.dropFirst(written)
        }
        return true
    }

    /// The request is complete: the handler may block here.
    private func answer(_ connection: OpaquePointer) -> MHD_Result {
        guard let request else { return MHD_Result.NO }
        if file >= 0 {
            close(file)
            file = -1
        }
        if let failure { return queue(connection, HTTPExchange.refusal(failure)) }
        shared.connections.isServed(UInt(bitPattern: connection))
        gwe_mhd_set_timeout(connection, 0)
        let response = shared.handler(request)
        gwe_mhd_set_timeout(connection, UInt32(clamping: shared.configuration.answerSeconds))
        return queue(connection, response)
    }

    private func queue(_ connection: OpaquePointer, _ response: HTTPServerResponse) -> MHD_Result {
        hasAnswered = true
        guard let body = HTTPResponseBody(response, peer: request?.peer) else {
            return queue(connection, HTTPExchange.refusal(500, completion: response.completion))
        }
        self.body = body
        completion = response.completion
        guard let handle = body.makeResponse() else { return MHD_Result.NO }
        defer { MHD_destroy_response(handle) }
        for (name, value) in response.headers { MHD_add_response_header(handle, name, value) }
        if !response.headers.contains(where: { LocalHTTPServer.equalsIgnoringCase($0.name, "Date") }) {
            MHD_add_response_header(handle, "Date", HTTPDate.text(unixSeconds: Int64(time(nil))))
        }
        return MHD_queue_response(connection, UInt32(clamping: response.status), handle)
    }

    private func finish(isWhole: Bool) {
        request?.peer.forget()
        if file >= 0 { close(file) }
        if let path = request?.bodyFile { unlink(path) }
        let isHead = request?.method == "HEAD"
        completion?(isHead ? 0 : body?.sentByteCount(isWhole: isWhole) ?? 0, isWhole)
    }

    // MARK: Reading the head

    private static func refusal(_ status: Int, completion: (@Sendable (Int64, Bool) -> Void)? = nil)
        -> HTTPServerResponse
    {
        var response = HTTPServerResponse(status: status, text: "")
        response.headers.append(("Connection", "close"))
        response.completion = completion
        return response
    }

    /// Path and query of a request target in origin-form or absolute-form (RFC 9112, section 3.2).
    static func split(_ target: String) -> (path: String, query: String?) {
        var text = Substring(target)
        if !text.hasPrefix("/") {
            let parts = WebAddressParts(target)
            if parts.scheme == "http" || parts.scheme == "https" {
                text = target[parts.path.startIndex...]
                if text.isEmpty { text = "/" }
            }
        }
        guard let mark = text.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (String(text), nil) }
        return (String(text[..<mark]), String(text[text.utf8.index(after: mark)...]))
    }

    private static func clientName(_ connection: OpaquePointer) -> String? {
        var name = [UInt8](repeating: 0, count: 256)
        let length = name.withUnsafeMutableBytes {
            gwe_mhd_client_name(connection, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        return length > 0 ? String(decoding: name.prefix(Int(length)), as: UTF8.self) : nil
    }

    private static func headers(_ connection: OpaquePointer) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        withUnsafeMutablePointer(to: &headers) { list in
            _ = MHD_get_connection_values_n(
                connection, MHD_ValueKind.HEADER_KIND,
                { list, _, name, nameCount, value, valueCount in
                    let text = { (start: UnsafePointer<CChar>?, count: Int) in
                        String(
                            decoding: UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count),
                            as: UTF8.self)
                    }
                    list?.assumingMemoryBound(to: [(name: String, value: String)].self).pointee
                        .append((text(name, nameCount), text(value, valueCount)))
                    return MHD_Result.YES
                }, list)
        }
        return headers
    }
}
