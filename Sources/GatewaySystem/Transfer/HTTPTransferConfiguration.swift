/// How this gateway reaches servers; the same for every request of an `HTTPTransfer`. TLS is 1.2 or newer and always
/// verified: there is no switch for that.
public struct TransferConfiguration: Sendable {
    /// PEM file of trusted roots, used instead of the system's; nil: the system's.
    public var caFile: String?
    /// PEM files of a client certificate and its key.
    public var clientCertificate: String?
    /// PEM file of the key to `clientCertificate`.
    public var clientKey: String?
    /// `http://host:port`; nil: what `https_proxy`, `http_proxy` and `no_proxy` in the environment say. Loopback is
    /// never asked through a proxy.
    public var proxy: String?
    /// Name of the network interface to send from; nil: as routed. Loopback is never bound.
    public var interface: String?
    /// Value of the `User-Agent` header in every request.
    public var userAgent: String
    /// A Unix socket to connect to, whatever the URL's host says; at most 107 bytes.
    public var unixSocket: String?
    /// Plain http beyond loopback (127.0.0.0/8, ::1, localhost). Off: refused before a name is looked up.
    public var allowsPlainHTTP: Bool
    /// Keep what a server shows of its certificates in `TransferInfo.certificates`. Costs a few kilobytes a handshake.
    public var keepsCertificates = false

    /// With defaults only: TLS with the system's roots, the proxy of the environment, the route of the kernel.
    public init(
        caFile: String? = nil, clientCertificate: String? = nil, clientKey: String? = nil, proxy: String? = nil,
        interface: String? = nil, userAgent: String = "gwe", allowsPlainHTTP: Bool = false
    ) {
        self.caFile = caFile
        self.clientCertificate = clientCertificate
        self.clientKey = clientKey
        self.proxy = proxy
        self.interface = interface
        self.userAgent = userAgent
        self.allowsPlainHTTP = allowsPlainHTTP
    }
}
