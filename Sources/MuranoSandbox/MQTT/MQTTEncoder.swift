extension MQTTPacket {
    /// The packet on the wire. Texts and passwords of more than 65,535 bytes do not fit and are cut there.
    var bytes: [UInt8] {
        var out = MQTTOutput()
        switch self {
        case .connect(let connect): return out.connect(connect)
        case .foreignConnect(let level):
            out.text("MQTT")
            return out.packet(0x10, adding: [level])
        case .connack(let hasSession, let code): return out.packet(0x20, adding: [hasSession ? 1 : 0, code.rawValue])
        case .publish(let publish):
            out.text(publish.topic)
            if publish.qos > 0 { out.number(publish.id) }
            let flags = (publish.isDuplicate ? 8 : 0) | publish.qos << 1 | (publish.isRetained ? 1 : 0)
            return out.packet(0x30 | flags, adding: publish.payload)
        case .puback(let id): return out.packet(0x40, id)
        case .pubrec(let id): return out.packet(0x50, id)
        case .pubrel(let id): return out.packet(0x62, id)
        case .pubcomp(let id): return out.packet(0x70, id)
        case .subscribe(let id, let subscriptions):
            out.number(id)
            for subscription in subscriptions {
                out.text(subscription.filter)
                out.body.append(subscription.qos)
            }
            return out.packet(0x82)
        case .suback(let id, let codes): return out.packet(0x90, id, adding: codes)
        case .unsubscribe(let id, let filters):
            out.number(id)
            for filter in filters { out.text(filter) }
            return out.packet(0xA2)
        case .unsuback(let id): return out.packet(0xB0, id)
        case .pingreq: return out.packet(0xC0)
        case .pingresp: return out.packet(0xD0)
        case .disconnect: return out.packet(0xE0)
        }
    }
}

/// The bytes after a packet's fixed header, until it is known how many they are.
private struct MQTTOutput {
    var body: [UInt8] = []

    mutating func number(_ number: UInt16) { body += [UInt8(number >> 8), UInt8(number & 0xFF)] }

    mutating func bytes(_ bytes: [UInt8]) {
        let bytes = bytes.prefix(Int(UInt16.max))
        number(UInt16(bytes.count))
        body += bytes
    }

    mutating func text(_ text: String) { bytes(Array(text.utf8)) }

    mutating func connect(_ connect: MQTTConnect) -> [UInt8] {
        text("MQTT")
        var flags: UInt8 = connect.isClean ? 2 : 0
        if let will = connect.will { flags |= 4 | will.qos << 3 | (will.isRetained ? 0x20 : 0) }
        if connect.username != nil { flags |= 0x80 }
        if connect.password != nil { flags |= 0x40 }
        body += [4, flags]
        number(connect.keepAlive)
        text(connect.clientID)
        if let will = connect.will {
            text(will.topic)
            bytes(will.message)
        }
        if let username = connect.username { text(username) }
        if let password = connect.password { bytes(password) }
        return packet(0x10)
    }

    mutating func packet(_ head: UInt8, _ id: UInt16? = nil, adding more: [UInt8] = []) -> [UInt8] {
        if let id { number(id) }
        var out = [head]
        var length = body.count + more.count
        repeat {
            out.append(UInt8(length & 0x7F) | (length > 0x7F ? 0x80 : 0))
            length >>= 7
        } while length > 0
        return out + body + more
    }
}
