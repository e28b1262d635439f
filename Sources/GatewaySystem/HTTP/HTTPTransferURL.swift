internal import CCurl
internal import Glibc

/// A URL as libcurl itself reads it (RFC 3986), so that what is checked here is what is connected to.
struct HTTPTransferURL {
    let scheme: String
    let host: String
    /// Without user, password, fragment and the values of the query: fit for a message.
    let redacted: String

    /// nil when libcurl does not take it for a URL.
    init?(_ text: String) {
        guard !text.utf8.contains(0), let handle = curl_url() else { return nil }
        defer { curl_url_cleanup(handle) }
        guard curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK,
            let scheme = HTTPTransferURL.part(CURLUPART_SCHEME, of: handle),
            let host = HTTPTransferURL.part(CURLUPART_HOST, of: handle)
        else { return nil }
        self.scheme = scheme.lowercased()
        self.host = host.lowercased()
        let port = HTTPTransferURL.part(CURLUPART_PORT, of: handle).map { ":" + $0 } ?? ""
        let path = HTTPTransferURL.part(CURLUPART_PATH, of: handle) ?? "/"
        let query = HTTPTransferURL.part(CURLUPART_QUERY, of: handle).map { "?" + HTTPTransferURL.keys(of: $0) } ?? ""
        redacted = "\(self.scheme)://\(host)\(port)\(path)\(query)"
    }

    /// 127.0.0.0/8, ::1 or localhost (RFC 6761, 6.3).
    var isLoopback: Bool {
        if host == "localhost" || host == "[::1]" { return true }
        var address = in_addr()
        guard inet_pton(AF_INET, host, &address) == 1 else { return false }
        return UInt32(bigEndian: address.s_addr) >> 24 == 127
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard gwe_curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }

    private static func keys(of query: String) -> String {
        query.split(separator: "&").map { pair in
            let key = pair.prefix { $0 != "=" }
            // A lone long word may be a token; a short one is a name, as in `?engine_fetch`.
            if key.endIndex == pair.endIndex { return key.utf8.count < 33 ? String(key) : "…" }
            return key + "=…"
        }.joined(separator: "&")
    }
}
