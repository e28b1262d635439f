/// Where an MQTT 3.1.1 server is, who connects, and how. TLS is 1.2 or newer and always verified: there is no switch for
/// that. Without TLS only loopback is connected to.
public struct MQTTConfiguration: Sendable {
    /// A name, or a numeric address without brackets.
    public var host: String
    /// The server's TCP port; not 0.
    public var port: UInt16
    /// Whether the connection is encrypted. Without TLS, `MQTTConnection` refuses any host but loopback.
    public var usesTLS: Bool
    /// At most 65,535 bytes. Empty only where the server knows the client by its token or certificate; libmosquitto 2.0
    /// sends it so, earlier ones make one up.
    public var clientIdentifier: String
    /// nil: none is sent, or an empty one where there is a password (MQTT 3.1.1, 3.1.2.9).
    public var userName: String?
    /// nil: none is sent.
    public var password: String?
    /// The longest silence; the server takes a connection for lost after one and a half of it (MQTT 3.1.1, 3.1.2.10).
    /// Whole seconds, 5 to 65,535; 0: none.
    public var keepAlive: Duration = .seconds(300)
    /// From looking up the name to the server's consent.
    public var connectTimeout: Duration = .seconds(30)
    /// `caFile`, `clientCertificate`, `clientKey` and `interface` count here; there are no proxies for MQTT.
    public var transfer: TransferConfiguration

    /// A configuration without user name and password; nothing is checked before `MQTTConnection` takes it.
    /// - Parameter port: nil is 8883 with TLS and 1883 without.
    public init(
        host: String, port: UInt16? = nil, usesTLS: Bool = true, clientIdentifier: String,
        transfer: TransferConfiguration = TransferConfiguration()
    ) {
        self.host = host
        self.port = port ?? (usesTLS ? 8883 : 1883)
        self.usesTLS = usesTLS
        self.clientIdentifier = clientIdentifier
        self.transfer = transfer
    }

    /// For messages: `mqtts://host:8883`.
    public var description: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(usesTLS ? "mqtts" : "mqtt")://\(name):\(port)"
    }
}

/// What is published under a topic.
public struct MQTTMessage: Sendable, Hashable {
    /// Of a payload, in both directions; Murano takes no larger value.
    public static let byteLimit = 1 << 20

    /// When the sender may forget a message (MQTT 3.1.1, 4.3). Murano knows no 2.
    public enum QualityOfService: Int32, Sendable, Hashable {
        /// Once it is on its way.
        case atMostOnce = 0
        /// Once the receiver has acknowledged it.
        case atLeastOnce = 1
    }

    /// To publish: 1 to 65,535 bytes without `#`, `+` and NUL.
    public var topic: String
    /// Any bytes, at most `byteLimit` of them.
    public var payload: [UInt8]
    /// What the sender asks for; of a message that came, what the server chose.
    public var qualityOfService: QualityOfService

    /// A message; nothing is checked before it is published.
    public init(_ topic: String, _ payload: [UInt8] = [], qualityOfService: QualityOfService = .atLeastOnce) {
        self.topic = topic
        self.payload = payload
        self.qualityOfService = qualityOfService
    }
}

/// What an MQTT connection has cost so far, as TCP_INFO tells it (tcp(7)).
public struct MQTTWireCount: Sendable, Hashable {
    /// TCP payload, TLS included, as in `WireUsage`.
    public var sentByteCount: Int64 = 0
    /// TCP payload, TLS included. What the peer sent twice counts once.
    public var receivedByteCount: Int64 = 0
    /// Estimates: the payload and the IP and TCP headers of all segments, those that only acknowledge too.
    public var sentWithHeaders: Int64 = 0
    /// As `sentWithHeaders`, in the other direction.
    public var receivedWithHeaders: Int64 = 0

    /// Nothing yet.
    public init() {}
}
