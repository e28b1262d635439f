package import GatewaySystem

/// Where the daemon takes what the gateway's processes have counted: `run/usage.sock` of the state folder, or in memory
/// where that cannot be.
package enum UsageSocket {
    /// Where a daemon's socket may be.
    static func places(_ stateFolder: String) -> [String] { folders(stateFolder).paths("usage", ".sock") }

    /// Makes something at the socket's path.
    package static func make<Result>(
        _ stateFolder: String, _ body: (String) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try folders(stateFolder).make("usage.sock", body)
    }

    private static func folders(_ stateFolder: String) -> RunFolders { RunFolders(stateFolder: stateFolder) }
}
