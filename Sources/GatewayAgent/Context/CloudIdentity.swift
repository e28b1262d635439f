public import DeviceClient
internal import GatewayModel
public import GatewaySystem

/// This gateway as a device of the cloud: what gateway.yaml says, in the device client's words.
public enum CloudIdentity {
    /// - Returns: the configuration, and what the user should hear about the identity.
    /// - Throws: `IdentityError` when the gateway has none.
    public static func configuration(
        _ context: GatewayContext
    ) throws -> (device: DeviceClient.Configuration, warning: String?) {
        let configuration = context.configuration
        let identity = try Identity.resolve(configuration)
        var device = DeviceClient.Configuration(
            product: configuration.product ?? "", cloudURL: configuration.cloud, identity: identity.text,
            transfer: transferConfiguration(context))
        // A manifest has at most a mebibyte, and three times that as a form.
        device.answerByteLimit = 4 << 20
        if let timeout = context.requestTimeout { device.timeout = timeout }
        return (device, identity.warning)
    }

    /// The way to the cloud that gateway.yaml describes: roots of trust, client certificate, proxy, interface.
    public static func transferConfiguration(_ context: GatewayContext) -> TransferConfiguration {
        let configuration = context.configuration
        return TransferConfiguration(
            caFile: configuration.caFile, clientCertificate: configuration.clientCertificate,
            clientKey: configuration.clientKey, proxy: configuration.proxy, interface: configuration.bindInterface,
            userAgent: configuration.userAgent ?? AgentVersion.userAgent)
    }
}
