/// A URL that names a host, in its parts (RFC 3986, 3): the one reading of a URL for everything that checks one, shows one
/// or connects to one.
///
/// It is strict where programs are known to read differently, so that no two of them can mean different hosts: blanks and
/// control characters are refused, and in a host everything but letters, digits and what RFC 3986 permits besides, without
/// percent-encoding. Bytes beyond ASCII may be anywhere.
public struct WebAddress: Sendable, Hashable {
    /// In lower case, without the colon.
    public var scheme: String
    /// User and password as they stand, `user:password`; nil where there are none. A secret.
    public var user: String?
    /// In lower case, without the brackets of an IPv6 address.
    public var host: String
    /// 1 to 65535; nil where none is given.
    public var port: UInt16?
    /// Empty, or from the first slash on.
    public var path: String
    /// Without the question mark; nil where there is none.
    public var query: String?
    /// Without the `#`; nil where there is none. Never sent to a server.
    public var fragment: String?

    /// Reads `scheme://[user[:password]@]host[:port][/path][?query][#fragment]`.
    /// - Parameter standardScheme: of a text without `scheme://`; nil refuses such a text.
    /// - Returns: nil when the text is something else.
    public init?(_ text: String, standardScheme: String? = nil) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
        let parts = WebAddressParts(text)
        guard let scheme = parts.scheme ?? standardScheme, WebAddress.isScheme(scheme) else { return nil }
        let isBracketed = parts.host.hasPrefix("[")
        let host = isBracketed ? parts.host.dropFirst().dropLast() : parts.host
        guard isBracketed ? WebAddress.isIPv6(host) && parts.host.hasSuffix("]") : WebAddress.isName(host) else {
            return nil
        }
        if let digits = parts.port, !digits.isEmpty {
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port > 0 else {
                return nil
            }
            self.port = port
        }
        self.scheme = scheme
        user = parts.user.map(String.init)
        self.host = host.lowercased()
        path = String(parts.path)
        query = parts.query.map(String.init)
        fragment = parts.fragment.map(String.init)
    }

    private static func isScheme(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first | 0x20) else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || "+-.".utf8.contains($0) }
    }

    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 >= 0x80 || "-._~!$&'()*+,;=".utf8.contains($0) }
    }

    /// With a zone perhaps: `fe80::1%25eth0` (RFC 6874).
    private static func isIPv6(_ text: Substring) -> Bool {
        text.contains(":") && text.utf8.allSatisfy { isLetterOrDigit($0) || ":.%-_~".utf8.contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
    }
}

extension WebAddress {
    /// The port that is given, else the usual one of http, https and the kinds of SOCKS; nil for other schemes.
    public var connectPort: UInt16? {
        if let port { return port }
        switch scheme {
        case "http": return 80
        case "https": return 443
        case "socks4", "socks4a", "socks5", "socks5h": return 1080
        default: return nil
        }
    }

    /// `host` or `host:port`, an IPv6 address in brackets: what HTTP's field Host says (RFC 9110, 7.2).
    public var authority: String {
        (host.contains(":") ? "[\(host)]" : host) + (port.map { ":\($0)" } ?? "")
    }

    /// Path and query, what a request asks for (RFC 9112, 3.2.1): `/` at least.
    public var target: String {
        (path.hasPrefix("/") ? path : "/" + path) + (query.map { "?" + $0 } ?? "")
    }

    /// The whole, user and password included, without the fragment: a secret where there is a user.
    public var text: String {
        // An @ within belongs to the password, and some readers would end it there.
        let user = user.map {
            $0.split(separator: "@", omittingEmptySubsequences: false).joined(separator: "%40") + "@"
        }
        return "\(scheme)://\(user ?? "")\(authority)\(path)\(query.map { "?" + $0 } ?? "")"
    }

    /// Without user, password, fragment and the values of the query: fit for a message.
    public var redacted: String {
        let keys = query?.split(separator: "&").map { pair in
            let key = pair.prefix { $0 != "=" }
            // A lone long word may be a token; a short one is a name, as in `?engine_fetch`.
            if key.endIndex == pair.endIndex { return key.utf8.count < 33 ? String(key) : "…" }
            return key + "=…"
        }
        let shownQuery = keys.map { "?" + $0.joined(separator: "&") } ?? ""
        return "\(scheme)://\(authority)\(path.isEmpty ? "/" : path)\(shownQuery)"
    }

    /// Whether the host is an IP address rather than a name.
    public var isIPAddress: Bool { host.contains(":") || WebAddress.ipv4(host[...]) != nil }

    /// Whether the host is this machine, by its form alone: see `isLoopback(host:)`.
    public var isLoopback: Bool { WebAddress.isLoopback(host: host) }

    /// 127.0.0.0/8, also in short (`127.1`, inet_aton(3)), ::1 or `localhost` (RFC 6761, 6.3); nothing is looked up. Numbers
    /// with a leading zero are octal to some and are not taken.
    /// - Parameter host: without brackets.
    public static func isLoopback(host: some StringProtocol) -> Bool {
        let host = host.lowercased()
        if host == "localhost" { return true }
        // Zeros, colons and a one at the end: whichever address that is, if it is one, it is ::1.
        if host.contains(":") { return host.hasSuffix("1") && host.dropLast().allSatisfy { $0 == "0" || $0 == ":" } }
        return ipv4(host[...]).map { $0 >> 24 == 127 } ?? false
    }

    /// One to four numbers, of which the last fills what the others leave (inet_aton(3)), decimal only.
    private static func ipv4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        var address: UInt64 = 0
        guard (2...4).contains(parts.count) else { return nil }
        for (index, part) in parts.enumerated() {
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), part == "0" || !part.hasPrefix("0"),
                let number = UInt64(part)
            else { return nil }
            let bits = index == parts.count - 1 ? UInt64(8 * (5 - parts.count)) : 8
            guard number < 1 << bits else { return nil }
            address = address << bits | number
        }
        return UInt32(address)
    }
}
