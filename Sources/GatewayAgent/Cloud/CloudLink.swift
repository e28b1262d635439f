internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// What the content area says of a package.
struct ContentFacts: Sendable, Hashable {
    var byteCount: Int64
}

/// The cloud did not do what was asked.
struct CloudFailure: Error, Sendable, CustomStringConvertible {
    enum Kind: Sendable, Hashable {
        /// Out of reach, busy, or refusing: the fault is not the release's.
        case unavailable
        case noSpace
        /// The cloud answered, and what it has is not what is wanted: no such content, wrong size or digest.
        case wrongContent
    }

    var kind = Kind.unavailable
    var description: String
    /// How long the cloud asks to be left alone.
    var retryAfter: Duration?
}

/// What a pass needs of the cloud; one request a call. Used by one thread.
protocol CloudLink {
    /// The write-and-read call: the writes are done before the reads. Resources that were never written are missing.
    func exchange(writing: [(resource: String, text: String)], reading: [String]) throws(CloudFailure) -> [String:
        String]
    /// nil when the content area has no such package.
    func contentFacts(_ name: String) throws(CloudFailure) -> ContentFacts?
    /// Fetches a package, resuming what an earlier pass left. See `DeviceClient.download`.
    func download(
        _ name: String, into path: String, configure: (inout DownloadRequest) -> Void,
        events: @escaping (DownloadEvent) -> Void
    ) throws(CloudFailure) -> DownloadOutcome
}
