/// What an installation of Gateway Engine says of its gateway: its `Gateway.cfg`, and its neighbours.
///
/// Gateway.cfg is an INI file with one section `[device]` and the keys cik, model, vendor, uuid and iface; an empty
/// value is written `''`. The keys of Engine.config are not documented, so it is searched, not parsed.
public struct GatewayEngineConfiguration: Sendable, Hashable {
    /// The token: never shown.
    public var cik: String?
    /// The product's id, as a rule the same as `vendor`; nil where the value is empty.
    public var model: String?
    /// The product's id, which counts before `model`; nil where the value is empty.
    public var vendor: String?
    /// The identity of the device; nil where the value is empty.
    public var uuid: String?
    /// `iface`: the network interface whose MAC is the identity; nil where the value is empty.
    public var interface: String?
    /// Keys of `[device]` that mean nothing here.
    public var otherKeys: [String] = []

    /// An installation of which nothing is known.
    public init() {}

    /// Nil when the text has no section `[device]`.
    public init?(gatewayConfig text: String) {
        let file = IniDocument(text)
        guard file.hasSection("device") else { return nil }
        for (key, value) in file.lowercasedOptions(of: "device") {
            let value = value == "''" || value == "\"\"" || value.isEmpty ? nil : value
            switch key {
            case "cik": cik = value
            case "model": model = value
            case "vendor": vendor = value
            case "uuid": uuid = value
            case "iface": interface = value
            default: otherKeys.append(key)
            }
        }
    }

    /// The file as Gateway Engine wrote it, for apps that still read it: five keys, an empty line at the end.
    public static func gatewayConfig(token: String?, product: String?, identity: String, interface: String?) -> String {
        func shown(_ value: String?) -> String { value ?? "''" }
        return """
            [device]
            cik = \(shown(token))
            model = \(shown(product))
            vendor = \(shown(product))
            uuid = \(identity.isEmpty ? "''" : identity)
            iface = \(shown(interface))


            """
    }

    /// An app that supervisord runs.
    public struct HostedApp: Sendable, Hashable {
        /// What follows `program:` in the name of the section.
        public var name: String
        /// The command line as it stands; nil where the section has none.
        public var command: String?
        /// False where the program says `autostart = false`.
        public var startsByItself: Bool

        /// The `[program:…]` sections of a file of supervisord's conf.d.
        public static func read(_ text: String) -> [HostedApp] {
            let file = IniDocument(text)
            return file.sectionNames.filter { $0.hasPrefix("program:") }.map { section in
                let options = Dictionary(
                    file.lowercasedOptions(of: section).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
                let autostart = options["autostart"]?.lowercased()
                return HostedApp(
                    name: String(section.dropFirst("program:".count)), command: options["command"],
                    startsByItself: autostart != "false" && autostart != "no" && autostart != "0" && autostart != "off")
            }
        }
    }

    /// The version of an app in the text of Engine.config, which keeps a list of single pairs name → version: the word
    /// after the name and `:` or `=`, quotes around either left out.
    public static func version(of app: String, inEngineConfig text: String) -> String? {
        let isWord = { (byte: UInt8) in
            (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || "_-.+".utf8.contains(byte)
        }
        let bytes = Array(text.utf8), name = Array(app.utf8)
        guard !name.isEmpty, bytes.count > name.count else { return nil }
        for start in 0..<(bytes.count - name.count) where bytes[start..<(start + name.count)].elementsEqual(name) {
            var rest = bytes[(start + name.count)...]
            guard start == 0 || !isWord(bytes[start - 1]) else { continue }
            let quotes = Set("\"' ".utf8)
            rest = rest.drop { quotes.contains($0) }
            guard let sign = rest.first, sign == UInt8(ascii: ":") || sign == UInt8(ascii: "=") else { continue }
            // Python 2 wrote text as u'…'.
            rest = rest.dropFirst().drop { $0 == UInt8(ascii: " ") }
            if rest.starts(with: "u'".utf8) || rest.starts(with: "u\"".utf8) { rest = rest.dropFirst() }
            let word = rest.drop { quotes.contains($0) }.prefix(while: isWord)
            if !word.isEmpty { return String(decoding: word, as: UTF8.self) }
        }
        return nil
    }
}

extension IniDocument {
    /// The options of a section with names in lower case, as Python's own ConfigParser takes them.
    fileprivate func lowercasedOptions(of section: String) -> [(name: String, value: String)] {
        options(of: section).map { (name: $0.name.lowercased(), value: $0.value ?? "") }
    }
}
