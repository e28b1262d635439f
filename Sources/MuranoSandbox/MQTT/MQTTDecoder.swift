/// Takes a connection's bytes in pieces of any size and gives packets. After an error it must not be used any more.
struct MQTTDecoder {
    /// Of one packet, its fixed header included. A longer one is refused as soon as its length is known.
    let byteLimit: Int
    private var buffer: [UInt8] = []
    private var start = 0

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    mutating func append(_ bytes: some Collection<UInt8>) {
        if start > 0, start >= buffer.count / 2 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer += bytes
    }

    /// The next packet with the bytes that it took; nil until there are more bytes.
    mutating func next() throws(MQTTProtocolError) -> (packet: MQTTPacket, byteCount: Int)? {
        guard start < buffer.count else { return nil }
        let head = buffer[start]
        var length = 0
        var index = start + 1
        while true {
            guard index < buffer.count else { return nil }
            let byte = buffer[index]
            length |= Int(byte & 0x7F) << (7 * (index - start - 1))
            index += 1
            if byte < 0x80 { break }
            guard index - start <= 4 else { throw MQTTProtocolError("remaining length of more than four bytes") }
        }
        let end = index + length
        guard end - start <= byteLimit else {
            throw MQTTProtocolError("packet of \(end - start) bytes, more than \(byteLimit)")
        }
        guard end <= buffer.count else { return nil }
        var body = MQTTBody(rest: buffer[index..<end])
        let packet = try MQTTDecoder.packet(head, &body)
        guard body.rest.isEmpty else { throw MQTTProtocolError("\(body.rest.count) bytes after the end of a packet") }
        let count = end - start
        start = end
        return (packet, count)
    }

    private static func packet(_ head: UInt8, _ body: inout MQTTBody) throws(MQTTProtocolError) -> MQTTPacket {
        let (kind, flags) = (head >> 4, head & 0x0F)
        // Section 2.2.2: PUBREL, SUBSCRIBE and UNSUBSCRIBE say 2, PUBLISH what it likes, and all others 0.
        let wanted: UInt8? = kind == 3 ? nil : [6, 8, 10].contains(kind) ? 2 : 0
        guard wanted == nil || wanted == flags else {
            throw MQTTProtocolError("flags \(flags) in a packet of kind \(kind)")
        }
        switch kind {
        case 1: return try connect(&body)
        case 2:
            let flags = try body.byte()
            guard flags <= 1, let code = MQTTConnectCode(rawValue: try body.byte()) else {
                throw MQTTProtocolError("unknown answer to a connect")
            }
            return .connack(hasSession: flags == 1, code)
        case 3: return try publish(flags, &body)
        case 4: return .puback(id: try body.id())
        case 5: return .pubrec(id: try body.id())
        case 6: return .pubrel(id: try body.id())
        case 7: return .pubcomp(id: try body.id())
        case 8:
            let id = try body.id()
            var subscriptions: [MQTTSubscription] = []
            repeat {
                let filter = try body.filter()
                let qos = try body.byte()
                guard qos <= 2 else { throw MQTTProtocolError("QoS \(qos) in a subscription") }
                subscriptions.append(MQTTSubscription(filter: filter, qos: qos))
            } while !body.rest.isEmpty
            return .subscribe(id: id, subscriptions)
        case 9:
            let id = try body.id()
            let codes = Array(body.takeRest())
            guard !codes.isEmpty, codes.allSatisfy({ $0 <= 2 || $0 == 0x80 }) else {
                throw MQTTProtocolError("unknown answer to a subscription")
            }
            return .suback(id: id, codes)
        case 10:
            let id = try body.id()
            var filters: [String] = []
            repeat { filters.append(try body.filter()) } while !body.rest.isEmpty
            return .unsubscribe(id: id, filters: filters)
        case 11: return .unsuback(id: try body.id())
        case 12: return .pingreq
        case 13: return .pingresp
        case 14: return .disconnect
        default: throw MQTTProtocolError("unknown kind of packet \(kind)")
        }
    }

    private static func connect(_ body: inout MQTTBody) throws(MQTTProtocolError) -> MQTTPacket {
        let name = try body.text()
        let level = try body.byte()
        guard name == "MQTT", level == 4 else {
            guard name == "MQTT" || name == "MQIsdp" else { throw MQTTProtocolError("protocol '\(name)'") }
            _ = body.takeRest()
            return .foreignConnect(level: level)
        }
        let flags = try body.byte()
        func has(_ bit: UInt8) -> Bool { flags & (1 << bit) != 0 }
        let (willQoS, hasWill) = (flags >> 3 & 3, has(2))
        guard !has(0) else { throw MQTTProtocolError("reserved flag of a connect") }
        guard willQoS <= 2, hasWill || (willQoS == 0 && !has(5)) else { throw MQTTProtocolError("flags of a will") }
        guard has(7) || !has(6) else { throw MQTTProtocolError("password without a user name") }
        var connect = MQTTConnect(isClean: has(1), keepAlive: try body.number())
        connect.clientID = try body.text()
        if hasWill {
            connect.will = MQTTConnect.Will(
                topic: try body.topic(), message: Array(try body.bytes()), qos: willQoS, isRetained: has(5))
        }
        if has(7) { connect.username = try body.text() }
        if has(6) { connect.password = Array(try body.bytes()) }
        return .connect(connect)
    }

    private static func publish(_ flags: UInt8, _ body: inout MQTTBody) throws(MQTTProtocolError) -> MQTTPacket {
        var publish = MQTTPublish(topic: "", qos: flags >> 1 & 3)
        publish.isDuplicate = flags & 8 != 0
        publish.isRetained = flags & 1 != 0
        guard publish.qos <= 2 else { throw MQTTProtocolError("QoS 3") }
        guard publish.qos > 0 || !publish.isDuplicate else { throw MQTTProtocolError("a duplicate with QoS 0") }
        publish.topic = try body.topic()
        if publish.qos > 0 { publish.id = try body.id() }
        publish.payload = Array(body.takeRest())
        return .publish(publish)
    }
}

/// The variable header and the payload of one packet.
struct MQTTBody {
    var rest: ArraySlice<UInt8>

    mutating func take(_ count: Int) throws(MQTTProtocolError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw MQTTProtocolError("packet that ends too early") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func takeRest() -> ArraySlice<UInt8> {
        defer { rest = [] }
        return rest
    }

    mutating func byte() throws(MQTTProtocolError) -> UInt8 { try take(1).first ?? 0 }

    mutating func number() throws(MQTTProtocolError) -> UInt16 {
        try take(2).reduce(0) { $0 << 8 | UInt16($1) }
    }

    /// A packet identifier, which is never 0 (section 2.3.1).
    mutating func id() throws(MQTTProtocolError) -> UInt16 {
        let id = try number()
        guard id != 0 else { throw MQTTProtocolError("packet identifier 0") }
        return id
    }

    mutating func bytes() throws(MQTTProtocolError) -> ArraySlice<UInt8> { try take(Int(try number())) }

    /// UTF-8 without U+0000 (section 1.5.3).
    mutating func text() throws(MQTTProtocolError) -> String {
        let bytes = try bytes()
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw MQTTProtocolError("text that is no UTF-8")
        }
        return text
    }

    /// A topic's name, without wildcards (section 3.3.2.1).
    mutating func topic() throws(MQTTProtocolError) -> String {
        let topic = try text()
        guard !topic.isEmpty, !topic.utf8.contains(where: { $0 == 0x23 || $0 == 0x2B }) else {
            throw MQTTProtocolError("topic '\(topic)'")
        }
        return topic
    }

    /// `#` stands alone as the last level, `+` alone as any (section 4.7.1).
    mutating func filter() throws(MQTTProtocolError) -> String {
        let filter = try text()
        let levels = filter.split(separator: "/", omittingEmptySubsequences: false)
        let isValid = levels.enumerated().allSatisfy { index, level in
            guard level.contains("#") || level.contains("+") else { return true }
            return level == "+" || (level == "#" && index == levels.count - 1)
        }
        guard !filter.isEmpty, isValid else { throw MQTTProtocolError("topic filter '\(filter)'") }
        return filter
    }
}
