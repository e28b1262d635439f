public import GatewaySystem

extension DeviceClient {
    /// The certificates that the server has shown in the last call, its own first. Empty without TLS, over a connection
    /// that was kept, and unless `configuration.transfer.keepsCertificates` is on.
    public var serverCertificates: [CertificateFacts] { transfer.lastInfo.certificates }
}
