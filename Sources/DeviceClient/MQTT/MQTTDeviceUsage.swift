internal import GatewaySystem

/// Divides what a connection costs among the calls that it is for. What nobody has called for (the keepalive, values that
/// the cloud sets) is `subscribe`.
struct MQTTDeviceUsage {
    private struct Call {
        var method: UsageRecord.Method
        var resources: [String]
        var begin: MonotonicTime
        var isCounted = false
    }

    let identity: String
    private var calls: [Int: Call] = [:]
    private var nextCall = 0
    private var counted = MQTTWireCount()
    private var mark = MonotonicTime.now

    init(identity: String) { self.identity = identity }

    /// A new connection counts from zero.
    mutating func restart() { counted = MQTTWireCount() }

    mutating func begin(_ method: UsageRecord.Method, _ resources: [String]) -> Int {
        nextCall += 1
        calls[nextCall] = Call(method: method, resources: resources, begin: .now)
        return nextCall
    }

    /// The record of a call that is over.
    mutating func end(_ call: Int, _ wire: MQTTWireCount, interface: String) -> [UsageRecord] {
        guard let ended = calls.removeValue(forKey: call) else { return [] }
        return [record(ended.method, ended.resources, ended.isCounted ? 0 : 1, wire, interface, since: ended.begin)]
    }

    /// The record of a value that the cloud has sent.
    mutating func received(_ alias: String, _ wire: MQTTWireCount, interface: String) -> [UsageRecord] {
        [record(.subscribe, [alias], 1, wire, interface, since: nil)]
    }

    /// What went over the wire so far, told by the way: nothing while a call goes on, which counts it at its end, unless
    /// that takes longer than a moment.
    mutating func moved(_ wire: MQTTWireCount, interface: String) -> [UsageRecord] {
        guard counted.isBehind(wire) else { return [] }
        guard let (number, call) = calls.min(by: { $0.key < $1.key }) else {
            return [record(.subscribe, ["$resource"], 0, wire, interface, since: nil)]
        }
        guard max(call.begin, mark).duration(to: .now) > .milliseconds(100) else { return [] }
        let count = call.isCounted ? 0 : 1
        calls[number]?.isCounted = true
        calls[number]?.begin = .now
        return [record(call.method, call.resources, count, wire, interface, since: call.begin)]
    }

    private mutating func record(
        _ method: UsageRecord.Method, _ resources: [String], _ count: Int, _ wire: MQTTWireCount, _ interface: String,
        since begin: MonotonicTime?
    ) -> UsageRecord {
        defer {
            counted.advance(to: wire)
            mark = .now
        }
        let sent = max(0, wire.sentByteCount - counted.sentByteCount)
        let received = max(0, wire.receivedByteCount - counted.receivedByteCount)
        return UsageRecord(
            interface: interface, identity: identity, method: method, resources: resources, count: count,
            sentByteCount: sent, receivedByteCount: received,
            sentWithHeaders: max(0, wire.sentWithHeaders - counted.sentWithHeaders),
            receivedWithHeaders: max(0, wire.receivedWithHeaders - counted.receivedWithHeaders),
            duration: begin.map { $0.duration(to: .now) } ?? .zero)
    }
}

extension MQTTWireCount {
    /// Two threads tell what they have read: the one that comes late takes nothing back.
    fileprivate mutating func advance(to other: MQTTWireCount) {
        sentByteCount = max(sentByteCount, other.sentByteCount)
        receivedByteCount = max(receivedByteCount, other.receivedByteCount)
        sentWithHeaders = max(sentWithHeaders, other.sentWithHeaders)
        receivedWithHeaders = max(receivedWithHeaders, other.receivedWithHeaders)
    }

    fileprivate func isBehind(_ other: MQTTWireCount) -> Bool {
        var advanced = self
        advanced.advance(to: other)
        return advanced != self
    }
}
