internal import Documents
internal import GatewaySystem
internal import Glibc

extension DeviceClient {
    /// A client for an app on a gateway that gwe keeps: product, cloud, identity, roots, proxy and `bind_interface` are those of
    /// gwe's gateway.yaml, the token is gwe's own.
    ///
    /// It never activates: a gateway's token is given out once, to gwe (docs/cloud.md#activation). While there is none
    /// yet, calls throw `notActivated`; when gwe has renewed it, the next call uses the new one.
    ///
    /// The token file is readable for root, and for the group of `token_group`: an app that runs as another user belongs
    /// to that group.
    ///
    /// - Parameters:
    ///   - configFolder: where gateway.yaml is; by default `GWE_CONFIG_DIR`, else /etc/gwe.
    ///   - stateFolder: where the token is; by default `GWE_STATE_DIR`, else that of `GWE_DATA_DIR`, which gwe gives to
    ///     each app, else /var/lib/gwe.
    /// - Throws: `permanent` when gateway.yaml names no product or no identity, or cannot be read.
    public static func ofThisGateway(
        configFolder: String? = nil, stateFolder: String? = nil
    ) throws(DeviceClientError) -> DeviceClient {
        let config = configFolder ?? environment("GWE_CONFIG_DIR") ?? "/etc/gwe"
        let state = stateFolder ?? environment("GWE_STATE_DIR") ?? stateFolderOfData ?? "/var/lib/gwe"
        var settings: [String: String] = [:]
        // The second is what 'gwe config set' writes where the first is read-only; it wins.
        for file in [config + "/gateway.yaml", state + "/gateway.yaml"] { try adopt(file, into: &settings) }
        func missing(_ what: String) -> DeviceClientError {
            DeviceClientError(.permanent, "find out who this gateway is", "\(config)/gateway.yaml names no \(what)")
        }
        guard let product = settings["product"] else { throw missing("product") }
        let address = settings["interface"].flatMap { NetworkInterfaces().hardwareAddress(of: $0) }
        guard let identity = settings["identity"] ?? address else { throw missing("identity") }
        let transfer = TransferConfiguration(
            caFile: settings["ca_file"], clientCertificate: settings["client_cert"], clientKey: settings["client_key"],
            proxy: settings["proxy"], interface: settings["bind_interface"])
        var configuration = Configuration(
            product: product, cloudURL: settings["cloud"], identity: identity, transfer: transfer)
        configuration.mayActivate = false
        let client = try DeviceClient(configuration: configuration, tokens: TokenStore(path: state + "/token"))
        client.meter = UsageMeter(stateFolder: state).count
        return client
    }

    /// The keys of one file over those before; a missing file has none.
    private static func adopt(_ path: String, into settings: inout [String: String]) throws(DeviceClientError) {
        let node: Node
        do {
            node = try YAML.parse(AtomicFile.read(path, limit: 64 << 10), source: path)
        } catch let error as SystemError where error.code == ENOENT || error.code == ENOTDIR {
            return
        } catch {
            throw DeviceClientError(.permanent, "read gateway.yaml", "\(error)")
        }
        // Either names the device: a file that sets one takes the other back.
        if node["identity"]?.string != nil || node["interface"]?.string != nil {
            settings["identity"] = nil
            settings["interface"] = nil
        }
        for entry in node.entries ?? [] { settings[entry.key] = entry.node.string ?? entry.node.text }
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// `GWE_DATA_DIR` is `<state folder>/data/<app>`.
    private static var stateFolderOfData: String? {
        guard let path = environment("GWE_DATA_DIR") else { return nil }
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.popLast() != nil, parts.popLast() == "data", parts.count > 1 else { return nil }
        return parts.joined(separator: "/")
    }
}
