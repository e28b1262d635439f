internal import DeviceClient
internal import Documents

/// The `usage_report` resource, in the shape in which Gateway Engine sent it (reference: Gateway Engine, 2):
///
///     {"eth0": {"<identity>": {"read:['engine_fetch']": {"num": 1, "type": "read", …}}, "top_consumer": "<identity>"}}
///
/// Loops of its dashboards (interface, identity, then keys longer than two characters) read it: there are no other keys.
enum UsageReport {
    /// Gateway Engine's word for an identity that is not set: the two quotes that its configuration file has.
    static let noIdentity = "''"
    /// Lists of resources are cut after so many bytes, so that a report stays well below the 64 KiB of a value.
    private static let listLimit = 160

    /// A text of more bytes is made smaller: the cloud refuses a value of 64 KiB.
    static let byteLimit = 60_000

    /// The same entries always give the same text. Where it would be too long, the smallest entries stand together under
    /// the identity `other`, so that the sums stay right.
    static func json(_ entries: [UsageEntry]) -> JSONValue {
        var report = whole(entries)
        var count = entries.count
        let largest = entries.enumerated().sorted { a, b in
            (b.element.byteCount, a.offset) < (a.element.byteCount, b.offset)
        }
        while count > 0, report.text().utf8.count > byteLimit {
            count -= max(1, count / 16)
            report = whole(largest.prefix(count).map(\.element) + largest.dropFirst(count).map { $0.element.folded })
        }
        return report
    }

    private static func whole(_ entries: [UsageEntry]) -> JSONValue {
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
            let byteCount = methods.values.reduce(Int64(0)) {
                $0.saturating(adding: $1.sent).saturating(adding: $1.received)
            }
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
            count = count.saturating(adding: entry.count)
            sent = sent.saturating(adding: entry.sentByteCount)
            received = received.saturating(adding: entry.receivedByteCount)
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

extension UsageEntry {
    fileprivate var byteCount: Int64 { sentByteCount.saturating(adding: receivedByteCount) }

    /// Without the names that make it long.
    fileprivate var folded: UsageEntry {
        var entry = self
        entry.identity = UsageStore.other
        entry.resources = [UsageStore.other]
        return entry
    }
}
