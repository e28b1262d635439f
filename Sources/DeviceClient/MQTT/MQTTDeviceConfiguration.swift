internal import Documents
internal import GatewaySystem

extension MQTTDeviceClient {
    /// What `DeviceClient` is configured with, and the little that MQTT has besides.
    public struct Configuration: Sendable {
        /// Product, identity, token, certificates, interface and time limits, as for HTTPS. A proxy does not count.
        public var device: DeviceClient.Configuration
        /// Where the cloud speaks MQTT, if not where `device` says: `mqtts://host`, `mqtts://host:443`.
        public var cloudURL: String?
        /// Where no URL says it. Without either it is 8883, and 443 in turn where nobody answers: Murano listens at both.
        public var port: UInt16?
        /// For devices that log in with a password of their own instead of a token: then the user name is the identity.
        public var password: String?
        /// The longest silence on an idle connection.
        public var keepAlive: Duration = .seconds(300)

        /// MQTT for the device of this configuration, at the address and the ports that follow from it.
        public init(_ device: DeviceClient.Configuration) { self.device = device }

        /// Host, port, and whether TLS is spoken; nil where the URL is none.
        ///
        /// `mqtts:` always speaks TLS, and so does `mqtt:`, except with this machine itself. From an address for HTTPS the
        /// host is taken. The port is the first one to try: see `hasChoiceOfPorts`.
        public var server: (host: String, port: UInt16, usesTLS: Bool)? {
            guard let address else { return nil }
            let isPlain = ["mqtt", "http"].contains(address.scheme) && address.isLoopback
            let isWeb = address.scheme.hasPrefix("http")
            let standard = isPlain ? 1883 : MQTTPortChoice.standard
            return (address.host, (isWeb ? nil : address.port) ?? port ?? standard, !isPlain)
        }

        /// Whether an attempt may go to 8883 or to 443: the address is one for HTTPS and no port is given, so that
        /// nobody has named one for MQTT.
        public var hasChoiceOfPorts: Bool {
            guard port == nil, let address else { return false }
            return address.scheme.hasPrefix("http") && server?.usesTLS == true
        }

        /// Takes `scheme://host[:port][/]` with mqtt, mqtts, http or https, and nothing else.
        private var address: WebAddress? {
            guard let address = WebAddress(cloudURL ?? device.baseURL),
                ["mqtt", "mqtts", "http", "https"].contains(address.scheme), address.user == nil,
                address.path.allSatisfy({ $0 == "/" }), address.query == nil, address.fragment == nil
            else { return nil }
            return address
        }
    }
}
