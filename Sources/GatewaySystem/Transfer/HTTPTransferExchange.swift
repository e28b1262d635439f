internal import CCurl
internal import Glibc

/// What takes the response of a streamed request. A thrown error ends the transfer and is thrown by it.
protocol HTTPTransferReceiver: AnyObject {
    /// Once, before the first byte of the body.
    func begin(_ head: HTTPResponseHead) throws(TransferError)
    func receive(_ bytes: UnsafeRawBufferPointer) throws(TransferError)
    /// Several times a second, also when nothing arrives.
    func tick() throws(TransferError)
}

/// One request under way: the context of libcurl's callbacks. It outlives the call of `curl_easy_perform` only.
final class HTTPTransferExchange {
    /// A server may not fill the memory with headers either.
    private static let maximumHeaderByteCount = 128 << 10

    private let receiver: any HTTPTransferReceiver
    private let isCancelled: (@Sendable () -> Bool)?
    private var pace: HTTPTransferPace?
    private let action: String
    private var head = HTTPResponseHead(status: 0, headers: [])
    private var headerByteCount = 0
    private var hasBegun = false
    private let wire: HTTPTransferWire
    private(set) var failure: TransferError?

    init(_ receiver: any HTTPTransferReceiver, _ request: HTTPRequest, action: String, wire: HTTPTransferWire) {
        self.receiver = receiver
        self.action = action
        self.wire = wire
        isCancelled = request.isCancelled
        pace = request.receiveLimit.map { HTTPTransferPace(bytesPerSecond: $0) }
    }

    /// After the transfer: a response without a body has begun nowhere else.
    func finish() throws(TransferError) {
        if let failure { throw failure }
        try begin()
    }

    private func begin() throws(TransferError) {
        guard !hasBegun else { return }
        hasBegun = true
        try receiver.begin(head)
    }

    /// Runs a step of the receiver; false tells libcurl to stop.
    private func step(_ work: () throws(TransferError) -> Void) -> Bool {
        guard failure == nil else { return false }
        do throws(TransferError) {
            try work()
            return true
        } catch {
            failure = error
            return false
        }
    }

    private func tick() throws(TransferError) {
        wire.tick()
        if isCancelled?() == true { throw TransferError(.cancelled, action, "stopped on request") }
        try receiver.tick()
    }

    /// Waits until the next bytes may be read. Meanwhile the peer is held back by TCP's own window.
    private func slowDown(_ byteCount: Int) throws(TransferError) {
        guard let due = pace?.due(after: byteCount) else { return }
        while true {
            let rest = due - .now
            guard rest > .zero else { return }
            try tick()
            let part = min(rest, .milliseconds(200)).components
            var slice = timespec(tv_sec: 0, tv_nsec: Int(part.attoseconds / 1_000_000_000))
            nanosleep(&slice, nil)
        }
    }

    private func header(_ bytes: UnsafeRawBufferPointer) throws(TransferError) {
        headerByteCount += bytes.count
        guard headerByteCount <= HTTPTransferExchange.maximumHeaderByteCount else {
            throw TransferError(.malformed, action, "the headers are longer than 128 KiB")
        }
        // Trailers come after the body and are of no use here.
        guard !hasBegun else { return }
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // A new response: after a 1xx, or after a redirect that was followed.
            let status = line.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
            head = HTTPResponseHead(status: status ?? 0, headers: [])
        } else if let colon = line.firstIndex(of: ":") {
            head.headers.append(
                HTTPHeader(
                    String(line[..<colon]), HTTPTransferExchange.trimmed(line[line.index(after: colon)...])))
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    // MARK: libcurl's callbacks

    private static func exchange(_ context: UnsafeMutableRawPointer) -> HTTPTransferExchange {
        Unmanaged<HTTPTransferExchange>.fromOpaque(context).takeUnretainedValue()
    }

    /// CURLOPT_HEADERFUNCTION(3).
    static let onHeader: gwe_curl_data_callback = { data, size, count, context in
        guard let data, let context else { return 0 }
        let exchange = HTTPTransferExchange.exchange(context)
        let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
        return exchange.step { () throws(TransferError) in try exchange.header(bytes) } ? bytes.count : 0
    }

    /// CURLOPT_WRITEFUNCTION(3).
    static let onBody: gwe_curl_data_callback = { data, size, count, context in
        guard let data, let context else { return 0 }
        let exchange = HTTPTransferExchange.exchange(context)
        let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
        let goesOn = exchange.step { () throws(TransferError) in
            try exchange.begin()
            try exchange.receiver.receive(bytes)
            try exchange.slowDown(bytes.count)
        }
        return goesOn ? bytes.count : 0
    }

    /// CURLOPT_XFERINFOFUNCTION(3).
    static let onProgress: gwe_curl_progress_callback = { context, _, _, _, _ in
        guard let context else { return 1 }
        let exchange = HTTPTransferExchange.exchange(context)
        let goesOn = exchange.step { () throws(TransferError) in
            try exchange.tick()
        }
        return goesOn ? 0 : 1
    }
}

/// A speed limit. libcurl's own (CURLOPT_MAX_RECV_SPEED_LARGE) lets up to a hundred buffers through before it looks at
/// the clock, megabytes at a time where the network is fast.
struct HTTPTransferPace {
    private let bytesPerSecond: Double
    private var next: ContinuousClock.Instant?

    init(bytesPerSecond: Int64) { self.bytesPerSecond = Double(max(1, bytesPerSecond)) }

    /// When the bytes after these may be read. Time in which nothing came is made up for by a second at most.
    mutating func due(after byteCount: Int) -> ContinuousClock.Instant {
        let now = ContinuousClock.now
        let start = max(next ?? now, now - .seconds(1))
        let due = start + .seconds(Double(byteCount) / bytesPerSecond)
        next = due
        return due
    }
}
