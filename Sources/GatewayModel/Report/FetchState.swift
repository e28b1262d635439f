/// A state of Gateway Engine's OTAU state machine, for `fetch_status` (D7, docs/cloud.md#fetch_status).
public struct FetchState: Sendable, Hashable {
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

    public var state: Name
    public var info: String
    public var name: String
    public var version: String
    public var contentAvailable: Bool?
    public var size: Int64?
    public var installPath: String?
    /// The last 4 KiB that the installer wrote.
    public var output: String?

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
