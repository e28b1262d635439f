/// Where a wish comes from.
public enum Origin: Sendable, Hashable, CustomStringConvertible {
    /// The local manifest; the line is counted from 1.
    case manifest(file: String, line: Int)
    /// The cloud's `engine_fetch`, or its `config_otau`.
    case cloud
    /// A person at the gateway: `stop`, `hold`, `rollback`, `-I`.
    case operatorCommand
    /// Nobody's wish any more known: what a rebuilt journal found on the disk (D15).
    case installed
    /// The default.
    case builtin

    public var description: String {
        switch self {
        case .manifest(let file, let line): "\(file):\(line)"
        case .cloud: "cloud"
        case .operatorCommand: "operator"
        case .installed: "installed"
        case .builtin: "default"
        }
    }
}

/// A value and where it comes from.
public struct Sourced<Value: Sendable & Hashable>: Sendable, Hashable {
    public var value: Value
    public var origin: Origin

    public init(_ value: Value, from origin: Origin) {
        self.value = value
        self.origin = origin
    }
}

/// Where the bytes of a release come from.
public enum ArtifactLocation: Sendable, Hashable {
    /// A name in the product's content area.
    case content(String)
    case url(String)
    /// An absolute path on this machine.
    case path(String)
}

/// A release someone wants: version, artifact and digest are one unit from one layer (D1).
public struct ReleaseWish: Sendable, Hashable {
    public var version: Version
    public var location: ArtifactLocation
    /// Of the artifact. Without it any content of that name is taken.
    public var sha256: Digest?
    /// Bytes of the artifact, where the layer tells.
    public var size: Int64?
    /// The number of the install command that asked for it; 0 for a manifest. A higher number than the installed
    /// release's means: install again, also at the same version (D5).
    public var commandNumber: Int64

    public init(
        version: Version, location: ArtifactLocation, sha256: Digest? = nil, size: Int64? = nil, commandNumber: Int64 = 0
    ) {
        self.version = version
        self.location = location
        self.sha256 = sha256
        self.size = size
        self.commandNumber = commandNumber
    }
}

public enum WantedState: String, Sendable, Hashable, CaseIterable { case running, stopped, absent }

/// The `service` mapping of a manifest or of `app.yaml`: overrides `supervisor.conf` key by key.
public struct ServiceOverride: Sendable, Hashable {
    public enum Restart: String, Sendable, Hashable, CaseIterable { case always, onFailure = "on-failure", never }
    public var command: String?
    /// Sorted by key when written.
    public var environment: [String: String]?
    public var user: String?
    public var restart: Restart?
    /// Relative to `current`.
    public var directory: String?
    public var stopSignal: String?
    /// How long a stop may take before SIGKILL.
    public var stopTimeout: Duration?

    public init(
        command: String? = nil, environment: [String: String]? = nil, user: String? = nil, restart: Restart? = nil,
        directory: String? = nil, stopSignal: String? = nil, stopTimeout: Duration? = nil
    ) {
        self.command = command
        self.environment = environment
        self.user = user
        self.restart = restart
        self.directory = directory
        self.stopSignal = stopSignal
        self.stopTimeout = stopTimeout
    }
}

/// The `health` mapping of a manifest.
public struct HealthCheck: Sendable, Hashable {
    public enum Probe: Sendable, Hashable {
        case http(String)
        case tcp(host: String, port: UInt16)
        case command(String)
    }
    public var probe: Probe
    public var within: Duration
    public var every: Duration
    public var failures: Int

    public init(probe: Probe, within: Duration = .seconds(30), every: Duration = .seconds(30), failures: Int = 3) {
        self.probe = probe
        self.within = within
        self.every = every
        self.failures = failures
    }
}

/// What one layer says of one app. Every key may be absent.
public struct AppLayer: Sendable, Hashable {
    public var release: Sourced<ReleaseWish>?
    public var state: Sourced<WantedState>?
    public var hold: Sourced<Bool>?
    public var requires: Sourced<[AppName]>?
    public var service: Sourced<ServiceOverride>?
    public var health: Sourced<HealthCheck>?
    public var urgent: Sourced<Bool>?

    public init() {}
}

/// One layer: what the local manifest, the cloud or the operator says.
public struct Layer: Sendable, Hashable {
    public var apps: [AppName: AppLayer]
    /// Whether the document has the key `apps`. Without it the layer removes nothing; `apps: {}` removes all (D2).
    public var namesApps: Bool
    public var updateInterval: Sourced<Duration>?
    public var policy: PolicyLayer?

    public init(
        apps: [AppName: AppLayer] = [:], namesApps: Bool = true, updateInterval: Sourced<Duration>? = nil,
        policy: PolicyLayer? = nil
    ) {
        self.apps = apps
        self.namesApps = namesApps
        self.updateInterval = updateInterval
        self.policy = policy
    }
}

/// One app as all layers together want it. What is in force, and from where.
public struct DesiredApp: Sendable, Hashable {
    public var name: AppName
    /// nil when layers speak of the app but none names a version: such an app is blocked with that reason.
    public var release: Sourced<ReleaseWish>?
    public var state: Sourced<WantedState>
    public var hold: Sourced<Bool>
    public var requires: Sourced<[AppName]>
    public var service: Sourced<ServiceOverride>?
    public var health: Sourced<HealthCheck>?
    public var urgent: Bool

    public init(
        name: AppName, release: Sourced<ReleaseWish>?, state: Sourced<WantedState> = .init(.running, from: .builtin),
        hold: Sourced<Bool> = .init(false, from: .builtin), requires: Sourced<[AppName]> = .init([], from: .builtin),
        service: Sourced<ServiceOverride>? = nil, health: Sourced<HealthCheck>? = nil, urgent: Bool = false
    ) {
        self.name = name
        self.release = release
        self.state = state
        self.hold = hold
        self.requires = requires
        self.service = service
        self.health = health
        self.urgent = urgent
    }
}

/// The merged wish of all layers: input of the plan.
public struct DesiredState: Sendable, Hashable {
    public var apps: [AppName: DesiredApp]
    /// Installed apps that a layer named once and no layer names now: to be removed (D2).
    public var dropped: Set<AppName>
    public var policy: Policy
    public var updateInterval: Sourced<Duration>
    /// What was ignored and why, for people: one sentence each.
    public var notes: [String]

    public init(
        apps: [AppName: DesiredApp] = [:], dropped: Set<AppName> = [], policy: Policy = .init(),
        updateInterval: Sourced<Duration> = .init(.seconds(14_400), from: .builtin), notes: [String] = []
    ) {
        self.notes = notes
        self.apps = apps
        self.dropped = dropped
        self.policy = policy
        self.updateInterval = updateInterval
    }
}
