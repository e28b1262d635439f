internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// What a value of `engine_fetch` or `config_otau` asks for, once it was understood.
enum CloudCommand: Sendable {
    case none
    /// To be cleared once it is durable.
    case install(entries: [InstallEntry], remove: [AppName])
    /// Stays; its digest is acknowledged in `engine_report`.
    case manifest(Layer, digest: String)
}

extension CloudCommand {
    /// What a value of `engine_fetch` says.
    static func decode(_ value: CloudValue) throws(DocumentErrors) -> CloudCommand {
        CloudCommand(try EngineFetch.decode(value.text, source: value.resource.rawValue, yaml: YAML.read))
    }

    init(_ command: EngineFetchCommand) {
        self =
            switch command {
            case .empty: .none
            case .install(let entries, let remove): .install(entries: entries, remove: remove)
            case .manifest(let layer, let source): .manifest(layer, digest: SHA256.hex(of: source.utf8))
            }
    }
}

/// The cloud layer as the journal has it.
struct CloudLayer: Sendable {
    var layer: Layer?
    /// Of the whole manifest it came from; nil when it was put together from install commands.
    var generation: String?

    /// The layer as it would be after a command with this number. Pure: a dry run looks at the result and drops it.
    func after(_ command: CloudCommand, number: Int64) -> CloudLayer {
        switch command {
        case .none: return self
        case .install(let entries, let remove):
            var next = layer ?? Layer()
            next.namesApps = true
            next.apply(install: entries, remove: remove, commandNumber: number)
            return CloudLayer(layer: next, generation: generation)
        case .manifest(let manifest, let digest): return CloudLayer(layer: manifest, generation: digest)
        }
    }
}
