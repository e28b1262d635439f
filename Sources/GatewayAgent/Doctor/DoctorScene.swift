public import GatewayModel
internal import GatewaySystem
internal import Glibc

/// What the checks look at. A broken gateway.yaml does not stop them: then they know no configuration.
public struct DoctorScene: Sendable {
    /// Where the gateway's files are.
    public var folders: Folders
    /// The path of the local manifest.
    public var manifestFile: String
    /// The wall clock's reading, believed or not.
    public var clock: @Sendable () -> WallTime
    /// Of this process; proxies and preloaded libraries are named there.
    public var environment: [String: String]
    /// What the kernel says of the wall clock; nil when it does not tell.
    public var isClockSynchronised: Bool?
    /// The configuration in force; empty when it cannot be read.
    public private(set) var configuration = GatewayConfiguration()
    var configurationProblem: DoctorFinding?
    /// nil unless a check needs it.
    var cloud: DoctorCloud?

    /// Reads the configuration and what the kernel says of the clock. A configuration that cannot be read becomes a
    /// finding of the check of it.
    /// - Parameter manifestFile: nil: that of the configuration folder.
    public init(
        folders: Folders, manifestFile: String? = nil, environment: [String: String] = [:],
        clock: @escaping @Sendable () -> WallTime = WallTime.now
    ) {
        self.folders = folders
        self.manifestFile = manifestFile ?? folders.manifestFile
        self.environment = environment
        self.clock = clock
        isClockSynchronised = ClockState.isSynchronised
        do {
            let inForce = try ConfigurationStore(folders: folders).inForce(isTolerant: true)
            configuration = inForce.configuration
            let hint = "edit \(folders.gatewayFile), or 'gwe config set KEY VALUE' and 'gwe config unset KEY'"
            if inForce.refusal != nil {
                configurationProblem = .failed(inForce.problems.joined(separator: "\n"), hint: hint)
            } else if !inForce.warnings.isEmpty {
                configurationProblem = .warning(inForce.warnings.joined(separator: "\n"), hint: hint)
            }
        } catch let error as SystemError where error.isNotPermitted {
            configurationProblem = .skipped("not permitted: \(error)")
        } catch {
            configurationProblem = .failed(
                "\(error)", hint: "edit \(folders.gatewayFile), or 'gwe config set KEY VALUE'")
        }
    }

    var context: GatewayContext {
        GatewayContext(folders: folders, configuration: configuration, manifestFile: manifestFile, clock: clock)
    }

    /// The name of the manifest that was in force last, if it was the one of the standard place.
    var lastManifest: String? {
        guard manifestFile == folders.manifestFile else { return nil }
        return (try? Journal.openReadOnly(folders: folders, clock: clock)?.layer(.local))?.source
    }

    /// What the daemon makes of the clock: the journal's newest time counts. Writes nothing.
    var isClockPlausible: Bool {
        let context = context
        // A journal that cannot be read is another check's matter.
        if let journal = try? Journal.openReadOnly(folders: folders, clock: context.clock) {
            try? context.learnTime(from: journal)
        }
        return context.trust.isTrusted
    }

    /// The folder itself, or the nearest one above it that is there.
    static func existing(_ path: String) -> String {
        var path = path[...]
        while !path.isEmpty, !FileTree.exists(String(path)) {
            path = path.lastIndex(of: "/").map { path[..<$0] } ?? ""
        }
        return path.isEmpty ? "/" : String(path)
    }
}

extension SystemError {
    var isNotPermitted: Bool { code == EACCES || code == EPERM }
}
