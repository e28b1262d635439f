internal import DeviceClient
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// `gdc http activate` and `gdc mqtt activate`. A cloud gives a token out once, so where it is to be kept is
/// looked at before it is asked for.
enum GDCActivation {
    static func run(_ session: GDCSession) throws(GDCFailure) -> Int32 {
        let target = session.target
        guard !target.configuration.identity.isEmpty else {
            throw .usage("who is it? give -u ID, or murano_id in the file of -f")
        }
        try prepare(target.store)
        let outcome = session.ask(.activate)
        guard case .answered(let answer) = outcome, answer.status == 200 else { return session.print(outcome) }
        guard let token = DeviceToken(answer.text.filter { !$0.isWhitespace }) else {
            emit("[0] ")
            tell("gdc: cannot activate \(target.configuration.identity): the answer is no token")
            return ExitStatus.unavailable.rawValue
        }
        return finish(token, target)
    }

    /// The same over MQTT.
    static func run(_ target: GDCTarget, _ request: () throws(GDCFailure) -> DeviceToken) throws(GDCFailure) -> Int32 {
        try prepare(target.store)
        return finish(try request(), target)
    }

    private static func finish(_ token: DeviceToken, _ target: GDCTarget) -> Int32 {
        do {
            emit(try keep(token, in: target))
            return 0
        } catch {
            // Lost for good otherwise.
            emit(token.secret)
            let reason = (error as? GDCFailure)?.message ?? "\(error)"
            tell("gdc: cannot keep the token, which is on standard output: \(reason)")
            return ExitStatus.inputOutputError.rawValue
        }
    }

    private static func prepare(_ store: GDCTarget.Store) throws(GDCFailure) {
        switch store {
        case .none: return
        case .file(let path):
            // A rewrite with the same content shows that another one will do.
            try GDCConfiguration.change(path, isSecret: true) { _ in }
        case .gateway(let context):
            do { _ = try TokenStore.make(context.folders, context.configuration) } catch {
                throw GDCFailure(code: ExitStatus.notPermitted.rawValue, message: "\(error)")
            }
            guard access(context.folders.stateFolder, W_OK) == 0 else {
                let error = SystemError.last("write \(context.folders.tokenFile)")
                throw GDCFailure(code: ExitStatus.notPermitted.rawValue, message: error.description)
            }
        }
    }

    /// Stores the token. Returns what is to be shown: the token, or the file that it is in now.
    private static func keep(_ token: DeviceToken, in target: GDCTarget) throws -> String {
        switch target.store {
        case .none: return token.secret
        case .file(let path):
            let isGatewayConfig = target.configuration.activation == .serialNumber
            var text = ""
            try GDCConfiguration.change(path, isSecret: true) { file throws(GDCFailure) in
                do throws(IniDocument.Unwritable) {
                    try file.set(isGatewayConfig ? "cik" : "murano_token", of: "device", to: token.secret)
                } catch {
                    throw .usage(error.description)
                }
                text = file.text
            }
            while text.hasSuffix("\n") { text.removeLast() }
            return text
        case .gateway(let context):
            let configuration = context.configuration
            try TokenStore.make(context.folders, configuration).save(token)
            _ = try GatewayConfigExport.update(configuration, folders: context.folders)
            var text = GatewayEngineConfiguration.gatewayConfig(
                token: token.secret, product: configuration.product, identity: target.configuration.identity,
                interface: configuration.interface)
            while text.hasSuffix("\n") { text.removeLast() }
            return text
        }
    }
}
