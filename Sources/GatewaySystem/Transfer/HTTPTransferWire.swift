internal import CCurl

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

    /// Called often while a request runs; looks at the sockets at most every 100 ms. Whoever writes the counts down gathers
    /// for 700 ms, so that both together stay below the second that a crash may cost.
    func tick() {
        let now = MonotonicTime.now
        guard lastReading.duration(to: now) >= .milliseconds(100) else { return }
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
        if connection.interface == nil { connection.interface = TCPConnection.interface(of: socket) }
        if var total = TCPConnection.usage(of: socket, isClosing: isClosing) {
            total.interface = connection.interface ?? ""
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

    private static func wire(_ context: UnsafeMutableRawPointer) -> HTTPTransferWire {
        Unmanaged<HTTPTransferWire>.fromOpaque(context).takeUnretainedValue()
    }
}
