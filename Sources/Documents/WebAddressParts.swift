/// A text cut where a URL has its marks (RFC 3986, appendix B); no part is judged. `WebAddress` judges; what has to say of
/// a URL precisely what is wrong with it, or to show one that need not be right, looks at these.
public struct WebAddressParts: Sendable {
    /// In lower case; nil where there is no `://`.
    public var scheme: String?
    /// What lies between `://` and the first of `/`, `?` and `#`.
    public var authority: Substring
    /// Before the last `@` of the authority; nil where there is none.
    public var user: Substring?
    /// As it stands, with brackets.
    public var host: Substring
    /// Behind the last colon, or behind the bracket; nil where there is no colon.
    public var port: Substring?
    /// Empty, or from the first slash on.
    public var path: Substring
    /// Without the question mark; nil where there is none.
    public var query: Substring?
    /// Without the `#`; nil where there is none.
    public var fragment: Substring?

    /// The host without brackets.
    public var hostName: Substring {
        host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host
    }

    /// Cuts any text. What has no `://` is read as if it began with the authority: `host:port/path`.
    public init(_ text: String) {
        var rest = text[...]
        let start = rest.prefix { $0 != ":" && $0 != "/" && $0 != "?" && $0 != "#" }
        if rest[start.endIndex...].hasPrefix("://") {
            scheme = start.lowercased()
            rest = rest[start.endIndex...].dropFirst(3)
        }
        authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        rest = rest[authority.endIndex...]
        path = rest.prefix { $0 != "?" && $0 != "#" }
        rest = rest[path.endIndex...]
        if rest.hasPrefix("?") {
            query = rest.dropFirst().prefix { $0 != "#" }
            rest = rest.dropFirst().drop { $0 != "#" }
        }
        if rest.hasPrefix("#") { fragment = rest.dropFirst() }

        host = authority
        if let at = host.lastIndex(of: "@") {
            user = host[..<at]
            host = host[host.index(after: at)...]
        }
        // In brackets the colons belong to an IPv6 address.
        let address = host.hasPrefix("[") ? host.lastIndex(of: "]") : nil
        if let colon = (address.map { host[$0...] } ?? host).lastIndex(of: ":") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
        }
    }
}
