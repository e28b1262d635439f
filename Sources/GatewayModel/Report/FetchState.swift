/// A state of Gateway Engine's OTAU state machine, for `fetch_status` (D7, docs/cloud.md#fetch_status).
public struct FetchState: Sendable, Hashable {
    /// A state of that machine, by the word that `fetch_status` has for it.
    public enum Name: String, Sendable, Hashable, CaseIterable {
        case initial = "init"
        case test
        case testError = "test_error"
        case testSuccess = "test_success"
        case download
        case downloadSuccess = "download_success"
        case downloadError = "download_error"
        case install
        case installSuccess = "install_success"
        case installError = "install_error"

        /// Whether something went wrong there.
        public var isError: Bool { self == .testError || self == .downloadError || self == .installError }
    }

    /// How far the update has come.
    public var state: Name
    /// For people: what was done, or went wrong.
    public var info: String
    /// The app, or the resource whose input was bad.
    public var name: String
    /// The version that was asked for; empty where the input was too bad to say.
    public var version: String
    /// Whether there is a download to speak of, of known size; nil while the command was only taken.
    public var contentAvailable: Bool?
    /// Bytes of the artifact, or of what is left to download; nil while not known.
    public var size: Int64?
    /// The kept artifact, relative to the state folder: `downloads/web.v2.tar.gz`; nil while there is none.
    public var installPath: String?
    /// The last 4 KiB that the installer wrote.
    public var output: String?

    /// A state with all its members; those left out are not reported.
    public init(
        state: Name, info: String, name: String, version: String, contentAvailable: Bool? = nil, size: Int64? = nil,
        installPath: String? = nil, output: String? = nil
    ) {
        self.state = state
        self.info = info
        self.name = name
        self.version = version
        self.contentAvailable = contentAvailable
        self.size = size
        self.installPath = installPath
        self.output = output
    }
}
