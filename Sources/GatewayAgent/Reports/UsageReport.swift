internal import DeviceClient
internal import Documents
internal import Wire

/// How `usage_report` is made of what was counted.
extension UsageReport {
    /// Gateway Engine's word for an identity that is not set: the two quotes that its configuration file has.
    static let noIdentity = "''"
    /// Lists of resources are cut after so many bytes, so that a report stays well below the 64 KiB of a value.
    private static let listLimit = 160

    /// A text of more bytes is made smaller: the cloud refuses a value of 64 KiB.
    static let byteLimit = 60_000

    /// The same entries always give the same text. Where it would be too long, the smallest entries stand together under
    /// the identity `other`, so that the sums stay right.
    init(_ entries: [UsageEntry]) {
        self = UsageReport.whole(entries)
        var count = entries.count
        let largest = entries.enumerated().sorted { a, b in
            (b.element.byteCount, a.offset) < (a.element.byteCount, b.offset)
        }
        while count > 0, jsonText().utf8.count > UsageReport.byteLimit {
            count -= max(1, count / 16)
            self = UsageReport.whole(
                largest.prefix(count).map(\.element) + largest.dropFirst(count).map { $0.element.folded })
        }
    }

    private static func whole(_ entries: [UsageEntry]) -> UsageReport {
        var interfaces: [String: [String: [String: Sum]]] = [:]
        for entry in entries {
            let identity = entry.identity.isEmpty ? noIdentity : entry.identity
            interfaces[entry.interface, default: [:]][identity, default: [:]][
                key(entry), default: Sum(entry.method)
            ]
            .add(entry)
        }
        return UsageReport(ByName(interfaces.sorted { $0.key < $1.key }.map { ($0.key, interface($0.value)) }))
    }

    private static func interface(_ identities: [String: [String: Sum]]) -> Interface {
        let sorted = identities.sorted { $0.key < $1.key }
        var top: (identity: String, byteCount: Int64)?
        var members: [(String, ByName<Metrics>)] = []
        for (identity, methods) in sorted {
            let byteCount = methods.values.reduce(Int64(0)) {
                $0.saturating(adding: $1.sent).saturating(adding: $1.received)
            }
            if byteCount > top?.byteCount ?? -1 { top = (identity, byteCount) }
            members.append((identity, ByName(methods.sorted { $0.key < $1.key }.map { ($0.key, $0.value.metrics) })))
        }
        return Interface(identities: ByName(members), topConsumer: top?.identity ?? "")
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

    /// What was counted under one key.
    private struct Sum {
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

        var metrics: Metrics {
            Metrics(
                count: count, method: method.rawValue, received: received, largestReceived: largestReceived, sent: sent,
                largestSent: largestSent, meanSeconds: tenths(count > 1 ? duration / Int(clamping: count) : duration),
                longestSeconds: tenths(longest))
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
