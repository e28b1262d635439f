internal import Documents

/// What gateway.yaml says of this gateway: who it is, where its cloud is and how it is reached.
///
/// Two files can say it: gateway.yaml in the configuration folder, and an overlay of the same form in the state
/// folder, written where the first is read-only. A key of the overlay wins; `key: null` there means "not set".
public struct GatewayConfiguration: Sendable, Hashable {
    /// The only value that the key `schema` of gateway.yaml may have; the key may be left out.
    public static let schema = "gwe/v1"

    /// The keys that files set, in the form of the text. Every value has passed `Key.problem(with:)`.
    public private(set) var settings: [Key: Sourced<String>] = [:]

    /// A gateway of which no file says anything: every key has its default or none.
    public init() {}

    /// One file's keys; a nil value takes back what an earlier layer says.
    public struct Layer: Sendable, Hashable {
        /// By key. A key that is missing here is left as the layers before say.
        public var settings: [Key: Sourced<String?>]

        /// A layer with all its keys. Values are taken as they are; `init(decoding:source:)` checks them.
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

    /// The id of the cloud's product; nil where none is set: then there is no cloud, and the local manifest rules
    /// alone.
    public var product: String? { settings[.product]?.value }
    /// The URL of the device API; by default `https://<product>.m2.exosite.io`. Nil while no product is set either.
    public var cloud: String? { text(.cloud) }
    /// As configured. What identifies the gateway, the MAC of `interface` included, is `Identity.resolve`.
    public var identity: String? { text(.identity) }
    /// A network interface whose MAC is the identity; nil where the identity is given as a text.
    public var interface: String? { text(.interface) }
    /// A network interface that requests leave through; nil leaves the way to the kernel's routes.
    public var bindInterface: String? { text(.bindInterface) }
    /// An absolute path of a PEM file of trusted roots, in place of the system's; nil: the system's.
    public var caFile: String? { text(.caFile) }
    /// An absolute path of a TLS client certificate, PEM; nil: none is shown to the cloud.
    public var clientCertificate: String? { text(.clientCertificate) }
    /// An absolute path of the key of `clientCertificate`, PEM.
    public var clientKey: String? { text(.clientKey) }
    /// May hold a password: never log it, see `shown(_:)`.
    public var proxy: String? { text(.proxy) }
    /// How the gateway hears of changes between two polls.
    public var transport: Transport { choice(.transport, .https) }
    /// Has no effect yet, whatever it says.
    public var uplink: Transport { choice(.uplink, .https) }
    /// Whether a request is held open by the cloud until something changes.
    public var poll: Poll { choice(.poll, .interval) }
    /// Who keeps the apps running.
    public var services: Services { choice(.services, .builtin) }
    /// The configuration file of the supervisord that `services: supervisord` drives; nil: where supervisorctl looks.
    public var supervisordFile: String? { text(.supervisordFile) }
    /// A group that may read the token file.
    public var tokenGroup: String? { text(.tokenGroup) }
    /// Gateway Engine's default is `GatewayEngine-v<VERSION>`; nil means gwe's own.
    public var userAgent: String? { text(.userAgent) }
    /// Taken for the sake of Gateway Engine's `-d`; has no effect yet.
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
