internal import ArgumentParser
internal import DeviceClient
internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Whom a call of `gdc http` or `gdc mqtt` speaks to, as whom, and where a new token goes.
struct GDCTarget {
    enum Transport { case http, mqtt }

    /// What `-f` names.
    enum Store {
        case none
        case file(String)
        case gateway(GatewayContext)
    }

    var configuration: DeviceClient.Configuration
    var token: DeviceToken?
    var store = Store.none

    private let transport: Transport

    /// - Parameter isOldWrite: `gdc write`, which speaks to the cloud of gateway.yaml, and as that says, where neither -H nor
    ///   -f names another.
    init(_ options: GDCOptions, isOldWrite: Bool = false, transport: Transport = .http) throws(GDCFailure) {
        self.transport = transport
        configuration = DeviceClient.Configuration(product: "", identity: "")
        configuration.transfer.userAgent = "gdc-\(AgentVersion.text)"
        configuration.timeout = .seconds(300)
        configuration.mayActivate = false
        var port = options.port
        switch options.file {
        case "gwe": try readGateway()
        case let path?: try readFile(path, &port)
        case nil: if isOldWrite, options.host == nil { try readCloud() }
        }
        let standardHost = isOldWrite && configuration.cloudURL == nil ? "https://m2.exosite.com" : nil
        if let host = options.host ?? standardHost { try setHost(host) }
        if let port { try setPort(port) }
        if let identity = options.identity { configuration.identity = identity }
        if let text = options.timeout { try setTimeout(text) }
        if let path = options.rootCertificates { configuration.transfer.caFile = path }
        if let path = options.certificate { configuration.transfer.clientCertificate = path }
        if let path = options.key { configuration.transfer.clientKey = path }
        guard configuration.cloudURL != nil else {
            throw .usage("which cloud? give -H https://PRODUCT.m2.exosite.io, or -f INI, or -f gwe")
        }
        if let given = try GDCToken.given(options) { token = given }
        configuration.token = token
        // A client certificate speaks for itself.
        configuration.usesToken = token != nil || configuration.transfer.clientCertificate == nil
    }

    // MARK: Where it is written

    private mutating func readGateway() throws(GDCFailure) {
        do {
            let folders = try FolderOptions.parse([]).folders
            let context = GatewayContext(
                folders: folders, configuration: try ConfigurationStore(folders: folders).inForce().configuration,
                manifestFile: nil)
            let userAgent = configuration.transfer.userAgent
            let timeout = configuration.timeout
            configuration = try CloudIdentity.configuration(context).device
            guard context.configuration.cloud != nil else {
                throw GDCFailure(
                    code: ExitStatus.badConfiguration.rawValue,
                    message: "this gateway has no product and no cloud (gwe config set product ID)")
            }
            configuration.transfer.userAgent = userAgent
            configuration.timeout = timeout
            configuration.mayActivate = false
            token = try TokenStore(path: folders.tokenFile).load(repairing: false)?.token
            store = .gateway(context)
        } catch let error as GDCFailure {
            throw error
        } catch let error as SystemError where error.code == EACCES {
            throw GDCFailure(code: ExitStatus.notPermitted.rawValue, message: error.description)
        } catch {
            throw GDCFailure(code: ExitStatus.badConfiguration.rawValue, message: "\(error)")
        }
    }

    /// The cloud of gateway.yaml and the way to it: roots of trust, client certificate, proxy, interface.
    private mutating func readCloud() throws(GDCFailure) {
        do {
            let folders = try FolderOptions.parse([]).folders
            let inForce = try ConfigurationStore(folders: folders).inForce()
            let context = GatewayContext(
                folders: folders, configuration: inForce.configuration, manifestFile: nil)
            // Where no file names a cloud, the public one is asked; a misspelt key must not send a token there.
            if context.configuration.cloud == nil, let problem = inForce.problems.first {
                throw GDCFailure(code: ExitStatus.badConfiguration.rawValue, message: problem)
            }
            let userAgent = configuration.transfer.userAgent
            configuration.transfer = CloudIdentity.transferConfiguration(context)
            configuration.transfer.userAgent = userAgent
            configuration.cloudURL = context.configuration.cloud
        } catch let error as GDCFailure {
            throw error
        } catch let error as SystemError where error.code == EACCES {
            throw GDCFailure(code: ExitStatus.notPermitted.rawValue, message: error.description)
        } catch {
            throw GDCFailure(code: ExitStatus.badConfiguration.rawValue, message: "\(error)")
        }
    }

    /// murano-client's state file, or a Gateway.cfg as device-client 1.4 took it.
    private mutating func readFile(_ path: String, _ port: inout String?) throws(GDCFailure) {
        let file: IniDocument
        do throws(GDCFailure) { file = try GDCConfiguration.read(path) } catch {
            throw error.code == 255 ? GDCFailure(code: ExitStatus.noInput.rawValue, message: error.message) : error
        }
        guard file.hasSection("device") else {
            throw GDCFailure(
                code: ExitStatus.badConfiguration.rawValue, message: "cannot use \(path): it has no section [device]")
        }
        func value(_ name: String) -> String? {
            let value = file.option(name, of: "device")?.value
            return value == "" || value == "''" || value == "\"\"" ? nil : value
        }
        store = .file(path)
        configuration.identity = value("murano_id") ?? value("uuid") ?? ""
        if let vendor = value("vendor") ?? value("model") {
            configuration.product = vendor
            configuration.activation = .serialNumber
            configuration.cloudURL = configuration.baseURL
        }
        if let host = value("murano_host") { try setHost(host) }
        if port == nil { port = value("murano_port") }
        if let timeout = value("http_timeout") { try setTimeout(timeout) }
        if let text = value("murano_token") ?? value("cik") { token = try GDCToken.parse(text, from: path) }
    }

    // MARK: Values

    private mutating func setHost(_ text: String) throws(GDCFailure) {
        let lower = text.lowercased()
        guard transport == .mqtt || !lower.hasPrefix("mqtt") else {
            throw .usage("'\(text)' is an address for MQTT; 'gdc http' wants https://PRODUCT.m2.exosite.io")
        }
        guard !text.contains("@"), !text.contains("?"), !text.contains("#") else {
            throw .usage("'\(text)' is more than scheme, host and port")
        }
        let schemes = transport == .mqtt ? ["mqtts://", "mqtt://", "https://", "http://"] : ["https://", "http://"]
        var url =
            schemes.contains(where: lower.hasPrefix) ? text : (transport == .mqtt ? "mqtts://" : "https://") + text
        while url.hasSuffix("/") { url.removeLast() }
        configuration.cloudURL = url
    }

    private mutating func setPort(_ text: String) throws(GDCFailure) {
        guard let port = UInt16(text), port > 0 else { throw .usage("'\(text)' is no port: expected 1 to 65535") }
        guard var address = configuration.cloudURL.flatMap({ WebAddress($0) }), address.port == nil else { return }
        address.port = port
        configuration.cloudURL = address.text
    }

    private mutating func setTimeout(_ text: String) throws(GDCFailure) {
        guard let seconds = Double(text), seconds > 0, seconds <= 86_400 else {
            throw .usage("'\(text)' is no timeout: expected seconds, at most 86400")
        }
        configuration.timeout = .seconds(seconds)
    }
}
