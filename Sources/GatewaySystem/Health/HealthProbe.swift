internal import Documents
internal import Glibc

/// Why a probe found a service not well: "connection refused", "answered 503".
public struct ProbeFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason in a few words, without the name of the service.
    public var description: String
    /// This machine has no descriptor, memory or thread to probe with: that says nothing of the service.
    public var isOurs: Bool

    /// - Parameter isOurs: whether the reason lies with this machine and says nothing of the service.
    public init(_ description: String, isOurs: Bool = false) {
        self.description = description
        self.isOurs = isOurs
    }
}

/// Probes of a service from outside. Each blocks its thread for at most its timeout; only the lookup of a host's name, where
/// one is given that is no address and not localhost, takes as long as the system's resolver does (resolv.conf(5)).
public enum HealthProbe {
    /// Whether a TCP connection is accepted; it is closed at once.
    public static func tcp(host: String, port: UInt16, timeout: Duration) throws(ProbeFailure) {
        _ = try ProbeConnection(host: host, port: port, deadline: .now + timeout)
    }

    /// Gets a URL and returns the status of the answer. No redirect is followed, no proxy asked; the body is not looked at.
    ///
    /// Plain http is spoken here: a request of one piece and the first line of its answer need no library, and libcurl with
    /// what it loads costs the daemon several megabytes that a gateway without a cloud never needs otherwise. For https
    /// libcurl is used, with verification as for everything else.
    /// - Parameter caFile: PEM file of trusted roots for https, in place of the system's.
    public static func http(_ url: String, timeout: Duration, caFile: String? = nil) throws(ProbeFailure) -> Int {
        guard let target = address(url), let port = target.connectPort else {
            throw ProbeFailure("not a URL with a host and a port")
        }
        guard target.scheme != "https" else { return try https(url, timeout: timeout, caFile: caFile) }
        let deadline = MonotonicTime.now + timeout
        let connection = try ProbeConnection(host: target.host, port: port, deadline: deadline)
        try connection.send(
            """
            GET \(target.target) HTTP/1.1\r
            Host: \(target.authority)\r
            User-Agent: gwe-health\r
            Accept: */*\r
            Connection: close\r
            \r

            """, deadline)
        let status = try connection.status(deadline)
        connection.drain(min(deadline, .now + .milliseconds(100)))
        return status
    }

    private static func https(_ url: String, timeout: Duration, caFile: String?) throws(ProbeFailure) -> Int {
        var request = HTTPRequest(.get, url)
        request.timeout = timeout
        request.connectTimeout = timeout
        do throws(TransferError) {
            return try HTTPTransfer(TransferConfiguration(caFile: caFile, userAgent: "gwe-health")).perform(request)
                .status
        } catch {
            throw ProbeFailure(error.reason, isOurs: error.kind == .storage)
        }
    }

    /// nil when it is no URL of http or https, or has characters that do not belong into a line of a request.
    static func address(_ url: String) -> WebAddress? {
        guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), let address = WebAddress(url), address.user == nil,
            address.scheme == "http" || address.scheme == "https"
        else { return nil }
        return address
    }
}
