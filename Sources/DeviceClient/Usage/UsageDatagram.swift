internal import Documents

/// How records travel to the daemon: a JSON array of records, each an array in a fixed order. Whoever may reach the socket
/// may send any bytes, so every value is bounded on arrival, and what is no such array is ignored.
package enum UsageDatagram {
    /// No datagram is longer; longer ones are not read.
    package static let byteLimit = 16 << 10
    /// New records go into the next datagram beyond this.
    private static let softLimit = 6 << 10

    static func encode(_ records: [UsageRecord]) -> [(bytes: [UInt8], records: [UsageRecord])] {
        var packs: [(bytes: [UInt8], records: [UsageRecord])] = []
        var texts: [String] = []
        var members: [UsageRecord] = []
        var length = 0
        func close() {
            guard !members.isEmpty else { return }
            packs.append((Array("[\(texts.joined(separator: ","))]".utf8), members))
            (texts, members, length) = ([], [], 0)
        }
        for record in records {
            let text = record.bounded.json.text()
            if length + text.utf8.count > softLimit { close() }
            texts.append(text)
            members.append(record)
            length += text.utf8.count + 1
        }
        close()
        return packs
    }

    /// nil for what no gwe has sent.
    package static func decode(_ bytes: [UInt8]) -> [UsageRecord]? {
        guard let list = try? JSON.parse(bytes, source: "usage.sock").json.elements else { return nil }
        var records: [UsageRecord] = []
        for value in list {
            guard let record = UsageRecord(value) else { return nil }
            records.append(record.bounded)
        }
        return records
    }
}

extension UsageRecord {
    private static let textLimit = 128
    private static let resourceLimit = 16
    private static let byteRange: ClosedRange<Int64> = 0...1 << 40
    private static let timeRange: ClosedRange<Duration> = .zero ... .seconds(86_400 * 7)

    /// The same with every value within what can be true, and every name within what is kept.
    var bounded: UsageRecord {
        var record = self
        record.interface = UsageRecord.clipped(interface, 15)
        record.identity = UsageRecord.clipped(identity, UsageRecord.textLimit)
        record.resources = resources.prefix(UsageRecord.resourceLimit).map {
            UsageRecord.clipped($0, UsageRecord.textLimit)
        }
        if resources.count > UsageRecord.resourceLimit { record.resources.append("…") }
        record.count = min(max(count, 0), 1_000_000)
        func limit(_ value: Int64) -> Int64 { min(max(value, 0), UsageRecord.byteRange.upperBound) }
        record.sentByteCount = limit(sentByteCount)
        record.receivedByteCount = limit(receivedByteCount)
        record.sentWithHeaders = limit(sentWithHeaders)
        record.receivedWithHeaders = limit(receivedWithHeaders)
        record.largestSentByteCount = limit(largestSentByteCount)
        record.largestReceivedByteCount = limit(largestReceivedByteCount)
        func limit(_ value: Duration) -> Duration { min(max(value, .zero), UsageRecord.timeRange.upperBound) }
        record.duration = limit(duration)
        record.longestDuration = limit(longestDuration)
        return record
    }

    /// Without control characters and cut to a number of bytes.
    private static func clipped(_ text: String, _ limit: Int) -> String {
        var length = 0
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            length += UTF8.width(scalar)
            guard length <= limit else { break }
            scalars.append(scalar.value < 32 || scalar.value == 127 ? "?" : scalar)
        }
        return String(scalars)
    }

    fileprivate var json: JSONValue {
        .array([
            .string(interface), .string(identity), .string(method.rawValue), .array(resources.map { .string($0) }),
            .int(Int64(count)), .int(sentByteCount), .int(receivedByteCount), .int(sentWithHeaders),
            .int(receivedWithHeaders), .int(duration.wholeMicroseconds), .int(largestSentByteCount),
            .int(largestReceivedByteCount), .int(longestDuration.wholeMicroseconds),
        ])
    }

    fileprivate init?(_ value: JSONValue) {
        guard let fields = value.elements, fields.count == 13, let interface = fields[0].string,
            let identity = fields[1].string, let method = fields[2].string.flatMap(Method.init),
            let names = fields[3].elements
        else { return nil }
        let resources = names.compactMap(\.string)
        let numbers = fields[4...].compactMap(\.int)
        guard resources.count == names.count, numbers.count == 9 else { return nil }
        func time(_ index: Int) -> Duration { .microseconds(min(max(numbers[index], 0), 1 << 50)) }
        self.init(
            interface: interface, identity: identity, method: method, resources: resources,
            count: Int(clamping: numbers[0]), sentByteCount: numbers[1], receivedByteCount: numbers[2],
            sentWithHeaders: numbers[3], receivedWithHeaders: numbers[4], duration: time(5))
        largestSentByteCount = numbers[6]
        largestReceivedByteCount = numbers[7]
        longestDuration = time(8)
    }
}
