internal import DeviceClient
public import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Keeps a Gateway.cfg for apps that read it (`export_gateway_cfg`, D25). It holds the token, so its mode is that
/// of the token file: 0600, or 0640 with `token_group`.
public enum GatewayConfigExport {
    /// Writes the file if it is wanted and would differ; flash memory is spared otherwise. To be called at start, after
    /// an activation and when the configuration changes.
    /// - Returns: the path that was written, or nil.
    public static func update(_ configuration: GatewayConfiguration, folders: Folders) throws -> String? {
        let standard = folders.exportedGatewayConfigFile
        guard let path = configuration.exportedConfigFile(standard: standard) else { return nil }
        let store = try TokenStore.make(folders, configuration)
        let text = GatewayEngineConfiguration.gatewayConfig(
            token: try store.load(repairing: false)?.token.secret, product: configuration.product,
            identity: try Identity.resolve(configuration).text, interface: configuration.interface)
        let old = try? AtomicFile.read(path, limit: 4_096)
        guard old != Array(text.utf8) else { return nil }
        try AtomicFile.write(
            text, to: path, mode: store.group == nil ? 0o600 : 0o640,
            owner: store.group.map { (user: geteuid(), group: $0) })
        return path
    }
}
