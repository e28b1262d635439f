/// What a package turned out to be once it was unpacked (docs/packages.md).
public enum ReleaseKind: String, Sendable, Hashable, CaseIterable {
    /// Has `supervisor.conf` or a `service`: is kept running.
    case service
    /// Its `install.sh` runs once per version, digest and command.
    case oneOff = "one-off"
    /// Only `setup.py`.
    case library
}

/// A release that the journal installed.
public struct InstalledRelease: Sendable, Hashable {
    /// The version that the wish named.
    public var version: Version
    /// Of the artifact it was unpacked from.
    public var digest: Digest
    /// Its folder below `releases/<app>/`.
    public var folder: String
    /// Decided when it was unpacked; see `ReleaseKind`.
    public var kind: ReleaseKind
    /// Bytes of the artifact.
    public var artifactByteCount: Int64
    /// Bytes of its files.
    public var unpackedByteCount: Int64
    /// The command it was installed by; see `ReleaseWish.commandNumber`.
    public var commandNumber: Int64

    /// A release as the journal has it.
    /// - Parameter commandNumber: 0 for what a manifest named.
    public init(
        version: Version, digest: Digest, folder: String, kind: ReleaseKind, artifactByteCount: Int64,
        unpackedByteCount: Int64, commandNumber: Int64 = 0
    ) {
        self.version = version
        self.digest = digest
        self.folder = folder
        self.kind = kind
        self.artifactByteCount = artifactByteCount
        self.unpackedByteCount = unpackedByteCount
        self.commandNumber = commandNumber
    }

    /// Whether this release is what the wish asks for. A wish without a digest takes any content of its version.
    public func satisfies(_ wish: ReleaseWish) -> Bool {
        isRelease(of: wish) && wish.commandNumber <= commandNumber
    }

    /// Whether it is what a wish names, by whichever command it came.
    func isRelease(of wish: ReleaseWish) -> Bool {
        version == wish.version && (wish.sha256 == nil || wish.sha256 == digest)
    }
}

/// One way in which a gateway differs from what was installed on it.
public enum Drift: Sendable, Hashable, CustomStringConvertible {
    /// A file or folder of the release is gone, or the release folder itself (`.`).
    case missing(path: String)
    /// A file of the release differs: size, time, mode or content.
    case modified(path: String)
    /// `current` does not point at the installed release; nil when it is absent.
    case symlink(target: String?)
    /// The service configuration differs from what gwe generates.
    case configuration
    /// Only the health check does: taking over another one does not touch the process.
    case healthCheck
    /// A wanted app does not run.
    case stopped
    /// A version other than the desired one is installed.
    case version(installed: Version)

    /// The word in the SYNC column and in reports.
    public var word: String {
        switch self {
        case .missing: "missing"
        case .modified: "modified"
        case .symlink: "symlink"
        case .configuration: "config"
        case .healthCheck: "health"
        case .stopped: "stopped"
        case .version: "version"
        }
    }

    /// What differs, for people: `bin/web is modified`.
    public var description: String {
        switch self {
        case .missing(let path): path == "." ? "the release folder is missing" : "\(path) is missing"
        case .modified(let path): "\(path) is modified"
        case .symlink(nil): "current is missing"
        case .symlink(let target?): "current points to \(target)"
        case .configuration: "the service configuration differs"
        case .healthCheck: "the health check differs"
        case .stopped: "not running"
        case .version(let installed): "version \(installed) is installed"
        }
    }
}

/// What was seen of one installed app.
public struct ObservedApp: Sendable, Hashable {
    /// The release in force.
    public var current: InstalledRelease
    /// Differences between disk and journal; not `stopped` and not `version`, which depend on the wish.
    public var drift: [Drift]
    /// nil when nothing supervises, so nobody can know.
    public var isRunning: Bool?
    /// Whether it ended by itself as it may: that is as good as running (D14).
    public var hasEndedWell: Bool
    /// Releases that were in force before the current one and are still there.
    public var earlier: [InstalledRelease] = []
    /// Whether the current release is well: false when it shall run and does not, or fails its health check; nil when
    /// nobody can know.
    public var isHealthy: Bool?
    /// Bytes that its removal gives back: of all its releases and kept packages. 0 where nobody means to remove it.
    public var reclaimableByteCount: Int64 = 0

    /// An app as a pass has seen it; ``earlier`` and ``isHealthy`` are set afterwards.
    public init(
        current: InstalledRelease, drift: [Drift] = [], isRunning: Bool? = nil, hasEndedWell: Bool = false
    ) {
        self.hasEndedWell = hasEndedWell
        self.current = current
        self.drift = drift
        self.isRunning = isRunning
    }
}

/// Why a release is not tried again for now.
public struct Quarantine: Sendable, Hashable {
    /// The release that failed: another wish for the app is not held back by it.
    public var wish: ReleaseWish
    /// Attempts that failed.
    public var attempts: Int
    /// How long until the next one; not positive when it is due.
    public var remaining: Duration
    /// Why the last attempt failed.
    public var lastError: String

    /// A release that failed, as the journal has it.
    public init(wish: ReleaseWish, attempts: Int, remaining: Duration, lastError: String) {
        self.wish = wish
        self.attempts = attempts
        self.remaining = remaining
        self.lastError = lastError
    }
}

extension Quarantine: CustomStringConvertible {
    /// One line for plan and status: how often it failed, when the next attempt is, and the last error.
    public var description: String {
        let failures = attempts == 1 ? "once" : "\(attempts) times"
        return "quarantined: failed \(failures), next attempt in \(remaining.inWords): \(lastError)"
    }
}

/// Everything a plan looks at besides the wish. A snapshot: never resume a plan made from an older one.
public struct ObservedState: Sendable, Hashable {
    /// Apps that the journal installed.
    public var apps: [AppName: ObservedApp]
    /// Releases that failed before.
    public var quarantined: [AppName: Quarantine]
    /// Artifacts that need no download: complete and verified in `downloads/`, or on this machine.
    public var presentArtifacts: Set<ReleaseWish>
    /// Bytes of artifacts, where they could be found out.
    public var artifactByteCounts: [ReleaseWish: Int64]
    /// Bytes of artifacts that an earlier download left and this one goes on from.
    public var partialByteCounts: [ReleaseWish: Int64]
    /// What the network interface may still be used for; nil without a data budget for it.
    public var allowance: DataAllowance?
    /// Free for gwe on the file system of the state folder; nil when not known.
    public var freeByteCount: Int64?
    /// Local time of day in minutes, for `policy.window`.
    public var minuteOfDay: Int
    /// What is wrong with the clock, "behind (1970-01-01)"; nil when it is trusted.
    public var clockDoubt: String?

    /// A state by hand; without arguments, a gateway on which nothing is installed.
    public init(
        apps: [AppName: ObservedApp] = [:], quarantined: [AppName: Quarantine] = [:],
        presentArtifacts: Set<ReleaseWish> = [], artifactByteCounts: [ReleaseWish: Int64] = [:],
        partialByteCounts: [ReleaseWish: Int64] = [:], allowance: DataAllowance? = nil,
        freeByteCount: Int64? = nil, minuteOfDay: Int = 0
    ) {
        self.partialByteCounts = partialByteCounts
        self.allowance = allowance
        self.apps = apps
        self.quarantined = quarantined
        self.presentArtifacts = presentArtifacts
        self.artifactByteCounts = artifactByteCounts
        self.freeByteCount = freeByteCount
        self.minuteOfDay = minuteOfDay
    }
}
