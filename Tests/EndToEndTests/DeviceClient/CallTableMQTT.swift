import MuranoSandbox

/// One row of the table of calls over MQTT: a call, as whom, what the cloud does to it, what is in the cloud's log then,
/// and what the library and `gdc` are told. MQTT 3.1.1 has a code for a refused CONNECT (table 3.1); all else is refused
/// by the end of the connection (3.3.5).
struct CallTableMQTTRow: Sendable, CustomStringConvertible {
    enum Call: Sendable, Equatable {
        case activate, connect
        case publish(String, String, quality: Int)
        /// The operator writes; the device is there already, or comes later.
        case hear(String, whileConnected: Bool)
        /// The device publishes what it has heard, so that the cloud takes it for arrived.
        case acknowledge(String)
        /// There is no such thing over MQTT.
        case none
    }

    enum Login: Sendable {
        case token, foreignToken, password, wrongPassword, certificate, unknownCertificate
        /// A device that the cloud does not know.
        case unknown
    }

    /// An entry of the cloud's log: packet, the beginning of its topic or answer, and the status that HTTP would have.
    struct Trace: Sendable, CustomStringConvertible {
        var packet: String
        var path: String
        var status: Int
        var description: String { "\(status) \(packet)" + (path.hasPrefix("connack") ? " " + path : "") }
    }

    var name: String
    var call: Call
    var login = Login.token
    var fault: Fault?
    var trace: Trace?
    /// What a caller is told: "done", "heard", or the error's kind; nil when it has no such call.
    var library: String?
    /// The exit status, or "heard".
    var gdc: String?

    var description: String { name }
    /// Certificates need TLS.
    var needsTLS: Bool { login == .certificate || login == .unknownCertificate }

    private static func connect(
        _ name: String, _ login: Login, code: Int, status: Int, _ library: String, _ gdc: String?, isFault: Bool = false
    ) -> CallTableMQTTRow {
        CallTableMQTTRow(
            name: "connect: \(name)", call: .connect, login: login,
            fault: isFault ? Fault(.refuse(code: UInt8(code)), on: [.connect], times: 1) : nil,
            trace: Trace(packet: "CONNECT", path: "connack=\(code)", status: status), library: library, gdc: gdc)
    }

    private static func publish(
        _ name: String, _ topic: String, _ value: String = "5", quality: Int = 1, fault: Fault.Kind? = nil,
        status: Int, _ library: String = "done", _ gdc: String = "0"
    ) -> CallTableMQTTRow {
        CallTableMQTTRow(
            name: name, call: .publish(topic, value, quality: quality),
            fault: fault.map { Fault($0, on: [.write], times: 1) },
            trace: Trace(packet: "PUBLISH", path: topic, status: status), library: library, gdc: gdc)
    }

    private static func provision(
        _ name: String, _ login: Login, _ status: Int, _ library: String, _ gdc: String
    ) -> CallTableMQTTRow {
        CallTableMQTTRow(
            name: name, call: .activate, login: login,
            trace: Trace(packet: "PUBLISH", path: "$provision/", status: status), library: library, gdc: gdc)
    }

    private static func without(_ name: String) -> CallTableMQTTRow { CallTableMQTTRow(name: name, call: .none) }

    private static let batch = #"[{"timestamp": 1000, "values": {"r": "5", "s": "x"}}]"#
    private static let later = #"[{"timestamp": 2000, "values": {"r": "6"}}]"#

    /// Every call of docs/cloud.md#the-device-api-over-mqtt, in an order in which each finds what it needs.
    static let all: [CallTableMQTTRow] = [
        provision("activate: unknown device", .unknown, 404, "alreadyActivated", "1"),
        provision("activate", .token, 200, "done", "0"),
        provision("activate: has its token", .token, 409, "alreadyActivated", "1"),
        connect("token", .token, code: 0, status: 200, "done", "0"),
        connect("password", .password, code: 0, status: 200, "done", nil),
        connect("certificate", .certificate, code: 0, status: 200, "done", "0"),
        connect("wrong token", .foreignToken, code: 4, status: 401, "notAuthorised", "77"),
        connect("wrong password", .wrongPassword, code: 4, status: 401, "notAuthorised", nil),
        connect("unknown certificate", .unknownCertificate, code: 5, status: 403, "notAuthorised", "77"),
        connect("refused with 1", .token, code: 1, status: 505, "permanent", "1", isFault: true),
        connect("refused with 2", .token, code: 2, status: 400, "notAuthorised", "77", isFault: true),
        connect("refused with 3", .token, code: 3, status: 503, "retryLater", "69", isFault: true),
        connect("refused with 4", .token, code: 4, status: 401, "notAuthorised", "77", isFault: true),
        connect("refused with 5", .token, code: 5, status: 403, "notAuthorised", "77", isFault: true),
        publish("write, QoS 1", "$resource/a", "x y&=%+ü", status: 204),
        publish("write, QoS 0", "$resource/b", quality: 0, status: 204),
        CallTableMQTTRow(name: "write, QoS 2", call: .publish("$resource/c", "5", quality: 2), gdc: "64"),
        publish("write: no such topic", "$elsewhere", status: 400, "retryLater", "64"),
        publish(
            "write: too many", "$resource/a", fault: .answer(status: 429, retryAfter: nil), status: 429, "retryLater",
            "69"),
        publish(
            "write: out of order", "$resource/a", fault: .answer(status: 503, retryAfter: nil), status: 503,
            "retryLater",
            "69"),
        publish("record (batch), QoS 1", "$resource.batch", batch, status: 204),
        publish("record: known already", "$resource.batch", batch, status: 409),
        publish("record, QoS 0", "$resource.batch", later, quality: 0, status: 204),
        publish("record: no batch", "$resource.batch", "5", status: 400, "retryLater", "69"),
        CallTableMQTTRow(
            name: "set while connected", call: .hear("set-1", whileConnected: true),
            trace: Trace(packet: "DELIVER", path: "$resource/set-1/", status: 200), library: "heard", gdc: "heard"),
        CallTableMQTTRow(
            name: "set while away", call: .hear("set-2", whileConnected: false),
            trace: Trace(packet: "DELIVER", path: "$resource/set-2/", status: 200), library: "heard", gdc: "heard"),
        CallTableMQTTRow(
            name: "set, acknowledged", call: .acknowledge("set-3"),
            trace: Trace(packet: "PUBLISH", path: "$resource/set-3", status: 204), library: "done", gdc: "0"),
        // Downloads need HTTP even when data goes by MQTT; what is set comes by itself.
        without("list, info, get content"),
        without("read, long poll"),
        without("timestamp"),
    ]
}
