internal import CCurl

extension HTTPTransfer {
    /// What the server of the last new connection has shown (CURLINFO_CERTINFO(3)); empty without TLS.
    static func certificates(of handle: UnsafeMutableRawPointer) -> [CertificateFacts] {
        var chain: UnsafeMutablePointer<curl_certinfo>?
        guard gwe_curl_get_certificates(handle, &chain) == CURLE_OK, let chain else { return [] }
        var found: [CertificateFacts] = []
        for index in 0..<Int(chain.pointee.num_of_certs) {
            var entry = chain.pointee.certinfo?[index]
            while let line = entry?.pointee {
                entry = line.next
                guard let data = line.data else { continue }
                let text = String(cString: data)
                guard text.hasPrefix("Cert:") else { continue }
                found += CertificateFacts.inPEM(text.dropFirst(5).utf8).compactMap(\.self)
            }
        }
        return found
    }

    /// The file of trusted roots that libcurl was built to use where none is configured (CURLINFO_CAINFO(3)); nil when
    /// libcurl is missing, does not tell (before 7.84) or uses none.
    public static var standardCAFile: String? {
        guard gwe_curl_load() == nil, let handle = curl_easy_init() else { return nil }
        defer { curl_easy_cleanup(handle) }
        var text: UnsafeMutablePointer<CChar>?
        guard gwe_curl_get_string(handle, CURLINFO_CAINFO, &text) == CURLE_OK, let text else { return nil }
        return String(cString: text)
    }
}
