internal import Documents

/// What packets ask for, and how it ended.
struct MQTTOutcome {
    /// For the log: the name of the packet, the topic, and the status that HTTP would have.
    var method: String
    var path = ""
    var status = 204
    var answers: [MQTTPacket] = []
    /// What follows the answers.
    var end: MQTTEnd?

    /// The packet is not acknowledged, for MQTT 3.1.1 knows no refusal of a PUBLISH but the end of the connection
    /// (section 3.3.5).
    static func refusal(_ method: String, _ path: String, _ status: Int, _ reason: String) -> MQTTOutcome {
        MQTTOutcome(method: method, path: path, status: status, end: MQTTEnd(reason, status: status))
    }
}

/// The topics of Murano's device API.
struct MQTTCalls: Sendable {
    let store: SandboxStore
    let changes: ChangeSignal

    /// Of one packet: a batch may carry several values of the largest size.
    static let packetByteLimit = 8 << 20
    static let provisionPrefix = "$provision/"
    static let resourcePrefix = "$resource/"
    static let batchTopic = "$resource.batch"

    func publish(_ publish: MQTTPublish, by client: MQTTClient) throws -> MQTTOutcome {
        let topic = publish.topic
        func refused(_ status: Int, _ reason: String) -> MQTTOutcome { .refusal("MQTT PUBLISH", topic, status, reason) }
        guard publish.qos < 2 else { return refused(400, "QoS 2 is not supported") }
        var outcome = MQTTOutcome(method: "MQTT PUBLISH", path: topic)
        if publish.qos == 1 { outcome.answers.append(.puback(id: publish.id)) }
        switch client {
        case .anonymous:
            guard topic.hasPrefix(MQTTCalls.provisionPrefix) else {
                return refused(403, "an anonymous client may publish to $provision/<id> alone")
            }
            // Whoever is unknown, or has its token, is not answered and loses the connection.
            switch try store.activate(String(topic.dropFirst(MQTTCalls.provisionPrefix.count))) {
            case .unknown: return refused(404, "no such device")
            case .conflict: return refused(409, "the device has been activated")
            case .token(let token):
                outcome.status = 200
                outcome.answers.append(.publish(MQTTPublish(topic: topic, payload: Array(token.utf8))))
            }
        case .device(let device):
            if topic == MQTTCalls.batchTopic {
                guard let records = MQTTBatch.records(publish.payload) else {
                    return refused(400, "expected [{\"timestamp\": …, \"values\": {…}}]")
                }
                let refusedRecords = try store.record(device, records)
                if refusedRecords.count < records.count { changes.notify() }
                // There is no way to tell the device.
                if !refusedRecords.isEmpty { outcome.status = 409 }
            } else {
                let alias = String(topic.dropFirst(MQTTCalls.resourcePrefix.count))
                guard topic.hasPrefix(MQTTCalls.resourcePrefix), SandboxStore.isName(alias) else {
                    return refused(400, "expected $resource/<alias> or \(MQTTCalls.batchTopic)")
                }
                guard publish.payload.count <= DeviceAPI.valueByteLimit else {
                    return refused(413, "expected at most \(DeviceAPI.valueByteLimit) bytes")
                }
                _ = try store.exchange(device, writes: [(alias, publish.payload)], reads: [])
                changes.notify()
            }
        }
        return outcome
    }

    /// All resources are subscribed from the start, and the token comes without: subscriptions to either are accepted
    /// and change nothing, all others are refused.
    func subscribe(_ id: UInt16, _ subscriptions: [MQTTSubscription], by client: MQTTClient) -> MQTTOutcome {
        let names = client == .anonymous ? ["$provision"] : ["$provision", "$resource", MQTTCalls.batchTopic]
        let codes = subscriptions.map { subscription in
            let first = subscription.filter.prefix { $0 != "/" }
            return names.contains(String(first)) ? min(subscription.qos, 1) : 0x80
        }
        return MQTTOutcome(
            method: "MQTT SUBSCRIBE", path: subscriptions.map(\.filter).joined(separator: " "),
            status: codes.contains(0x80) ? 403 : 204, answers: [.suback(id: id, codes)])
    }
}

/// The payload of `$resource.batch`: `[{"timestamp": 1511380800, "values": {"temperature": "21.5"}}]`.
enum MQTTBatch {
    /// nil if it is none. A value that is no text is stored as its JSON.
    static func records(_ payload: [UInt8]) -> [SandboxStore.Record]? {
        let limits = DocumentLimits(byteCount: MQTTCalls.packetByteLimit, depth: 16, nodeCount: 1_000_000)
        guard let document = try? JSON.parse(payload, source: "batch", limits: limits).json,
            let elements = document.elements, !elements.isEmpty
        else { return nil }
        var records: [SandboxStore.Record] = []
        for element in elements {
            guard let stamp = element["timestamp"], let time = microseconds(stamp),
                let values = element["values"]?.members
            else { return nil }
            for (name, value) in values {
                let bytes = value.string.map { Array($0.utf8) } ?? value.bytes()
                guard SandboxStore.isName(name), bytes.count <= DeviceAPI.valueByteLimit else { return nil }
                records.append(.init(name: name, stamp: stamp.text(), timestamp: time, value: bytes))
            }
        }
        return records
    }

    /// Seconds, with or without a fraction, or whole microseconds: seconds are less than 10^11, which is the year 5138.
    private static func microseconds(_ stamp: JSONValue) -> Int64? {
        switch stamp {
        case .int(let number) where number >= 0: number < 100_000_000_000 ? number * 1_000_000 : number
        case .double(let number) where number >= 0 && number < 1e11: Int64((number * 1_000_000).rounded())
        default: nil
        }
    }
}
