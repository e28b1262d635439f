internal import Documents

/// What gateway.yaml says of this gateway: who it is, where its cloud is and how it is reached.
///
/// Two files can say it: gateway.yaml in the configuration folder, and an overlay of the same form in the state
/// folder, written where the first is read-only. A key of the overlay wins; `key: null` there means "not set".
public struct GatewayConfiguration: Sendable, Hashable {
    public static let schema = "gwe/v1"

    /// The keys that files set, in the form of the text. Every value has passed `Key.problem(with:)`.
    public private(set) var settings: [Key: Sourced<String>] = [:]

    public init() {}

    /// One file's keys; a nil value takes back what an earlier layer says.
    public struct Layer: Sendable, Hashable {
        public var settings: [Key: Sourced<String?>]

        public init(_ settings: [Key: Sourced<String?>] = [:]) { self.settings = settings }
    }

    /// The layers in rising precedence.
    ///
    /// `identity` and `interface` are one wish: a layer that sets either takes both from the layers before it, so that
    /// an interface set today is not beaten by an identity of last year.
    public init(layers: [Layer]) {
        for layer in layers {
            if layer.settings[.identity]?.value != nil || layer.settings[.interface]?.value != nil {
                settings[.identity] = nil
                settings[.interface] = nil
            }
            for (key, setting) in layer.settings {
                settings[key] = setting.value.map { Sourced($0, from: setting.origin) }
            }
        }
    }

    /// The value in force and where it comes from; nil where nothing sets it and there is no default.
    public subscript(key: Key) -> Sourced<String>? {
        if let setting = settings[key] { return setting }
        if key == .cloud, let product { return Sourced("https://\(product).m2.exosite.io", from: .builtin) }
        return key.standardValue.map { Sourced($0, from: .builtin) }
    }

    private func text(_ key: Key) -> String? { self[key]?.value }
    private func choice<Choice: RawRepresentable<String>>(_ key: Key, _ standard: Choice) -> Choice {
        text(key).flatMap(Choice.init(rawValue:)) ?? standard
    }

    public var product: String? { settings[.product]?.value }
    /// The URL of the device API; by default `https://<product>.m2.exosite.io`. Nil while no product is set either.
    public var cloud: String? { text(.cloud) }
    /// As configured. What identifies the gateway, the MAC of `interface` included, is `Identity.resolve`.
    public var identity: String? { text(.identity) }
    public var interface: String? { text(.interface) }
    public var caFile: String? { text(.caFile) }
    public var clientCertificate: String? { text(.clientCertificate) }
    public var clientKey: String? { text(.clientKey) }
    /// May hold a password: never log it, see `shown(_:)`.
    public var proxy: String? { text(.proxy) }
    public var transport: Transport { choice(.transport, .https) }
    public var uplink: Transport { choice(.uplink, .https) }
    public var poll: Poll { choice(.poll, .interval) }
    public var services: Services { choice(.services, .builtin) }
    /// The configuration file of the supervisord that `services: supervisord` drives; nil: where supervisorctl looks.
    public var supervisordFile: String? { text(.supervisordFile) }
    /// A group that may read the token file.
    public var tokenGroup: String? { text(.tokenGroup) }
    /// Gateway Engine's default is `GatewayEngine-v<VERSION>`; nil means gwe's own.
    public var userAgent: String? { text(.userAgent) }
    public var logLevel: LogLevel { choice(.logLevel, .info) }
    /// Nil while no file sets it.
    public var updateInterval: Sourced<Duration>? {
        guard let setting = settings[.updateInterval], let interval = SettingText.interval(setting.value)
        else { return nil }
        return Sourced(interval, from: setting.origin)
    }

    /// The file that is kept current for old apps that read Gateway.cfg; nil when none is wanted.
    public func exportedConfigFile(standard: String) -> String? {
        switch text(.exportGatewayConfig) {
        case nil, "false": nil
        case "true": standard
        case let path: path
        }
    }

    /// A value as it may be shown: the password of a proxy is left out.
    public static func shown(_ key: Key, _ text: String) -> String {
        guard key == .proxy else { return text }
        let parts = WebAddressParts(text)
        // A password may hold a slash: everything up to the last @ is hidden.
        let rest = text[parts.authority.startIndex...]
        guard let at = rest.lastIndex(of: "@") else { return text }
        let user = rest[..<at].prefix { $0 != ":" }
        return (parts.scheme.map { $0 + "://" } ?? "") + user + ":***" + rest[at...]
    }
}
