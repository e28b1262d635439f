internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// ExoSense's way of updating: `config_otau` says what, `otau_in` says how far (reference, 1b). `config_otau` stays
/// where it is; a text that was taken once is not taken again.
struct OtauExchange {
    let exchange: CloudExchange

    static let progressResource = "otau_in"

    func take(_ text: String, _ inputs: inout DesiredInputs) throws(PassFailure) -> Bool {
        let digest = SHA256.hex(of: text.utf8)
        let known = try exchange.journaled { () throws(JournalError) in try exchange.journal.value("config_otau") }
        guard known != digest else { return false }
        let otau: ConfigOtau
        do throws(DocumentErrors) {
            guard let decoded = try ConfigOtau.decode(text, yaml: YAML.read) else { return false }
            otau = decoded
        } catch {
            try exchange.reject(CloudCommands.otauResource, text, error, &inputs)
            return false
        }
        let command: CloudCommand =
            switch otau.command {
            case .empty: .none
            case .install(let entries, let remove): .install(entries: entries, remove: remove)
            case .manifest(let layer, let source): .manifest(layer, digest: SHA256.hex(of: source.utf8))
            }
        inputs.cloud = try exchange.store(
            command, resource: CloudCommands.otauResource, text: text, isCleared: true, inputs)
        try exchange.journaled { () throws(JournalError) in
            try exchange.journal.setValue("config_otau", digest)
            try exchange.journal.setValue("config_otau_version", otau.version)
        }
        _ = try exchange.exchange(
            writing: [(OtauExchange.progressResource, OtauExchange.progress(otau.version, "INIT"))], reading: [])
        return true
    }

    /// The state of the latest update for `otau_in`, when there is one.
    static func progress(_ version: String, _ status: String, message: String? = nil) -> String {
        var members: [(String, JSONValue)] = [("version", .string(version)), ("status", .string(status))]
        if let message { members.append(("message", .string(message))) }
        return JSONValue.object(members).text()
    }
}
