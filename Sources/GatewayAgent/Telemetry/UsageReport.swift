internal import DeviceClient
internal import Documents

/// The `usage_report` resource, in the shape in which Gateway Engine sent it (reference: Gateway Engine, 2):
///
///     {"eth0": {"<identity>": {"read:['engine_fetch']": {"num": 1, "type": "read", …}}, "top_consumer": "<identity>"}}
///
/// Loops of its dashboards (interface, identity, then keys longer than two characters) read it: there are no other keys.
enum UsageReport {
    static let resource = "usage_report"
    /// Gateway Engine's word for an identity that is not set: the two quotes that its configuration file has.
    static let noIdentity = "''"
    /// Lists of resources are cut after so many bytes, so that a report stays well below the 64 KiB of a value.
    private static let listLimit = 160

    static func json(_ entries: [UsageEntry]) -> JSONValue {
        var interfaces: [String: [String: [String: Metrics]]] = [:]
        for entry in entries {
            let identity = entry.identity.isEmpty ? noIdentity : entry.identity
            interfaces[entry.interface, default: [:]][identity, default: [:]][
                key(entry), default: Metrics(entry.method)
            ]
            .add(entry)
        }
        return .object(interfaces.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) })
    }

    private static func json(_ identities: [String: [String: Metrics]]) -> JSONValue {
        let sorted = identities.sorted { $0.key < $1.key }
        var top: (identity: String, byteCount: Int64)?
        var members: [(String, JSONValue)] = []
        for (identity, methods) in sorted {
            let byteCount = methods.values.reduce(0) { $0 + $1.sent + $1.received }
            if byteCount > top?.byteCount ?? -1 { top = (identity, byteCount) }
            members.append((identity, .object(methods.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })))
        }
        return .object(members + [("top_consumer", .string(top?.identity ?? ""))])
    }

    /// `read:['engine_fetch']`.
    static func key(_ entry: UsageEntry) -> String {
        var names = entry.resources
        var list = PythonText.repr(names)
        while list.utf8.count > listLimit, names.count > 1 {
            names.removeLast()
            list = PythonText.repr(names + ["..."])
        }
        if list.utf8.count > listLimit { list = PythonText.repr([String(names[0].prefix(listLimit / 4)), "..."]) }
        return "\(entry.method.rawValue):\(list)"
    }

    /// What stands under one key.
    private struct Metrics {
        let method: UsageRecord.Method
        var count: Int64 = 0
        var sent: Int64 = 0
        var received: Int64 = 0
        private var largestSent: Int64 = 0
        private var largestReceived: Int64 = 0
        private var duration = Duration.zero
        private var longest = Duration.zero

        init(_ method: UsageRecord.Method) { self.method = method }

        mutating func add(_ entry: UsageEntry) {
            count += entry.count
            sent += entry.sentByteCount
            received += entry.receivedByteCount
            largestSent = max(largestSent, entry.largestSentByteCount)
            largestReceived = max(largestReceived, entry.largestReceivedByteCount)
            duration += entry.duration
            longest = max(longest, entry.longestDuration)
        }

        var json: JSONValue {
            [
                "num": .int(count), "type": .string(method.rawValue), "tot_rx": .int(received),
                "max_rx": .int(largestReceived), "tot_tx": .int(sent), "max_tx": .int(largestSent),
                "rq_time_avg": .double(tenths(count > 1 ? duration / Int(clamping: count) : duration)),
                "rq_time_max": .double(tenths(longest)),
            ]
        }

        /// Seconds with one decimal.
        private func tenths(_ time: Duration) -> Double {
            let (seconds, attoseconds) = time.components
            let tenths = (Double(attoseconds) / 1e17).rounded()
            return (Double(seconds) * 10 + tenths) / 10
        }
    }
}
