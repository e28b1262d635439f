internal import Documents

/// What the values of gateway.yaml may look like. Each `…Problem` says what was expected, or nil.
enum SettingText {
    static func choice<Choice>(_ type: Choice.Type, _ text: String) -> String?
    where Choice: CaseIterable & RawRepresentable<String> {
        if Choice(rawValue: text) != nil { return nil }
        return "expected \(Choice.allCases.map(\.rawValue).joined(separator: " or ")), found '\(text)'"
    }

    /// No control characters: the text fits on one line of a file, a header or a table.
    static func isPlain(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    }

    /// A label of a host name, because the default cloud is `<product>.m2.exosite.io`.
    static func isLabel(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || $0 == UInt8(ascii: "-") }
    }

    /// As dev_valid_name() of Linux.
    static func isInterfaceName(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count) && text != "." && text != ".."
            && !text.unicodeScalars.contains {
                $0 == "/" || $0 == ":" || $0.properties.isWhitespace || $0.value < 0x20
            }
    }

    /// Odd characters are allowed (`anyserial!@#$%^&*()number`), but not what would break a header line.
    static func identityProblem(_ text: String) -> String? {
        if text.isEmpty { return "expected an identity, found an empty string" }
        if text == "''" { return "'' is how Gateway Engine wrote an empty value; leave the key out instead" }
        if !isPlain(text) { return "an identity has no control characters" }
        if text.hasPrefix(" ") || text.hasSuffix(" ") { return "an identity neither begins nor ends with a space" }
        return text.utf8.count <= 256 ? nil : "an identity has at most 256 bytes"
    }

    static func cloudProblem(_ text: String) -> String? {
        let parts = WebAddressParts(text)
        guard isPlain(text), !text.contains(" "), let scheme = parts.scheme else {
            return "expected https://host or http://loopback, found '\(text)'"
        }
        guard scheme == "https" || scheme == "http" else { return "expected a URL of https, found '\(scheme)'" }
        guard parts.user == nil else { return "the URL of the cloud holds no user or password" }
        let host = parts.hostName
        guard !host.isEmpty else { return "the URL '\(text)' names no host" }
        guard scheme == "https" || WebAddress.isLoopback(host: host) else {
            return "plain http is refused unless the host is loopback; '\(host)' is not: use https"
        }
        guard WebAddress(text) != nil else { return "'\(text)' is no URL; a port is a number from 1 to 65535" }
        return nil
    }

    static func proxyProblem(_ text: String) -> String? {
        guard isPlain(text), !text.contains(" "), !text.isEmpty else { return "expected the URL of a proxy" }
        guard let scheme = WebAddressParts(text).scheme else { return nil }
        let schemes = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]
        return schemes.contains(scheme)
            ? nil : "expected a proxy of \(schemes.joined(separator: ", ")), found '\(scheme)'"
    }

    /// Seconds, or a time such as `4h`; see `UpdateInterval`.
    static func interval(_ text: String) -> Duration? { Quantities.duration(text).flatMap(UpdateInterval.checked) }
}
