internal import CCurl
internal import CLinux

/// Every socket that a handle of libcurl has, and what went over them since the last reading. Outlives the handle, which
/// closes its kept connections at its end. Used by one thread.
final class HTTPTransferWire {
    private struct Connection {
        var interface: String?
        /// What was told of it already.
        var told = WireUsage(interface: "")
    }

    var meter: ((WireReading) -> Void)?
    private var connections: [Int32: Connection] = [:]
    /// Of connections that are closed.
    private var rest: [WireUsage] = []
    private var began = MonotonicTime.now
    private var lastReading = MonotonicTime.now
    /// What `gwe_curl_set_sockets` takes.
    let callbacks = UnsafeMutablePointer<gwe_curl_sockets>.allocate(capacity: 1)

    init() {
        callbacks.initialize(
            to: gwe_curl_sockets(
                opened: { context, fd in
                    if let context { HTTPTransferWire.wire(context).connections[fd] = Connection() }
                },
                closing: { context, fd in
                    if let context { HTTPTransferWire.wire(context).read(fd, isClosing: true) }
                }, context: nil))
        callbacks.pointee.context = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit { callbacks.deallocate() }

    // MARK: Readings

    func begin() {
        tell(.before)
        began = .now
        lastReading = began
    }

    /// Called often while a request runs; looks at the sockets about once a second.
    func tick() {
        let now = MonotonicTime.now
        guard lastReading.duration(to: now) >= .seconds(1) else { return }
        lastReading = now
        tell(.progress)
    }

    func end() { tell(.end) }
    func close() { tell(.close) }

    private func tell(_ moment: WireReading.Moment) {
        guard let meter else { return }
        for socket in connections.keys { read(socket, isClosing: false) }
        let usages = rest.filter { !$0.isZero }.sorted { $0.receivedByteCount > $1.receivedByteCount }
        rest = []
        if moment != .end, usages.isEmpty { return }
        meter(WireReading(moment: moment, usages: usages, elapsed: began.duration(to: .now)))
    }

    private func read(_ socket: Int32, isClosing: Bool) {
        guard var connection = connections[socket] else { return }
        if connection.interface == nil { connection.interface = HTTPTransferWire.interface(of: socket) }
        var kernel = gwe_tcp_usage()
        if gwe_tcp_usage(socket, isClosing ? 1 : 0, &kernel) == 0 {
            var total = WireUsage(interface: connection.interface ?? "")
            total.sentByteCount = kernel.sent
            total.receivedByteCount = kernel.received
            total.sentWithHeaders = kernel.sent_with_headers
            total.receivedWithHeaders = kernel.received_with_headers
            add(total - connection.told)
            connection.told = total
        }
        connections[socket] = isClosing ? nil : connection
    }

    private func add(_ usage: WireUsage) {
        if let index = rest.firstIndex(where: { $0.interface == usage.interface }) {
            rest[index].add(usage)
        } else {
            rest.append(usage)
        }
    }

    private static func interface(of socket: Int32) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16) { name in
            guard let start = name.baseAddress else { return nil }
            name.initialize(repeating: 0)
            return gwe_tcp_interface(socket, start) == 0 ? String(cString: start) : nil
        }
    }

    private static func wire(_ context: UnsafeMutableRawPointer) -> HTTPTransferWire {
        Unmanaged<HTTPTransferWire>.fromOpaque(context).takeUnretainedValue()
    }
}
