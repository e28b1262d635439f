/// Where a gateway keeps its files. The daemon only reads below the configuration folder; everything that gwe writes,
/// but logs, is below the state folder. All paths are absolute and have no trailing slash.
public struct Folders: Sendable, Hashable {
    public static let defaultConfigFolder = "/etc/gwe"
    public static let defaultStateFolder = "/var/lib/gwe"
    public static let defaultLogFolder = "/var/log/gwe"

    public var configFolder: String
    public var stateFolder: String
    public var logFolder: String

    public init(
        configFolder: String = defaultConfigFolder, stateFolder: String = defaultStateFolder,
        logFolder: String = defaultLogFolder
    ) {
        self.configFolder = configFolder
        self.stateFolder = stateFolder
        self.logFolder = logFolder
    }

    // Read by people's hands.
    public var manifestFile: String { configFolder + "/manifest.yaml" }
    public var gatewayFile: String { configFolder + "/gateway.yaml" }
    public var allowedSignersFile: String { configFolder + "/allowed_signers" }

    // Written by gwe.
    /// What `gwe config set` wrote while the configuration folder was read-only; its keys win over `gatewayFile`.
    public var gatewayOverlayFile: String { stateFolder + "/gateway.yaml" }
    public var journalFile: String { stateFolder + "/journal.db" }
    /// `flock` target: one writing gwe per state folder.
    public var lockFile: String { stateFolder + "/lock" }
    public var tokenFile: String { stateFolder + "/token" }
    public var usageFile: String { stateFolder + "/usage.db" }
    /// Resumable partial downloads.
    public var downloadsFolder: String { stateFolder + "/downloads" }
    public var queueFolder: String { stateFolder + "/queue" }
    public var releasesFolder: String { stateFolder + "/releases" }
    public var dataFolder: String { stateFolder + "/data" }
    public var runFolder: String { stateFolder + "/run" }
    /// The daemon's socket. A path of more than 107 bytes does not fit sockaddr_un (D22).
    public var socketFile: String { runFolder + "/gwe.sock" }
    /// An INI file in Gateway Engine's form, kept current where `export_gateway_cfg` is true (D25).
    public var exportedGatewayConfigFile: String { stateFolder + "/Gateway.cfg" }

    /// All releases of an app, and its `current`.
    public func releasesFolder(of app: AppName) -> String { "\(releasesFolder)/\(app.text)" }
    /// The symbolic link to the release in use.
    public func currentLink(of app: AppName) -> String { "\(releasesFolder)/\(app.text)/current" }
    /// One release: `<version>-<first 8 digits of the digest>`.
    public func releaseFolder(of app: AppName, version: Version, digest: Digest) -> String {
        "\(releasesFolder)/\(app.text)/\(version.text)-\(digest.short)"
    }
    /// `GWE_DATA_DIR`: the app's own; survives upgrades (D17).
    public func dataFolder(of app: AppName) -> String { "\(dataFolder)/\(app.text)" }
    /// Where an app's output goes unless its service says otherwise.
    public func logFile(of app: AppName) -> String { "\(logFolder)/\(app.text).log" }
}

extension Folders {
    /// Makes a path absolute against a working folder and drops empty and `.` parts; `..` and links are left alone,
    /// because only the kernel knows what they mean.
    public static func absolute(_ path: String, from workingFolder: String) -> String {
        let whole = path.hasPrefix("/") ? path : workingFolder + "/" + path
        return "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
