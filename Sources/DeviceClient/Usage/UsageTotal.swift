/// What went over one interface for one identity on one day, or in one month.
public struct UsageTotal: Sendable, Hashable {
    /// The day, or the first day of the month.
    public var day: UsageDay
    /// The network interface; "" where no connection was made, `other` for those beyond the store's limit.
    public var interface: String
    /// The device on whose behalf the requests were made; `other` for those beyond the store's limit.
    public var identity: String
    /// How many requests.
    public var count: Int64
    /// Bytes of TCP payload that were sent, as in `UsageRecord`.
    public var sentByteCount: Int64
    /// Bytes of TCP payload that were received, as in `UsageRecord`.
    public var receivedByteCount: Int64
    /// Estimate of all bytes sent, IP and TCP headers included.
    public var sentWithHeaders: Int64
    /// Estimate of all bytes received, IP and TCP headers included.
    public var receivedWithHeaders: Int64

    /// A total; what is not given is 0.
    public init(
        day: UsageDay, interface: String, identity: String, count: Int64 = 0, sentByteCount: Int64 = 0,
        receivedByteCount: Int64 = 0, sentWithHeaders: Int64 = 0, receivedWithHeaders: Int64 = 0
    ) {
        self.day = day
        self.interface = interface
        self.identity = identity
        self.count = count
        self.sentByteCount = sentByteCount
        self.receivedByteCount = receivedByteCount
        self.sentWithHeaders = sentWithHeaders
        self.receivedWithHeaders = receivedWithHeaders
    }
}

/// What was counted between two reports. A frozen one never changes.
public struct UsageInterval: Sendable, Hashable {
    /// Never given twice.
    public var id: Int64
    /// Ordered by interface, identity, method and resources.
    public var entries: [UsageEntry]
}

/// The requests of one kind in an interval.
public struct UsageEntry: Sendable, Hashable {
    /// The network interface; "" where no connection was made, `other` for those beyond the store's limit.
    public var interface: String
    /// The device on whose behalf the requests were made; `other` for those beyond the store's limit.
    public var identity: String
    /// What the requests were for.
    public var method: UsageRecord.Method
    /// Aliases or contents; the one word `other` where the interval has no room for further names.
    public var resources: [String]
    /// How many requests.
    public var count: Int64
    /// Bytes of TCP payload that were sent, as in `UsageRecord`.
    public var sentByteCount: Int64
    /// Bytes of TCP payload that were received, as in `UsageRecord`.
    public var receivedByteCount: Int64
    /// Bytes sent by the request that sent most.
    public var largestSentByteCount: Int64
    /// Bytes received by the request that received most.
    public var largestReceivedByteCount: Int64
    /// Estimate of all bytes sent, IP and TCP headers included.
    public var sentWithHeaders: Int64
    /// Estimate of all bytes received, IP and TCP headers included.
    public var receivedWithHeaders: Int64
    /// Of all requests together.
    public var duration: Duration
    /// Of the longest request.
    public var longestDuration: Duration

    /// Of one request on average.
    public var averageDuration: Duration { count > 0 ? duration / Int(clamping: count) : duration }
}
