extension GatewayConfiguration {
    /// The keys of gateway.yaml (D26), in the order in which they are shown.
    public enum Key: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
        case product
        case cloud
        case identity
        case interface
        case caFile = "ca_file"
        case clientCertificate = "client_cert"
        case clientKey = "client_key"
        case proxy
        case transport
        case poll
        case services
        /// Where the supervisord is that `services: supervisord` drives; by default where supervisorctl looks.
        case supervisordFile = "supervisord_conf"
        case uplink
        case tokenGroup = "token_group"
        case exportGatewayConfig = "export_gateway_cfg"
        /// Gateway Engine's `-t`. The cloud's resource of that name and the manifest win over it.
        case updateInterval = "update_interval"
        /// Gateway Engine's `-a`.
        case userAgent = "user_agent"
        /// Gateway Engine's `-d`.
        case logLevel = "log_level"

        public var description: String { rawValue }

        /// The value in force while no file has the key; nil where there is none.
        public var standardValue: String? {
            switch self {
            case .transport, .uplink: Transport.https.rawValue
            case .poll: Poll.interval.rawValue
            case .services: Services.builtin.rawValue
            case .exportGatewayConfig: "false"
            case .updateInterval: "14400"
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
            case .interface:
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

    public enum Transport: String, Sendable, Hashable, CaseIterable { case https, mqtt }
    public enum Poll: String, Sendable, Hashable, CaseIterable { case interval, long }
    public enum Services: String, Sendable, Hashable, CaseIterable { case builtin, supervisord }
    public enum LogLevel: String, Sendable, Hashable, CaseIterable { case debug, info, warning, error, critical }
}
