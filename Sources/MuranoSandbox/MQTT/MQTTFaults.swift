/// The faults of the stand-in, as far as MQTT knows them.
extension Faults {
    /// The first fault that meets a packet. It is used up by one.
    func takeForMQTT(_ call: Fault.Call, device: String?) -> Fault.Kind? {
        isEmpty ? nil : take(call, device: device, over: .mqtt)
    }
}

extension Fault.Call {
    init(_ packet: MQTTPacket) {
        self =
            switch packet {
            case .connect, .foreignConnect: .connect
            case .publish(let publish) where publish.topic.hasPrefix(MQTTCalls.provisionPrefix): .activate
            case .publish(let publish) where publish.topic == MQTTCalls.batchTopic: .record
            case .publish: .write
            case .subscribe, .unsubscribe: .subscribe
            default: .other
            }
    }
}

extension Fault.Kind {
    static let garbageBytes = (0..<512).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }

    /// A kind that does not exist, with a length that never ends.
    static let garbagePacket = [UInt8](repeating: 0xFF, count: 5) + garbageBytes

    /// What an MQTT client hears from somebody who wants a login.
    static var portalAnswer: [UInt8] {
        Array("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\(portalPage)".utf8)
    }
}

extension MQTTConnectCode {
    /// The same outcome over HTTP.
    var status: Int {
        switch self {
        case .accepted: 200
        case .badVersion: 505
        case .badClientID: 400
        case .unavailable: 503
        case .badCredentials: 401
        case .notAuthorised: 403
        }
    }

    /// 401 is a bad user name or password, 403 not authorised, and all else that the server is not available.
    init(status: Int) {
        self = status == 401 ? .badCredentials : status == 403 ? .notAuthorised : .unavailable
    }
}

extension MQTTOutcome {
    static let connected = MQTTOutcome(
        method: "MQTT CONNECT", path: "connack=0", status: 200, answers: [.connack(hasSession: false, .accepted)])

    static func connectRefusal(_ code: MQTTConnectCode, _ reason: String) -> MQTTOutcome {
        MQTTOutcome(
            method: "MQTT CONNECT", path: "connack=\(code.rawValue)", status: code.status,
            answers: [.connack(hasSession: false, code)], end: MQTTEnd(reason, status: code.status))
    }
}

extension MQTTPacket {
    /// Nothing is done. A CONNECT gets its code; for all else there is only the end of the connection.
    func refusal(by fault: Fault.Kind?) -> MQTTOutcome {
        let isConnect = Fault.Call(self) == .connect
        switch fault {
        case .answer(let status, _) where isConnect:
            return .connectRefusal(MQTTConnectCode(status: status), "a fault")
        case .answer(let status, _): return .refusal(logName, logPath, status, "a fault")
        case .refuse(let code) where isConnect:
            return .connectRefusal(MQTTConnectCode(rawValue: code) ?? .unavailable, "a fault")
        default: return .refusal(logName, logPath, 503, "a fault")
        }
    }

    /// For the log.
    var logName: String {
        switch self {
        case .connect, .foreignConnect: "MQTT CONNECT"
        case .connack: "MQTT CONNACK"
        case .publish: "MQTT PUBLISH"
        case .puback: "MQTT PUBACK"
        case .pubrec: "MQTT PUBREC"
        case .pubrel: "MQTT PUBREL"
        case .pubcomp: "MQTT PUBCOMP"
        case .subscribe: "MQTT SUBSCRIBE"
        case .suback: "MQTT SUBACK"
        case .unsubscribe: "MQTT UNSUBSCRIBE"
        case .unsuback: "MQTT UNSUBACK"
        case .pingreq: "MQTT PINGREQ"
        case .pingresp: "MQTT PINGRESP"
        case .disconnect: "MQTT DISCONNECT"
        }
    }

    var logPath: String {
        switch self {
        case .publish(let publish): publish.topic
        case .subscribe(_, let subscriptions): subscriptions.map(\.filter).joined(separator: " ")
        case .unsubscribe(_, let filters): filters.joined(separator: " ")
        default: ""
        }
    }
}
