/// What went over one interface for one identity on one day, or in one month.
public struct UsageTotal: Sendable, Hashable {
    /// The day, or the first day of the month.
    public var day: UsageDay
    public var interface: String
    public var identity: String
    public var count: Int64
    /// TCP payload, as in `UsageRecord`.
    public var sentByteCount: Int64
    public var receivedByteCount: Int64
    /// Estimates with IP and TCP headers.
    public var sentWithHeaders: Int64
    public var receivedWithHeaders: Int64

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
    public var interface: String
    public var identity: String
    public var method: UsageRecord.Method
    public var resources: [String]
    public var count: Int64
    public var sentByteCount: Int64
    public var receivedByteCount: Int64
    /// Of the largest single request.
    public var largestSentByteCount: Int64
    public var largestReceivedByteCount: Int64
    /// Estimates with IP and TCP headers.
    public var sentWithHeaders: Int64
    public var receivedWithHeaders: Int64
    /// Of all requests together.
    public var duration: Duration
    /// Of the longest request.
    public var longestDuration: Duration

    /// Of one request on average.
    public var averageDuration: Duration { count > 0 ? duration / Int(clamping: count) : duration }
}
