internal import GatewayModel
internal import GatewaySystem

/// What the content area says of a package.
struct ContentFacts: Sendable, Hashable {
    var byteCount: Int64
    /// What an earlier download of just this content left.
    var partialByteCount: Int64 = 0
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
    func request(
        writing: [CloudWrite], reading: [CloudResource]
    ) throws(CloudFailure) -> [CloudResource: String]
    /// A poll that does not wait: the value of a resource if it was written after `since`, which is the `lastModified`
    /// of an earlier poll; nil: whenever it was written.
    func poll(_ resource: CloudResource, since: String?) throws(CloudFailure) -> CloudReading
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

/// Why a conversation with the cloud ended early.
enum ConversationFailure: Error, Sendable {
    case cloud(CloudFailure)
    case journal(JournalError)
}

extension CloudValue {
    /// A value as it was read.
    init(_ resource: CloudResource, _ text: String) {
        self.init(resource, text, digest: SHA256.hex(of: text.utf8))
    }
}
