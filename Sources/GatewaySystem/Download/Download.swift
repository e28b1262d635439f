/// One artifact to fetch into a file.
public struct DownloadRequest: Sendable {
    /// Where the content comes from.
    public enum Source: Sendable {
        /// Redirects, where followed, lead to https only, and never with a secret header.
        case web(url: String, headers: [HTTPHeader] = [], followsRedirects: Bool = true)
        /// A file of this machine (a USB stick, say); it is copied.
        case file(path: String)
    }

    /// Where the content comes from.
    public var source: Source
    /// What tells this content from any other, when that is known beforehand: Murano's size and time of update, for
    /// one. Bytes of an earlier run are used again only if it is the same, or if the server confirms that they are
    /// (RFC 9110, 13.1.5). A digest serves as validator of its own.
    public var validator: String?
    /// 64 lower-case hex digits. A download that ends with another digest fails with `wrongDigest`; if it had been
    /// resumed, it is first fetched anew once.
    public var sha256: String?
    /// Bytes of the whole content; content of another size fails with `wrongSize`. nil: not known.
    public var expectedByteCount: Int64?
    /// Whether the content is a compressed archive: then text and an empty body, which servers and proxies send with a
    /// status of 200 when they are in trouble, fail with `malformed`, and twice its size has to fit on the disk.
    public var isPackage = false
    /// More bytes than this fail with `tooLarge`, and nothing of them is kept. 4 GiB.
    public var maximumByteCount: Int64 = 4 << 30
    /// Bytes a second; nil: as fast as it goes.
    public var receiveLimit: Int64?
    /// A try from the web that is slower ends with `tooSlow`, and the next one goes on where it ended.
    public var lowSpeed = HTTPRequest.LowSpeed(bytesPerSecond: 100, duration: .seconds(60))
    /// For looking up the name, TCP and TLS together, at each try from the web.
    public var connectTimeout: Duration = .seconds(30)
    /// How a download from the web tries again; copying a file does not.
    public var retry = DownloadRetry()
    /// Whether the finished file and its name are durable when the call returns. Where a sync of the whole file system
    /// follows anyway they need not be: what a power cut leaves of them is known by its digest, or fetched anew.
    public var isDurable = true
    /// Asked several times a second; true ends the download with `cancelled`, and what is there stays for later.
    public var isCancelled: (@Sendable () -> Bool)?

    /// A download with all limits at their defaults.
    public init(_ source: Source, validator: String? = nil, sha256: String? = nil, expectedByteCount: Int64? = nil) {
        self.source = source
        self.validator = validator
        self.sha256 = sha256
        self.expectedByteCount = expectedByteCount
    }
}

/// How often and how soon a download tries again by itself, before it leaves the rest to the next pass.
public struct DownloadRetry: Sendable {
    /// Tries in a row that brought not one byte.
    public var attempts = 4
    /// All tries, with progress or without.
    public var maximumAttempts = 1000
    /// The first pause is `base`; each next one is drawn between `base` and three times the last, up to `cap`
    /// (decorrelated jitter, so that a fleet does not come back in step).
    public var base: Duration = .milliseconds(500)
    /// The longest pause that is drawn.
    public var cap: Duration = .seconds(30)
    /// A server that asks for a longer pause with `Retry-After` is left alone: the error carries the pause.
    public var retryAfterCap: Duration = .seconds(60)
    /// How often content may change under the download.
    public var restarts = 3

    /// All limits at their defaults.
    public init() {}
}

/// What a download tells on its way, on its own thread. A consumer may read the partial file behind the writer.
public enum DownloadEvent: Sendable {
    /// The partial file is there, and its first `byteCount` bytes are good. `total` is nil while unknown.
    case started(partial: String, byteCount: Int64, total: Int64?)
    /// The partial file's first `byteCount` bytes are good.
    case appended(byteCount: Int64)
    /// All that was read so far is void: the content has changed. `started` follows, for a new file; the old one is
    /// unlinked, not overwritten.
    case restarted(reason: String)
    /// The next try follows after a pause.
    case retrying(TransferError, pause: Duration)
}

/// A file fetched whole and made durable.
public struct DownloadOutcome: Sendable, Hashable {
    /// The file that holds the content: the path that was asked for.
    public var path: String
    /// Size of the whole content, in bytes.
    public var byteCount: Int64
    /// Of the whole content, 64 lower-case hex digits.
    public var sha256: String
    /// Bytes that were here from an earlier run.
    public var resumedByteCount: Int64 = 0
    /// HTTP bytes of this call, headers included; 0 for a local file.
    public var receivedByteCount: Int64 = 0
    /// HTTP bytes that this call has sent, headers included; 0 for a local file.
    public var sentByteCount: Int64 = 0
    /// Requests of this call; 0 when everything was already here.
    public var requestCount = 0
    /// What else than the content may be the reason when it turns out to be damaged, in words: the server told no
    /// length, or compressed it once more. nil: nothing.
    public var doubt: String?
}
