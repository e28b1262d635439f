public import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// This gateway as a device of the cloud: what gateway.yaml says, in the device client's words.
public enum GatewayDevice {
    /// - Returns: the configuration, and what the user should hear about the identity.
    /// - Throws: `IdentityError` when the gateway has none.
    public static func configuration(
        _ context: GatewayContext
    ) throws -> (device: DeviceClient.Configuration, warning: String?) {
        let configuration = context.configuration
        let identity = try Identity.resolve(configuration)
        let device = DeviceClient.Configuration(
            product: configuration.product ?? "", cloudURL: configuration.cloud, identity: identity.text,
            transfer: transferConfiguration(context))
        return (device, identity.warning)
    }

    static func transferConfiguration(_ context: GatewayContext) -> TransferConfiguration {
        let configuration = context.configuration
        return TransferConfiguration(
            caFile: configuration.caFile, clientCertificate: configuration.clientCertificate,
            clientKey: configuration.clientKey, proxy: configuration.proxy, interface: configuration.interface,
            userAgent: configuration.userAgent ?? AgentVersion.userAgent)
    }
}
