internal import Documents

/// What one request of the device API cost on the wire, or a part of that.
///
/// A request gives one record when it ends. During a long one (a download, a long poll) further records come some times
/// a second, and one more when its connection is closed after it: the first of them counts the request, the others
/// only add bytes. So whoever is killed in the middle has told all but the last second.
public struct UsageRecord: Sendable, Hashable {
    /// What a request was for, in the words of Gateway Engine's `usage_report` (docs/cloud.md#usage_report). Publish
    /// and subscribe are ours, for MQTT.
    public enum Method: String, Sendable, Hashable, CaseIterable {
        case get, post, read, write
        case longPoll = "long_poll"
        case readWrite = "readwrite"
        case record
        case activate = "actvt"
        case listContent = "list_content"
        case getContent = "get_content"
        case contentInfo = "content_info"
        case publish, subscribe
    }

    /// "eth0", "ppp0", "lo"; "" where no connection was made.
    public var interface: String
    /// The device on whose behalf the request was made.
    public var identity: String
    /// What the request was for.
    public var method: Method
    /// Aliases or contents; for calls that have none, what they ask for.
    public var resources: [String]
    /// Requests: 1, or 0 for more bytes of one that was counted; more in a sum of several.
    public var count: Int
    /// TCP payload with TLS and HTTP headers in it, as it went over the wire: what was sent twice counts twice.
    public var sentByteCount: Int64
    /// What the peer sent twice counts once: see `WireUsage`.
    public var receivedByteCount: Int64
    /// Estimate of all bytes sent: the payload, and the IP and TCP headers of all segments.
    public var sentWithHeaders: Int64
    /// The same estimate of all bytes received.
    public var receivedWithHeaders: Int64
    /// Since the request began, or since its last record.
    public var duration: Duration

    /// The largest single request in this record, with the bytes that its earlier records told: for `max_tx`.
    public var largestSentByteCount: Int64
    /// The same for `max_rx`.
    public var largestReceivedByteCount: Int64
    /// The longest single request, with the time that its earlier records told: for `rq_time_max`.
    public var longestDuration: Duration

    /// A whole request, or a part whose earlier parts are then told by setting `largestSentByteCount` and its likes.
    public init(
        interface: String, identity: String, method: Method, resources: [String], count: Int = 1,
        sentByteCount: Int64 = 0, receivedByteCount: Int64 = 0, sentWithHeaders: Int64 = 0,
        receivedWithHeaders: Int64 = 0, duration: Duration = .zero
    ) {
        self.interface = interface
        self.identity = identity
        self.method = method
        self.resources = resources
        self.count = count
        self.sentByteCount = sentByteCount
        self.receivedByteCount = receivedByteCount
        self.sentWithHeaders = sentWithHeaders
        self.receivedWithHeaders = receivedWithHeaders
        self.duration = duration
        largestSentByteCount = sentByteCount
        largestReceivedByteCount = receivedByteCount
        longestDuration = duration
    }

    /// What records are added up by.
    public struct Key: Sendable, Hashable {
        /// The network interface; "" where no connection was made.
        public var interface: String
        /// The device on whose behalf the requests were made.
        public var identity: String
        /// What the requests were for.
        public var method: Method
        /// Aliases or contents, in the order of the request; another order is another key.
        public var resources: [String]
    }

    /// What this record is added up by.
    public var key: Key { Key(interface: interface, identity: identity, method: method, resources: resources) }

    /// Adds a record of the same key. Sums stop at `UsageStore.sumLimit`.
    mutating func merge(_ other: UsageRecord) {
        func sum<Number: FixedWidthInteger>(_ a: Number, _ b: Number) -> Number {
            let (sum, isTooMuch) = a.addingReportingOverflow(b)
            return isTooMuch ? Number(clamping: UsageStore.sumLimit) : min(sum, Number(clamping: UsageStore.sumLimit))
        }
        count = sum(count, other.count)
        sentByteCount = sum(sentByteCount, other.sentByteCount)
        receivedByteCount = sum(receivedByteCount, other.receivedByteCount)
        sentWithHeaders = sum(sentWithHeaders, other.sentWithHeaders)
        receivedWithHeaders = sum(receivedWithHeaders, other.receivedWithHeaders)
        duration = min(duration + other.duration, .microseconds(UsageStore.sumLimit))
        largestSentByteCount = max(largestSentByteCount, other.largestSentByteCount)
        largestReceivedByteCount = max(largestReceivedByteCount, other.largestReceivedByteCount)
        longestDuration = max(longestDuration, other.longestDuration)
    }
}
