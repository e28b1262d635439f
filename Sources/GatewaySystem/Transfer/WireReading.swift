/// What went over the wire on one interface: TCP payload, with TLS and HTTP headers in it, read from the kernel (tcp(7),
/// TCP_INFO). DNS is not TCP and not in it.
public struct WireUsage: Sendable, Hashable {
    /// "eth0"; "" while a connection has no address.
    public var interface: String
    /// What was sent twice counts twice, as it does for who is paid by the byte.
    public var sentByteCount: Int64 = 0
    /// What the peer sent twice counts once: the kernel does not tell how many bytes it took and threw away
    /// (`tcpi_bytes_received` grows with what is acknowledged, tcp_rcv_nxt_update() in net/ipv4/tcp_input.c).
    public var receivedByteCount: Int64 = 0
    /// Estimates: the payload and the IP and TCP headers of all segments.
    public var sentWithHeaders: Int64 = 0
    /// As `sentWithHeaders`, in the other direction.
    public var receivedWithHeaders: Int64 = 0

    /// Nothing yet on this interface.
    public init(interface: String) { self.interface = interface }

    /// Whether nothing at all went over the wire.
    public var isZero: Bool { sentWithHeaders == 0 && receivedWithHeaders == 0 }

    /// Adds what went over the same interface.
    public mutating func add(_ other: WireUsage) {
        sentByteCount += other.sentByteCount
        receivedByteCount += other.receivedByteCount
        sentWithHeaders += other.sentWithHeaders
        receivedWithHeaders += other.receivedWithHeaders
    }

    static func - (a: WireUsage, b: WireUsage) -> WireUsage {
        var difference = a
        difference.sentByteCount = max(0, a.sentByteCount - b.sentByteCount)
        difference.receivedByteCount = max(0, a.receivedByteCount - b.receivedByteCount)
        difference.sentWithHeaders = max(0, a.sentWithHeaders - b.sentWithHeaders)
        difference.receivedWithHeaders = max(0, a.receivedWithHeaders - b.receivedWithHeaders)
        return difference
    }
}

/// The bytes since the last reading, of all connections that an `HTTPTransfer` has or had in that time: of several for a
/// redirect, a race of addresses or a connection that turned out stale.
public struct WireReading: Sendable {
    /// When a reading is told.
    public enum Moment: Sendable, Hashable {
        /// A request begins; these bytes came after the end of the one before (a peer that says goodbye). Left out when
        /// there are none.
        case before
        /// Some times a second during a request, when there were bytes.
        case progress
        /// A request has ended, well or not. Always told, also without a byte.
        case end
        /// The kept connections are closed. Left out when there was no byte more.
        case close
    }

    /// Why this reading is told now.
    public var moment: Moment
    /// One an interface, the one with most bytes first.
    public var usages: [WireUsage]
    /// Since the request began.
    public var elapsed: Duration
}
