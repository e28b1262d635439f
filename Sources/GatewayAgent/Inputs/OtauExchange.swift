internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// ExoSense's way of updating: `config_otau` says what, `otau_in` says how far (reference, 1b). `config_otau` stays
/// where it is; a text that was taken once is not taken again.
struct OtauExchange {
    let exchange: CloudExchange

    /// Where the journal keeps the digest of the text that was taken last.
    static let takenKey = "config_otau"

    static func decode(_ text: String) throws(DocumentErrors) -> (otau: ConfigOtau, command: CloudCommand)? {
        guard let otau = try ConfigOtau.decode(text, yaml: YAML.read) else { return nil }
        let command: CloudCommand =
            switch otau.command {
            case .empty: .none
            case .install(let entries, let remove): .install(entries: entries, remove: remove)
            case .manifest(let layer, let source): .manifest(layer, digest: SHA256.hex(of: source.utf8))
            }
        return (otau, command)
    }

    /// Makes a new update durable. Returns whether it changed the layers.
    func take(_ text: String, _ inputs: inout DesiredInputs) throws(PassFailure) -> Bool {
        let digest = SHA256.hex(of: text.utf8)
        guard !text.isEmpty, inputs.takenOtau != digest else {
            try exchange.accepted(CloudCommands.otauResource, &inputs)
            return false
        }
        let otau: ConfigOtau
        let command: CloudCommand
        do throws(DocumentErrors) {
            guard let decoded = try OtauExchange.decode(text) else { return false }
            (otau, command) = decoded
        } catch {
            try refuse(text, error, &inputs)
            return false
        }
        try exchange.accepted(CloudCommands.otauResource, &inputs)
        let progress = OtauProgress.Record(version: otau.version, artifacts: OtauExchange.artifacts(of: command))
        inputs.cloud = try exchange.store(
            command, resource: CloudCommands.otauResource, text: text, isCleared: true, inputs,
            values: [OtauExchange.takenKey: digest, OtauProgress.key: progress.json.text()])
        inputs.takenOtau = digest
        inputs.hasNews = true
        FaultPoint.pass("otau.accepted")
        let first = (resource: OtauProgress.resource, text: OtauProgress.text(otau.version, "INIT"))
        _ = try exchange.exchange(writing: [first], reading: [])
        FaultPoint.pass("otau.sent")
        try exchange.journaled { () throws(JournalError) in try exchange.journal.markSent([first]) }
        FaultPoint.pass("otau.recorded")
        return true
    }

    /// A text that cannot be understood; told in `otau_in` too where it says at least which update it is.
    private func refuse(_ text: String, _ error: DocumentErrors, _ inputs: inout DesiredInputs) throws(PassFailure) {
        try exchange.reject(CloudCommands.otauResource, text, error, &inputs)
        guard let version = (try? JSON.parse(Array(text.utf8), source: "config_otau"))?["version"]?.string else {
            return
        }
        let record = OtauProgress.Record(version: version, artifacts: [:], refusal: "\(error)")
        try exchange.journaled { () throws(JournalError) in
            try exchange.journal.setValue(OtauProgress.key, record.json.text())
        }
    }

    private static func artifacts(of command: CloudCommand) -> [AppName: String] {
        switch command {
        case .none: [:]
        case .install(let entries, _):
            Dictionary(entries.map { ($0.app, $0.tarball) }, uniquingKeysWith: { first, _ in first })
        case .manifest(let layer, _): layer.apps.mapValues { $0.release?.value.location.label ?? "" }
        }
    }
}
