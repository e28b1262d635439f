public import GatewaySystem

/// Makes records of what an `HTTPTransfer` reads off the wire: for `DeviceClient`, and for whoever fetches something from
/// elsewhere with a transfer of his own. Used by the thread that uses the transfer.
public final class UsageCounter {
    /// What the requests are for.
    public struct Subject: Sendable, Hashable {
        /// The device on whose behalf the requests are made.
        public var identity: String
        /// What kind of request they are counted as.
        public var method: UsageRecord.Method
        /// Aliases or contents; for calls that have none, what they ask for.
        public var resources: [String]

        /// What requests are to be counted as.
        public init(identity: String, method: UsageRecord.Method, resources: [String]) {
            self.identity = identity
            self.method = method
            self.resources = resources
        }
    }

    /// What the next requests are for.
    public var subject: Subject
    /// Told of every record.
    public var meter: ((UsageRecord) -> Void)?

    /// TCP payload both ways of everything but contents.
    private(set) var callByteCount: Int64 = 0

    /// What the request under way, or the last one, is for.
    private var current: Subject
    /// Whether `current` is under way, and has been counted.
    private var isUnderWay = false
    private var isCounted = false
    /// What its records have told.
    private var told: [String: WireUsage] = [:]
    private var toldDuration: Duration = .zero

    /// The transfer keeps this, not the other way round.
    public init(_ transfer: HTTPTransfer, _ subject: Subject, meter: ((UsageRecord) -> Void)? = nil) {
        self.subject = subject
        self.meter = meter
        current = subject
        transfer.wireMeter = { [self] in take($0) }
    }

    private func take(_ reading: WireReading) {
        let isDuring = reading.moment == .progress || reading.moment == .end
        if isDuring, !isUnderWay {
            current = subject
            (isUnderWay, isCounted, told, toldDuration) = (true, false, [:], .zero)
        }
        // Without a connection, there was a request all the same.
        var usages = reading.usages
        if usages.isEmpty { usages = [WireUsage(interface: told.count == 1 ? told.keys.first ?? "" : "")] }
        for usage in usages {
            if current.method != .getContent { callByteCount += usage.sentByteCount + usage.receivedByteCount }
            var total = told[usage.interface] ?? WireUsage(interface: usage.interface)
            total.add(usage)
            told[usage.interface] = total
            var record = UsageRecord(
                interface: usage.interface, identity: current.identity, method: current.method,
                resources: current.resources, count: isDuring && !isCounted ? 1 : 0,
                sentByteCount: usage.sentByteCount, receivedByteCount: usage.receivedByteCount,
                sentWithHeaders: usage.sentWithHeaders, receivedWithHeaders: usage.receivedWithHeaders)
            if isDuring {
                isCounted = true
                record.duration = max(.zero, reading.elapsed - toldDuration)
                toldDuration = reading.elapsed
            }
            record.largestSentByteCount = total.sentByteCount
            record.largestReceivedByteCount = total.receivedByteCount
            record.longestDuration = toldDuration
            meter?(record)
        }
        if reading.moment == .end { isUnderWay = false }
    }
}
