extension GatewayConfiguration {
    /// The keys of gateway.yaml (D26), in the order in which they are shown.
    public enum Key: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
        /// The id of the cloud's product.
        case product
        /// The URL of the device API; plain http only to this machine.
        case cloud
        /// The name of the device in the product.
        case identity
        /// A network interface whose MAC is the identity. Where requests leave is ``bindInterface``.
        case interface
        /// A network interface that requests leave through, whatever the routes say.
        case bindInterface = "bind_interface"
        /// A PEM file of trusted roots, in place of the system's.
        case caFile = "ca_file"
        /// A TLS client certificate, PEM.
        case clientCertificate = "client_cert"
        /// The key of the client certificate, PEM.
        case clientKey = "client_key"
        /// A proxy of http, https or a kind of SOCKS; it may hold a password.
        case proxy
        /// See `Transport`.
        case transport
        /// See `Poll`.
        case poll
        /// See `Services`.
        case services
        /// Where the supervisord is that `services: supervisord` drives; by default where supervisorctl looks.
        case supervisordFile = "supervisord_conf"
        /// Taken, but without effect yet.
        case uplink
        /// A group that may read the token file.
        case tokenGroup = "token_group"
        /// `true` or the path of a Gateway.cfg that is kept current for old apps; `false` for none.
        case exportGatewayConfig = "export_gateway_cfg"
        /// Gateway Engine's `-t`. The cloud's resource of that name and the manifest win over it.
        case updateInterval = "update_interval"
        /// Gateway Engine's `-a`.
        case userAgent = "user_agent"
        /// Gateway Engine's `-d`.
        case logLevel = "log_level"

        /// The key as files have it, `ca_file`.
        public var description: String { rawValue }

        /// The value in force while no file has the key; nil where there is none.
        public var standardValue: String? {
            switch self {
            case .transport, .uplink: Transport.https.rawValue
            case .poll: Poll.interval.rawValue
            case .services: Services.builtin.rawValue
            case .exportGatewayConfig: "false"
            case .updateInterval: "\(UpdateInterval.standard.components.seconds)"
            case .logLevel: LogLevel.info.rawValue
            default: nil
            }
        }

        /// Why a text is no value of this key: what was expected. nil when it is one.
        public func problem(with text: String) -> String? {
            func expect(_ what: String, _ holds: Bool) -> String? { holds ? nil : "expected \(what), found '\(text)'" }

            let isPlain = !text.isEmpty && SettingText.isPlain(text)
            let isPath = isPlain && text.hasPrefix("/")
            switch self {
            case .product:
                return expect("a product id (1 to 63 of the characters a-z A-Z 0-9 -)", SettingText.isLabel(text))
            case .cloud: return SettingText.cloudProblem(text)
            case .identity: return SettingText.identityProblem(text)
            case .interface, .bindInterface:
                return expect(
                    "the name of a network interface (1 to 15 bytes, no '/' or white space)",
                    SettingText.isInterfaceName(text))
            case .caFile, .clientCertificate, .clientKey, .supervisordFile: return expect("an absolute path", isPath)
            case .proxy: return SettingText.proxyProblem(text)
            case .transport, .uplink: return SettingText.choice(Transport.self, text)
            case .poll: return SettingText.choice(Poll.self, text)
            case .services: return SettingText.choice(Services.self, text)
            case .logLevel: return SettingText.choice(LogLevel.self, text)
            case .tokenGroup:
                return expect("the name of a group", isPlain && !text.contains(":") && !text.contains(" "))
            case .exportGatewayConfig:
                return expect("true, false or the absolute path of a file", isPath || text == "true" || text == "false")
            case .updateInterval:
                return expect("seconds, or a time such as 90s, 15m, 4h or 1d", SettingText.interval(text) != nil)
            case .userAgent: return expect("one line of text", isPlain)
            }
        }

        /// Whether the value is written without quotes although YAML reads no string from it.
        var isScalar: Bool { self == .exportGatewayConfig || self == .updateInterval }
    }

    /// The protocol to the cloud: `https` alone, or beside it a connection of `mqtt` that tells of changes at once.
    public enum Transport: String, Sendable, Hashable, CaseIterable { case https, mqtt }
    /// How gwe asks for changes: once an `interval`, or with a `long` request that the cloud holds until there is one.
    public enum Poll: String, Sendable, Hashable, CaseIterable { case interval, long }
    /// Who keeps the apps running: gwe's own supervisor (`builtin`), or a `supervisord` that is there already.
    public enum Services: String, Sendable, Hashable, CaseIterable { case builtin, supervisord }
    /// How much is logged, from most to least. Without effect yet.
    public enum LogLevel: String, Sendable, Hashable, CaseIterable { case debug, info, warning, error, critical }
}
