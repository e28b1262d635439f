/// Which proxy libcurl would ask (libcurl-env(3)).
struct WebProxy: Sendable, Hashable {
    var url: String
    /// `gateway.yaml` or the variable's name.
    var source: String

    /// - Parameter configured: gateway.yaml's.
    static func inForce(_ configured: String?, _ environment: [String: String], for target: WebAddress) -> WebProxy? {
        guard !target.isLoopback else { return nil }
        // NO_PROXY counts for a proxy of gateway.yaml too (CURLOPT_NOPROXY(3)).
        let exceptions = environment["no_proxy"] ?? environment["NO_PROXY"] ?? ""
        guard !isExcepted(target.host, exceptions) else { return nil }
        if let proxy = configured { return WebProxy(url: proxy, source: "gateway.yaml") }
        // HTTP_PROXY in capitals is not heeded: a CGI's client could set it.
        let names = target.scheme == "https" ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]
        for name in names + ["all_proxy", "ALL_PROXY"] {
            if let url = environment[name], !url.isEmpty { return WebProxy(url: url, source: name) }
        }
        return nil
    }

    /// A list of hosts and domains, with commas or blanks between; `*` is every host.
    static func isExcepted(_ host: String, _ list: String) -> Bool {
        list.lowercased().split { $0 == "," || $0 == " " }.contains { entry in
            let name = entry.hasPrefix(".") ? entry.dropFirst() : entry
            return entry == "*" || host == name || host.hasSuffix("." + name)
        }
    }
}
