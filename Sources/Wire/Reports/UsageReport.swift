public import Documents

/// The resource `usage_report`, in the shape in which Gateway Engine sent it:
///
///     {"eth0": {"<identity>": {"read:['engine_fetch']": {"num": 1, "type": "read", …}}, "top_consumer": "<identity>"}}
///
/// Loops of its dashboards (interface, identity, then keys longer than two characters) read it: there are no other keys.
public struct UsageReport: WireValue {
    /// What was counted on one network interface.
    public struct Interface: WireValue {
        /// By identity, then by method and resources: `read:['engine_fetch']`.
        public var identities: ByName<ByName<Metrics>>
        /// The identity with the most bytes; empty where nothing was counted.
        public var topConsumer: String

        /// What was counted, and who counted most.
        public init(identities: ByName<ByName<Metrics>>, topConsumer: String) {
            self.identities = identities
            self.topConsumer = topConsumer
        }
    }

    /// What stands under one method and its resources.
    public struct Metrics: WireValue {
        /// How many requests.
        public var count: Int64
        /// The method: `read`, `write`, `readwrite` and so on.
        public var method: String
        /// Bytes received by all requests: `tot_rx`.
        public var received: Int64
        /// Bytes received by the request that received most: `max_rx`.
        public var largestReceived: Int64
        /// Bytes sent by all requests: `tot_tx`.
        public var sent: Int64
        /// Bytes sent by the request that sent most: `max_tx`.
        public var largestSent: Int64
        /// Seconds, with one decimal, that a request took on average: `rq_time_avg`.
        public var meanSeconds: Double
        /// Seconds, with one decimal, that the longest request took: `rq_time_max`.
        public var longestSeconds: Double

        /// Figures in the units of the properties.
        public init(
            count: Int64, method: String, received: Int64, largestReceived: Int64, sent: Int64, largestSent: Int64,
            meanSeconds: Double, longestSeconds: Double
        ) {
            self.count = count
            self.method = method
            self.received = received
            self.largestReceived = largestReceived
            self.sent = sent
            self.largestSent = largestSent
            self.meanSeconds = meanSeconds
            self.longestSeconds = longestSeconds
        }
    }

    /// By the name of the interface.
    public var interfaces: ByName<Interface>

    /// A report of these interfaces. One of none is written as an empty object.
    public init(_ interfaces: ByName<Interface> = ByName()) { self.interfaces = interfaces }

    /// The value of the resource.
    public var json: JSONValue { interfaces.json }

    /// Reads a report of gwe or of Gateway Engine.
    public init(json: JSONValue) throws(WireError) { interfaces = try ByName(json: json) }
}

extension UsageReport.Interface {
    private static let topConsumerKey = "top_consumer"

    /// What stands under the interface's name.
    public var json: JSONValue {
        .object((identities.json.members ?? []) + [(UsageReport.Interface.topConsumerKey, topConsumer.json)])
    }

    /// Reads one interface.
    public init(json: JSONValue) throws(WireError) {
        topConsumer = try Members(of: json).read(UsageReport.Interface.topConsumerKey)
        let others = (json.members ?? []).filter { $0.0 != UsageReport.Interface.topConsumerKey }
        identities = try ByName(json: .object(others))
    }
}

extension UsageReport.Metrics {
    /// What stands under the method.
    public var json: JSONValue {
        [
            "num": count.json, "type": method.json, "tot_rx": received.json, "max_rx": largestReceived.json,
            "tot_tx": sent.json, "max_tx": largestSent.json, "rq_time_avg": meanSeconds.json,
            "rq_time_max": longestSeconds.json,
        ]
    }

    /// Reads the figures of one method.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        count = try members.read("num")
        method = try members.read("type")
        received = try members.read("tot_rx")
        largestReceived = try members.read("max_rx")
        sent = try members.read("tot_tx")
        largestSent = try members.read("max_tx")
        meanSeconds = try members.read("rq_time_avg")
        longestSeconds = try members.read("rq_time_max")
    }
}
