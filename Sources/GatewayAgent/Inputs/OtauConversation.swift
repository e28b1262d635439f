internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// ExoSense's way of updating: `config_otau` says what, `otau_in` says how far (reference, 1b). `config_otau` stays
/// where it is; a text that was taken once is not taken again.
struct OtauConversation {
    let conversation: CloudConversation

    /// nil for a value that asks for nothing.
    static func decode(_ value: CloudValue) throws(DocumentErrors) -> (otau: ConfigOtau, command: CloudCommand)? {
        try ConfigOtau.decode(value.text, yaml: YAML.read).map { ($0, CloudCommand($0.command)) }
    }

    /// Makes a new update durable. Returns whether it changed the layers.
    func take(_ text: String, _ inputs: inout DesiredInputs) throws(ConversationFailure) -> Bool {
        let value = CloudValue(.configOtau, text)
        switch inputs.memory.news(of: value) {
        case .empty, .taken, .uncleared:
            try conversation.accepted(value.resource, &inputs)
            return false
        case .refused, .new: break
        }
        let otau: ConfigOtau
        let command: CloudCommand
        do throws(DocumentErrors) {
            guard let decoded = try OtauConversation.decode(value) else { return false }
            (otau, command) = decoded
        } catch {
            try refuse(value, error, &inputs)
            return false
        }
        try conversation.accepted(value.resource, &inputs)
        let progress = OtauProgress.Record(version: otau.version, artifacts: OtauConversation.artifacts(of: command))
        inputs.cloud = try conversation.store(
            command, value, isCleared: true, inputs, taken: value.digest,
            values: [OtauProgress.key: progress.json.text()])
        inputs.memory[value.resource].taken = value.digest
        inputs.hasNews = true
        FaultPoint.pass("otau.accepted")
        let first = CloudWrite(.otauIn, OtauProgress.text(otau.version, "INIT"))
        _ = try conversation.delivery.send([first])
        FaultPoint.pass("otau.recorded")
        return true
    }

    /// A text that cannot be understood; told in `otau_in` too where it says at least which update it is.
    private func refuse(
        _ value: CloudValue, _ error: DocumentErrors, _ inputs: inout DesiredInputs
    ) throws(ConversationFailure) {
        try conversation.reject(value, error, &inputs)
        let node = try? JSON.parse(Array(value.text.utf8), source: value.resource.rawValue)
        guard let version = node?["version"]?.string else { return }
        let record = OtauProgress.Record(version: version, artifacts: [:], refusal: "\(error)")
        try conversation.journaled { () throws(JournalError) in
            try conversation.journal.setValue(OtauProgress.key, record.json.text())
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
