public import Documents

/// What `gwe usage --json` prints.
public struct UsageDocument: WireValue {
    /// A day or a month of the calendar in UTC; nil, null, for what was counted before the clock could be believed.
    public enum Period: Sendable, Hashable {
        /// `2026-11-22`
        case day(String?)
        /// `2026-11`
        case month(String?)

        /// The name of the key, and the date.
        fileprivate var member: (String, JSONValue) {
            switch self {
            case .day(let date): ("day", date.json)
            case .month(let date): ("month", date.json)
            }
        }

        /// The date; nil for what was counted before the clock could be believed.
        public var date: String? {
            switch self {
            case .day(let date), .month(let date): date
            }
        }
    }

    /// What one consumer sent and received over one interface in one period.
    public struct Row: WireValue {
        /// When.
        public var period: Period
        /// The network interface; empty where it is not known.
        public var interface: String
        /// The consumer.
        public var identity: String
        /// How many requests.
        public var requests: Int64
        /// Bytes of the TCP payload that were sent, TLS included.
        public var sentByteCount: Int64
        /// Bytes of the TCP payload that were received, TLS included.
        public var receivedByteCount: Int64
        /// Bytes sent, with an estimate of the IP and TCP headers.
        public var sentWithHeaders: Int64
        /// Bytes received, with an estimate of the IP and TCP headers.
        public var receivedWithHeaders: Int64

        /// What was counted, in bytes.
        public init(
            period: Period, interface: String, identity: String, requests: Int64, sentByteCount: Int64,
            receivedByteCount: Int64, sentWithHeaders: Int64, receivedWithHeaders: Int64
        ) {
            self.period = period
            self.interface = interface
            self.identity = identity
            self.requests = requests
            self.sentByteCount = sentByteCount
            self.receivedByteCount = receivedByteCount
            self.sentWithHeaders = sentWithHeaders
            self.receivedWithHeaders = receivedWithHeaders
        }
    }

    /// A data budget and what is left of it.
    public struct Budget: WireValue {
        /// The network interface.
        public var interface: String
        /// As the manifest says it: `50MiB/month`.
        public var budget: String
        /// The budget in bytes.
        public var byteCount: Int64
        /// Used since the period began, headers included.
        public var usedByteCount: Int64
        /// Left; not below 0.
        public var leftByteCount: Int64
        /// The first day (UTC) of the next period.
        public var renewal: String

        /// A budget, in bytes.
        public init(
            interface: String, budget: String, byteCount: Int64, usedByteCount: Int64, leftByteCount: Int64,
            renewal: String
        ) {
            self.interface = interface
            self.budget = budget
            self.byteCount = byteCount
            self.usedByteCount = usedByteCount
            self.leftByteCount = leftByteCount
            self.renewal = renewal
        }
    }

    /// Oldest first.
    public var rows: [Row]
    /// In the order of the interfaces.
    public var budgets: [Budget]

    /// What was counted, and what is left.
    public init(rows: [Row], budgets: [Budget]) {
        self.rows = rows
        self.budgets = budgets
    }

    /// The document.
    public var json: JSONValue {
        .object([WireSchema.member, ("usage", rows.json), ("budgets", budgets.json)])
    }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        try members.requireSchema()
        rows = try members.read("usage")
        budgets = try members.read("budgets")
    }
}

extension UsageDocument.Row {
    /// One element of `usage`.
    public var json: JSONValue {
        .object([
            period.member, ("interface", interface.json), ("identity", identity.json), ("requests", requests.json),
            ("sent_bytes", sentByteCount.json), ("received_bytes", receivedByteCount.json),
            ("sent_bytes_with_headers", sentWithHeaders.json),
            ("received_bytes_with_headers", receivedWithHeaders.json),
        ])
    }

    /// Reads one element of `usage`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        period =
            members["month"] == nil ? .day(try members.readIfAny("day")) : .month(try members.readIfAny("month"))
        interface = try members.read("interface")
        identity = try members.read("identity")
        requests = try members.read("requests")
        sentByteCount = try members.read("sent_bytes")
        receivedByteCount = try members.read("received_bytes")
        sentWithHeaders = try members.read("sent_bytes_with_headers")
        receivedWithHeaders = try members.read("received_bytes_with_headers")
    }
}

extension UsageDocument.Budget {
    /// One element of `budgets`.
    public var json: JSONValue {
        [
            "interface": interface.json, "budget": budget.json, "budget_bytes": byteCount.json,
            "used_bytes": usedByteCount.json, "left_bytes": leftByteCount.json, "renewed": renewal.json,
        ]
    }

    /// Reads one element of `budgets`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        interface = try members.read("interface")
        budget = try members.read("budget")
        byteCount = try members.read("budget_bytes")
        usedByteCount = try members.read("used_bytes")
        leftByteCount = try members.read("left_bytes")
        renewal = try members.read("renewed")
    }
}
