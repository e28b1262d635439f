internal import Documents
internal import GatewaySystem

/// A value that the cloud has set, as it reaches the device.
public struct ResourceSet: Sendable, Hashable {
    /// The resource's name.
    public var alias: String
    /// As UTF-8, repaired where it is not.
    public var value: String
    /// Unix time in microseconds at which it was set; nil where the cloud did not say.
    public var timestamp: Int64?

    /// A value that was set.
    public init(alias: String, value: String, timestamp: Int64? = nil) {
        self.alias = alias
        self.value = value
        self.timestamp = timestamp
    }

    /// `$resource/<alias>/<timestamp>`; nil for any other message.
    init?(_ message: MQTTMessage) {
        let parts = message.topic.split(separator: "/", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts[0] == "$resource", !parts[1].isEmpty else { return nil }
        let timestamp = parts.count == 3 ? Int64(parts[2]) : nil
        guard parts.count == 2 || timestamp != nil else { return nil }
        self.init(
            alias: String(parts[1]), value: String(decoding: message.payload, as: UTF8.self), timestamp: timestamp)
    }
}

/// The topics and payloads of Murano's MQTT device API (docs/cloud.md#the-device-api-over-mqtt).
enum MQTTTopic {
    static let batch = "$resource.batch"

    static func resource(_ alias: String) -> String { "$resource/" + alias }
    static func provision(_ identity: String) -> String { "$provision/" + identity }

    /// Why an alias cannot be part of a topic; nil when it can.
    static func fault(of alias: String) -> String? {
        guard !alias.isEmpty, alias.utf8.count <= 255 else { return "expected an alias of 1 to 255 bytes" }
        let isFit = alias.utf8.allSatisfy { $0 >= 32 && $0 != 127 && !"/#+".utf8.contains($0) }
        return isFit ? nil : "the alias holds '/', '+', '#' or a control character"
    }

    /// `[{"timestamp": <seconds>, "values": {<alias>: <value>}}]`: what has one time is in one object, in the order given.
    static func batch(_ points: [RecordPoint]) -> [UInt8] {
        var groups: [(timestamp: Int64, values: [(String, JSONValue)])] = []
        for point in points {
            let index = groups.lastIndex { group in
                group.timestamp == point.timestamp && !group.values.contains { $0.0 == point.alias }
            }
            let value = (point.alias, JSONValue.string(point.value))
            if let index { groups[index].values.append(value) } else { groups.append((point.timestamp, [value])) }
        }
        let list = groups.map { group in
            JSONValue.object([("timestamp", .int(group.timestamp)), ("values", .object(group.values))])
        }
        return Array(JSONValue.array(list).text().utf8)
    }
}
