public import Documents

/// The proxy that libcurl would ask for a URL, and where that is said (libcurl-env(3)).
public struct TransferProxy: Sendable, Hashable {
    /// As it stands, user and password included: a secret where there are any. Need not be right.
    public var url: String
    /// `gateway.yaml` or the variable's name.
    public var source: String

    /// A proxy as it would be told; nothing is checked.
    public init(url: String, source: String) {
        self.url = url
        self.source = source
    }

    /// Where it listens; nil when it is no URL. Without a scheme it is one of http.
    public var address: WebAddress? { WebAddress(url, standardScheme: "http") }

    /// nil when the target is reached without one: loopback always is.
    /// - Parameters:
    ///   - configured: gateway.yaml's; it goes before every variable.
    ///   - environment: of the process that transfers.
    public static func inForce(
        _ configured: String?, _ environment: [String: String], for target: WebAddress
    ) -> TransferProxy? {
        guard !target.isLoopback else { return nil }
        // NO_PROXY counts for a proxy of gateway.yaml too (CURLOPT_NOPROXY(3)).
        let exceptions = environment["no_proxy"] ?? environment["NO_PROXY"] ?? ""
        guard !isExcepted(target.host, exceptions) else { return nil }
        if let proxy = configured { return TransferProxy(url: proxy, source: "gateway.yaml") }
        // HTTP_PROXY in capitals is not heeded: a CGI's client could set it.
        let names = target.scheme == "https" ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]
        for name in names + ["all_proxy", "ALL_PROXY"] {
            if let url = environment[name], !url.isEmpty { return TransferProxy(url: url, source: name) }
        }
        return nil
    }

    /// A list of hosts and domains, with commas or blanks between; `*` is every host.
    private static func isExcepted(_ host: String, _ list: String) -> Bool {
        list.lowercased().split { $0 == "," || $0 == " " }.contains { entry in
            let name = entry.hasPrefix(".") ? entry.dropFirst() : entry
            return entry == "*" || host == name || host.hasSuffix("." + name)
        }
    }
}
