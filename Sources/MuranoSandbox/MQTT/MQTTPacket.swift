/// A control packet of MQTT 3.1.1 (OASIS Standard, 29 October 2014), in either direction.
enum MQTTPacket: Sendable, Hashable {
    case connect(MQTTConnect)
    /// A CONNECT of another version of the protocol, whose rest nobody here understands.
    case foreignConnect(level: UInt8)
    case connack(hasSession: Bool, MQTTConnectCode)
    case publish(MQTTPublish)
    case puback(id: UInt16)
    case pubrec(id: UInt16)
    case pubrel(id: UInt16)
    case pubcomp(id: UInt16)
    case subscribe(id: UInt16, [MQTTSubscription])
    /// For each filter the granted QoS, or 0x80.
    case suback(id: UInt16, [UInt8])
    case unsubscribe(id: UInt16, filters: [String])
    case unsuback(id: UInt16)
    case pingreq
    case pingresp
    case disconnect
}

/// Section 3.1.
struct MQTTConnect: Sendable, Hashable {
    struct Will: Sendable, Hashable {
        var topic: String
        var message: [UInt8]
        var qos: UInt8
        var isRetained: Bool
    }

    var clientID = ""
    var isClean = true
    /// In seconds; 0 is none.
    var keepAlive: UInt16 = 0
    var will: Will?
    var username: String?
    var password: [UInt8]?
}

/// Section 3.2.2.3.
enum MQTTConnectCode: UInt8, Sendable, Hashable {
    case accepted, badVersion, badClientID, unavailable, badCredentials, notAuthorised
}

/// Section 3.3. The identifier is 0 and means nothing with QoS 0.
struct MQTTPublish: Sendable, Hashable {
    var topic: String
    var payload: [UInt8] = []
    var qos: UInt8 = 0
    var id: UInt16 = 0
    var isDuplicate = false
    var isRetained = false
}

struct MQTTSubscription: Sendable, Hashable {
    var filter: String
    var qos: UInt8
}

/// Why a peer's bytes are no MQTT 3.1.1. The connection is closed (section 4.8).
struct MQTTProtocolError: Error, Hashable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
