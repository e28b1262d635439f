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

    /// For people: `manifest.yaml:12`, `cloud`, `operator`, `installed`, `default`.
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
    /// What is wanted.
    public var value: Value
    /// Which layer said it.
    public var origin: Origin

    /// A value of a layer, or with `.builtin` a default.
    public init(_ value: Value, from origin: Origin) {
        self.value = value
        self.origin = origin
    }
}

/// Where the bytes of a release come from.
public enum ArtifactLocation: Sendable, Hashable {
    /// A name in the product's content area.
    case content(String)
    /// An http or https URL.
    case url(String)
    /// An absolute path on this machine.
    case path(String)
}

/// A release someone wants: version, artifact and digest are one unit from one layer (D1).
public struct ReleaseWish: Sendable, Hashable {
    /// The label of the release; see `Version.order(to:)` for what counts as newer.
    public var version: Version
    /// Where the artifact is fetched.
    public var location: ArtifactLocation
    /// Of the artifact. Without it any content of that name is taken.
    public var sha256: Digest?
    /// Bytes of the artifact, where the layer tells.
    public var size: Int64?
    /// The number of the install command that asked for it; 0 for a manifest. A higher number than the installed
    /// release's means: install again, also at the same version (D5).
    public var commandNumber: Int64

    /// A wish with all its members; without a digest any content is taken.
    public init(
        version: Version, location: ArtifactLocation, sha256: Digest? = nil, size: Int64? = nil,
        commandNumber: Int64 = 0
    ) {
        self.version = version
        self.location = location
        self.sha256 = sha256
        self.size = size
        self.commandNumber = commandNumber
    }
}

/// What is to become of an app: it runs, it is installed and does not run, or it is not there.
public enum WantedState: String, Sendable, Hashable, CaseIterable { case running, stopped, absent }

/// The `service` mapping of a manifest or of `app.yaml`: overrides `supervisor.conf` key by key.
public struct ServiceOverride: Sendable, Hashable {
    /// After which end of its process a service is started again: any, a failure, none.
    public enum Restart: String, Sendable, Hashable, CaseIterable { case always, onFailure = "on-failure", never }
    /// A command line in supervisord's quoting; no shell reads it.
    public var command: String?
    /// Sorted by key when written.
    public var environment: [String: String]?
    /// The user that it runs as, 1 to 32 bytes.
    public var user: String?
    /// `restart`; for an app without `supervisor.conf`, nil means always.
    public var restart: Restart?
    /// Relative to `current`.
    public var directory: String?
    /// Without `SIG`: `TERM`, `HUP`, `INT`, `QUIT`, `KILL`, `USR1` or `USR2`.
    public var stopSignal: String?
    /// How long a stop may take before SIGKILL.
    public var stopTimeout: Duration?

    /// A mapping with the keys that are given; every key that is nil overrides nothing.
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
    /// How it is found out whether the app is well.
    public enum Probe: Sendable, Hashable {
        /// A GET of this URL is answered with 2xx or 3xx within 5 s.
        case http(String)
        /// A connection is accepted within 5 s. The host has no brackets.
        case tcp(host: String, port: UInt16)
        /// A command line, run like the app itself, ends with 0 within 30 s.
        case command(String)
    }
    /// The check itself.
    public var probe: Probe
    /// The time that the app has after its start to become healthy; longer than zero.
    public var within: Duration
    /// The pause between two checks; longer than zero.
    public var every: Duration
    /// Failed checks in a row that make the app unhealthy, 1 to 1,000.
    public var failures: Int

    /// A check with the manifest's defaults: 30 s, 30 s, 3.
    public init(probe: Probe, within: Duration = .seconds(30), every: Duration = .seconds(30), failures: Int = 3) {
        self.probe = probe
        self.within = within
        self.every = every
        self.failures = failures
    }
}

/// What one layer says of one app. Every key may be absent.
public struct AppLayer: Sendable, Hashable {
    /// Version, artifact, digest and size.
    public var release: Sourced<ReleaseWish>?
    /// Running, stopped or absent.
    public var state: Sourced<WantedState>?
    /// True: drift is reported, nothing is changed.
    public var hold: Sourced<Bool>?
    /// Apps that must be up and healthy before this one starts.
    public var requires: Sourced<[AppName]>?
    /// How it is run; merged with other layers key by key.
    public var service: Sourced<ServiceOverride>?
    /// How to tell that it is well; taken as a whole from one layer.
    public var health: Sourced<HealthCheck>?
    /// True: it waits neither for the window nor for the data budget.
    public var urgent: Sourced<Bool>?

    /// A layer that says nothing of the app.
    public init() {}
}

/// One layer: what the local manifest, the cloud or the operator says.
public struct Layer: Sendable, Hashable {
    /// The apps that the layer names.
    public var apps: [AppName: AppLayer]
    /// Whether the document has the key `apps`. Without it the layer removes nothing; `apps: {}` removes all (D2).
    public var namesApps: Bool
    /// The time between two polls; nil where the layer leaves it to others.
    public var updateInterval: Sourced<Duration>?
    /// The mapping `policy`; nil where the layer has none.
    public var policy: PolicyLayer?

    /// A layer by hand; `ManifestDecoder` and `stored(_:source:origin:)` read one.
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
    /// The same as its key in `DesiredState.apps`.
    public var name: AppName
    /// nil when layers speak of the app but none names a version: such an app is blocked with that reason.
    public var release: Sourced<ReleaseWish>?
    /// Running, stopped or absent; running where no layer says.
    public var state: Sourced<WantedState>
    /// Whether drift is only reported: true as soon as any layer or the operator says so.
    public var hold: Sourced<Bool>
    /// Apps that must be up and healthy before this one starts.
    public var requires: Sourced<[AppName]>
    /// Overrides of how it is run; nil where no layer has any. The origin is that of the highest layer that has some.
    public var service: Sourced<ServiceOverride>?
    /// How to tell that it is well; nil leaves that to the package's `app.yaml`.
    public var health: Sourced<HealthCheck>?
    /// Whether it waits neither for the window nor for the data budget.
    public var urgent: Bool
    /// Whether the operator wants this release although a higher one is in force.
    public var allowsDowngrade = false

    /// An app with the defaults of a manifest; `merge` makes those that are in force.
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
    /// By name. Apps whose state is `absent` are among them.
    public var apps: [AppName: DesiredApp]
    /// Installed apps that a layer named once and no layer names now: to be removed (D2).
    public var dropped: Set<AppName>
    /// The rules in force.
    public var policy: Policy
    /// The time between two polls; four hours where no layer says.
    public var updateInterval: Sourced<Duration>
    /// What was ignored and why, for people: one sentence each.
    public var notes: [String]

    /// A state by hand; `merge` makes the one that is in force.
    public init(
        apps: [AppName: DesiredApp] = [:], dropped: Set<AppName> = [], policy: Policy = .init(),
        updateInterval: Sourced<Duration> = .init(UpdateInterval.standard, from: .builtin), notes: [String] = []
    ) {
        self.notes = notes
        self.apps = apps
        self.dropped = dropped
        self.policy = policy
        self.updateInterval = updateInterval
    }
}
