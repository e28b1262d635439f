/// Where a gateway keeps its files. The daemon only reads below the configuration folder; everything that gwe writes,
/// but logs, is below the state folder. All paths are absolute and have no trailing slash.
public struct Folders: Sendable, Hashable {
    /// `/etc/gwe`, where neither GWE_CONFIG_DIR nor an option says otherwise.
    public static let defaultConfigFolder = "/etc/gwe"
    /// `/var/lib/gwe`, where neither GWE_STATE_DIR nor an option says otherwise.
    public static let defaultStateFolder = "/var/lib/gwe"
    /// `/var/log/gwe`, where neither GWE_LOG_DIR nor an option says otherwise.
    public static let defaultLogFolder = "/var/log/gwe"

    /// Has what people write: manifest.yaml, gateway.yaml, allowed_signers. May be read-only.
    public var configFolder: String
    /// Has all that gwe must not lose: journal, token, releases, data of the apps.
    public var stateFolder: String
    /// Has the logs of the apps.
    public var logFolder: String

    /// The folders of a gateway, the usual ones where none is given. The paths are taken as they are; see `absolute`.
    public init(
        configFolder: String = defaultConfigFolder, stateFolder: String = defaultStateFolder,
        logFolder: String = defaultLogFolder
    ) {
        self.configFolder = configFolder
        self.stateFolder = stateFolder
        self.logFolder = logFolder
    }

    // Read by people's hands.
    /// The local manifest.
    public var manifestFile: String { configFolder + "/manifest.yaml" }
    /// The gateway's configuration: who it is, and how it reaches its cloud.
    public var gatewayFile: String { configFolder + "/gateway.yaml" }
    /// Keys whose signatures count, in the form of ssh-keygen(1), ALLOWED SIGNERS. So far only `gwe doctor` looks at
    /// it.
    public var allowedSignersFile: String { configFolder + "/allowed_signers" }

    // Written by gwe.
    /// What `gwe config set` wrote while the configuration folder was read-only; its keys win over `gatewayFile`.
    public var gatewayOverlayFile: String { stateFolder + "/gateway.yaml" }
    /// The configuration that was in force last and had nothing wrong in it; counts while the files have.
    public var lastGatewayFile: String { stateFolder + "/gateway.last-good.yaml" }
    /// The journal, an SQLite database.
    public var journalFile: String { stateFolder + "/journal.db" }
    /// `flock` target: one writing gwe per state folder.
    public var lockFile: String { stateFolder + "/lock" }
    /// The token by which the cloud knows the device: a secret.
    public var tokenFile: String { stateFolder + "/token" }
    /// What the device client counted: requests and bytes by interface, an SQLite database.
    public var usageFile: String { stateFolder + "/usage.db" }
    /// Space that gwe keeps for its journal: given up when the disk is full.
    public var ballastFile: String { stateFolder + "/ballast" }
    /// Resumable partial downloads.
    public var downloadsFolder: String { stateFolder + "/downloads" }
    /// Data that waits to be sent. So far nothing writes there; `gwe doctor` looks at its size.
    public var queueFolder: String { stateFolder + "/queue" }
    /// A folder for each app, with its releases and `current`.
    public var releasesFolder: String { stateFolder + "/releases" }
    /// A folder for each app that is its own.
    public var dataFolder: String { stateFolder + "/data" }
    /// Sockets, process records and others that count only while the machine stays up.
    public var runFolder: String { stateFolder + "/run" }
    /// The daemon's socket. A path of more than 107 bytes does not fit sockaddr_un (D22).
    public var socketFile: String { runFolder + "/gwe.sock" }
    /// An INI file in Gateway Engine's form, kept current where `export_gateway_cfg` is true (D25).
    public var exportedGatewayConfigFile: String { stateFolder + "/Gateway.cfg" }

    /// All releases of an app, and its `current`.
    public func releasesFolder(of app: AppName) -> String { "\(releasesFolder)/\(app.text)" }
    /// The symbolic link to the release in use.
    public func currentLink(of app: AppName) -> String { "\(releasesFolder)/\(app.text)/current" }
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
