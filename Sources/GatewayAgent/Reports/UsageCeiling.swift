internal import DeviceClient
internal import Documents
internal import GatewaySystem

/// What counts of users other than root and the daemon's own may come to: no more than their interface has moved.
///
/// Anybody may send to `usage.sock`, so anybody can invent bytes. The kernel's own counters (`/proc/net/dev`, proc(5)) say
/// what went over an interface since the daemon started, whoever sent it: beyond that, and a slack for what was under way
/// at the start and for drivers that count late, invented bytes are cut off. So a record that somebody made up cannot use
/// up a data budget; only traffic can, and that is on the bill. An interface that does not exist counts as `other`, so
/// that invented names push no real one out.
struct UsageCeiling {
    /// Per interface.
    static let slack: Int64 = 1 << 20

    private struct Interface {
        var reading: Int64
        /// What may still be counted.
        var left: Int64 = UsageCeiling.slack
    }

    private var interfaces: [String: Interface]

    /// - Parameter readings: what each interface has moved until now, both ways.
    init(_ readings: [String: Int64]) { interfaces = readings.mapValues { Interface(reading: $0) } }

    /// Takes a later reading into account. A counter that is smaller than before has begun anew.
    mutating func advance(to readings: [String: Int64]) {
        interfaces = interfaces.filter { readings[$0.key] != nil }
        for (name, reading) in readings {
            var interface = interfaces[name] ?? Interface(reading: 0)
            let moved = reading < interface.reading ? reading : reading - interface.reading
            interface.left = interface.left.saturating(adding: max(0, moved))
            interface.reading = reading
            interfaces[name] = interface
        }
    }

    /// A record within what there is left, which it uses up.
    mutating func admit(_ record: UsageRecord) -> UsageRecord {
        var record = record
        if !record.interface.isEmpty, interfaces[record.interface] == nil { record.interface = UsageStore.other }
        var left = interfaces[record.interface]?.left ?? 0
        func cut(_ value: Int64) -> Int64 { min(max(0, value), left) }
        // The payload is within what has headers.
        record.sentWithHeaders = cut(max(record.sentWithHeaders, record.sentByteCount))
        left -= record.sentWithHeaders
        record.receivedWithHeaders = cut(max(record.receivedWithHeaders, record.receivedByteCount))
        left -= record.receivedWithHeaders
        record.sentByteCount = min(record.sentByteCount, record.sentWithHeaders)
        record.receivedByteCount = min(record.receivedByteCount, record.receivedWithHeaders)
        record.largestSentByteCount = min(record.largestSentByteCount, UsageCeiling.largest(record.sentByteCount))
        record.largestReceivedByteCount = min(
            record.largestReceivedByteCount, UsageCeiling.largest(record.receivedByteCount))
        interfaces[record.interface]?.left = left
        return record
    }

    /// Earlier records may have told the largest request's first bytes: so much of them is believed.
    private static func largest(_ byteCount: Int64) -> Int64 { max(byteCount, 1 << 30) }

    /// Bytes both ways of every interface of this network namespace; none where the kernel does not tell.
    static func readings() -> [String: Int64] {
        guard let bytes = try? AtomicFile.read("/proc/net/dev", limit: 1 << 20) else { return [:] }
        return parse(String(decoding: bytes, as: UTF8.self))
    }

    /// `eth0: 266250931 7813 …`: the first figure is what came in, the ninth what went out.
    static func parse(_ text: String) -> [String: Int64] {
        var readings: [String: Int64] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.lastIndex(of: ":") else { continue }
            let figures = line[line.index(after: colon)...].split(separator: " ").map { UInt64($0) }
            guard figures.count >= 9, let received = figures[0], let sent = figures[8] else { continue }
            let name = String(line[..<colon].drop { $0 == " " })
            readings[name] = Int64(clamping: received).saturating(adding: Int64(clamping: sent))
        }
        return readings
    }
}
