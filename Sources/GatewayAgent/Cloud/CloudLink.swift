internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// What the content area says of a package.
struct ContentFacts: Sendable, Hashable {
    var byteCount: Int64
    /// What an earlier download of just this content left.
    var partialByteCount: Int64 = 0
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
    /// There is none, or the cloud refuses it.
    var isAboutToken = false
    /// What a technician is told of it, and how long it is left alone.
    var trouble = CloudTrouble.Kind.noConnection
}

/// How a pass got on with the cloud.
enum CloudTalk: Sendable {
    case notAsked, succeeded
    case failed(CloudFailure)
}

/// What a poll found.
struct CloudReading: Sendable, Hashable {
    /// nil: nothing newer. Empty for a resource that is empty, or that was never written.
    var text: String?
    var lastModified: String?
    /// See `PollAnswer.isSettled`.
    var isSettled = false
}

/// What a pass needs of the cloud; one request a call. Used by one thread.
protocol CloudLink {
    /// The write-and-read call: the writes are done before the reads. Resources that were never written are missing.
    func exchange(writing: [(resource: String, text: String)], reading: [String]) throws(CloudFailure) -> [String:
        String]
    /// A poll that does not wait: the value of a resource if it was written after `since`, which is the `lastModified`
    /// of an earlier poll; nil: whenever it was written.
    func poll(_ resource: String, since: String?) throws(CloudFailure) -> CloudReading
    /// Names the device and its cloud: what was learnt of one says nothing of another.
    var place: String { get }
    /// nil when the content area has no such package. `path` is where it would be downloaded to.
    func contentFacts(_ name: String, downloadedTo path: String) throws(CloudFailure) -> ContentFacts?
    /// Fetches a package, resuming what an earlier pass left. See `DeviceClient.download`.
    func download(
        _ name: String, into path: String, configure: (inout DownloadRequest) -> Void,
        events: @escaping (DownloadEvent) -> Void
    ) throws(CloudFailure) -> DownloadOutcome
}
