internal import Glibc

/// The places in a URL that connections are made to.
struct WebAddress: Sendable, Hashable {
    var scheme: String
    var host: String
    var port: UInt16

    /// - Parameter text: with or without a scheme; user and password are left out.
    init?(_ text: String, standardScheme: String = "https") {
        var rest = text[...]
        scheme = standardScheme
        if let mark = text.firstIndex(of: ":"), text[mark...].hasPrefix("://") {
            scheme = text[..<mark].lowercased()
            rest = text[mark...].dropFirst(3)
        }
        var authority = rest.prefix { !"/?#".contains($0) }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        var digits = ""[...]
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            digits = authority[authority.index(after: end)...].drop { $0 == ":" }
            authority = authority.dropFirst().prefix { $0 != "]" }
        } else if let colon = authority.lastIndex(of: ":") {
            digits = authority[authority.index(after: colon)...]
            authority = authority[..<colon]
        }
        let standard: UInt16 =
            switch scheme {
            case "https": 443
            case "http": 80
            default: 1080
            }
        guard !authority.isEmpty, let port = digits.isEmpty ? standard : UInt16(digits) else { return nil }
        host = authority.lowercased()
        self.port = port
    }

    var isAddress: Bool {
        var room = in6_addr()
        return inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1
    }

    /// 127.0.0.0/8, ::1 or localhost: never asked through a proxy.
    var isLoopback: Bool { host == "localhost" || host == "::1" || (isAddress && host.hasPrefix("127.")) }
}
