internal import Documents
internal import Glibc

/// Fetches artifacts into files, resuming across tries, runs and reboots.
///
/// On the way `<path>.partial` holds the beginning of the content and `<path>.origin` what it is the beginning of.
/// Whatever moment the process is killed or the power fails, the next call goes on from there, provided that the
/// content is still the same, else it starts anew. One thread, one writer per path (the state folder's lock).
public final class Downloader {
    private let transfer: HTTPTransfer
    /// Told the cost of every request, of those that failed too.
    public var meter: ((TransferInfo) -> Void)?

    /// Nothing is requested yet. The transfer's connections are kept from one download to the next.
    public init(_ transfer: HTTPTransfer) { self.transfer = transfer }

    /// Fetches the whole content into `path`, whose folder exists. When this returns, file and name survive power
    /// loss. A file that an earlier call has finished is used again without a request, if `validator` or `sha256`
    /// says that it is the one.
    ///
    /// Tries again by itself within `request.retry`; what is thrown then is the last try's error. The partial file
    /// is kept for the next call unless it is of no use, or the disk is full: then everything else needs its space more.
    public func download(
        _ request: DownloadRequest, into path: String, events: @escaping (DownloadEvent) -> Void = { _ in }
    ) throws(TransferError) -> DownloadOutcome {
        guard case .web(let url, let headers, let follows) = request.source else {
            return try Downloader.copy(request, into: path, events: events)
        }
        return try Downloader.kept(path, events) { (file: DownloadFile) throws(TransferError) -> DownloadOutcome in
            var loop = DownloadLoop(request, url, headers, follows, file, transfer, events, meter)
            return try loop.run()
        }
    }

    /// The same for a file of this machine, which needs no library of the network.
    public static func copy(
        _ request: DownloadRequest, into path: String, events: @escaping (DownloadEvent) -> Void = { _ in }
    ) throws(TransferError) -> DownloadOutcome {
        guard case .file(let source) = request.source else {
            throw TransferError(.refused, "copy \(path)", "it comes from no file of this machine")
        }
        return try kept(path, events) { (file: DownloadFile) throws(TransferError) -> DownloadOutcome in
            try DownloadCopy.copy(source, request, to: file)
        }
    }

    /// Fetches a file; what is there of it after a failure is kept where it is of use.
    private static func kept(
        _ path: String, _ events: @escaping (DownloadEvent) -> Void,
        _ fetch: (DownloadFile) throws(TransferError) -> DownloadOutcome
    ) throws(TransferError) -> DownloadOutcome {
        let file = DownloadFile(path, events: events)
        do throws(TransferError) { return try fetch(file) } catch {
            switch error.kind {
            case .tooLarge, .wrongSize, .wrongDigest: file.discard()
            // What is only reckoned too large needs no space: its part is of use when there is room.
            case .storage where error.isNoSpace && !error.isEstimate: file.giveUp()
            default: file.keep()
            }
            throw error
        }
    }

    /// Removes a download with everything that belongs to it: the finished file, the partial one, the record.
    public static func discard(_ path: String) throws(SystemError) {
        for name in [path, path + ".partial", path + ".origin"] { try DownloadFile.remove(name) }
    }

    /// Removes an unfinished download, and gives its space back at once, though somebody may still have it open.
    public static func discardPartial(_ path: String) throws(SystemError) {
        try FileTree.releaseFile(path + ".partial")
        try DownloadFile.remove(path + ".origin")
    }

    /// How many bytes of an unfinished download are here already, for a plan's estimate. 0 if they belong to
    /// something else.
    public static func partialByteCount(_ request: DownloadRequest, at path: String) -> Int64 {
        guard case .web(let url, _, _) = request.source, let record = DownloadRecord.read(path + ".origin"),
            DownloadLoop.base(request, url).isContinued(by: record, request)
        else { return 0 }
        var status = stat()
        guard lstat(path + ".partial", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return 0 }
        let isSameBoot = !record.boot.isEmpty && record.boot == FileSystemInfo.bootIdentifier
        return isSameBoot ? Int64(status.st_size) : min(Int64(status.st_size), record.durableByteCount)
    }
}

/// One call of `Downloader.download` for a URL.
private struct DownloadLoop {
    let request: DownloadRequest
    let url: String
    let headers: [HTTPHeader]
    let followsRedirects: Bool
    let file: DownloadFile
    let transfer: HTTPTransfer
    let events: (DownloadEvent) -> Void
    let meter: ((TransferInfo) -> Void)?
    let base: DownloadRecord
    let action: String
    var outcome: DownloadOutcome
    /// Whether bytes of more than one response are in the file.
    private var hasResumed = false
    /// Whether the digest was wrong once, and all was fetched anew.
    private var isSecondFetch = false
    /// Whether all of it came, and is not what it should be: at once, the same would come again.
    private var isWholeAndWrong = false

    init(
        _ request: DownloadRequest, _ url: String, _ headers: [HTTPHeader], _ followsRedirects: Bool,
        _ file: DownloadFile, _ transfer: HTTPTransfer, _ events: @escaping (DownloadEvent) -> Void,
        _ meter: ((TransferInfo) -> Void)?
    ) {
        self.request = request
        self.url = url
        self.headers = headers
        self.followsRedirects = followsRedirects
        self.file = file
        self.transfer = transfer
        self.events = events
        self.meter = meter
        base = DownloadLoop.base(request, url)
        action = "download \(base.origin)"
        outcome = DownloadOutcome(path: file.path, byteCount: 0, sha256: "")
    }

    static func base(_ request: DownloadRequest, _ url: String) -> DownloadRecord {
        var record = DownloadRecord()
        record.urlDigest = SHA256.hex(of: Array(url.utf8))
        record.origin = WebAddress(url)?.redacted ?? "the URL"
        record.validator = request.validator ?? request.sha256.map { "sha256:" + $0 }
        return record
    }

    mutating func run() throws(TransferError) -> DownloadOutcome {
        if let finished = reuse() { return finished }
        try takeUp()
        var pause = request.retry.base
        var failures = 0
        var tries = 0
        var restarts = 0
        while true {
            let attempt = DownloadAttempt(request, file: file, base: base, action: action)
            let before = file.isOpen ? file.byteCount : 0
            tries += 1
            do throws(TransferError) {
                if attempt.offset > 0 { hasResumed = true }
                if isWhole { file.announce() } else { try perform(attempt) }
                if let whole = try finish(attempt) { return whole }
                restarts += 1
            } catch {
                if let reason = attempt.staleReason {
                    restarts += 1
                    guard restarts <= request.retry.restarts else { throw error }
                    file.restart(reason)
                    file.discard()
                    continue
                }
                guard error.isWorthRetryingNow, !isWholeAndWrong else { throw error }
                // Bytes in the buffer have arrived as well.
                try TransferError.local { () throws(SystemError) in try file.flush() }
                let hasProgress = file.isOpen && file.byteCount > before
                failures = hasProgress ? 0 : failures + 1
                if hasProgress { pause = request.retry.base }
                guard failures < request.retry.attempts, tries < request.retry.maximumAttempts else { throw error }
                if !file.record.isConfirmable, file.isOpen {
                    restarts += 1
                    guard restarts <= request.retry.restarts else { throw error }
                    file.restart("nothing would tell whether the content is still the same")
                    file.discard()
                }
                pause = try wait(error, after: pause)
            }
        }
    }

    /// The finished file of an earlier run, if something known beforehand says that it is the one.
    private mutating func reuse() -> DownloadOutcome? {
        guard base.validator != nil, let (digest, byteCount) = file.finishedDigest(isWanted: isWanted),
            request.sha256 == nil || request.sha256 == digest
        else { return nil }
        outcome.byteCount = byteCount
        outcome.resumedByteCount = byteCount
        outcome.sha256 = digest
        return outcome
    }

    /// Whatever is left of an earlier run and of use; else nothing is left afterwards.
    private mutating func takeUp() throws(TransferError) {
        // With nothing known beforehand the server is to confirm a whole partial file too: one byte is asked for.
        let total = DownloadRecord.read(file.recordPath)?.total
        let limit = base.validator == nil ? total.map { $0 - 1 } : nil
        try TransferError.local { () throws(SystemError) in
            if try file.resume(limit: limit, isWanted: isWanted) { return }
            file.discard()
            try DownloadFile.remove(file.path)
        }
    }

    private func isWanted(_ record: DownloadRecord) -> Bool { base.isContinued(by: record, request) }

    /// Whether nothing is missing and nothing needs to be asked.
    private var isWhole: Bool {
        guard file.isOpen, let total = file.record.total else { return false }
        return file.byteCount == total && base.validator != nil && file.record.validator == base.validator
    }

    private mutating func perform(_ attempt: DownloadAttempt) throws(TransferError) {
        var message = HTTPRequest(.get, url, headers: headers + attempt.headers)
        message.timeout = nil
        message.connectTimeout = request.connectTimeout
        message.lowSpeed = request.lowSpeed
        message.receiveLimit = request.receiveLimit
        message.followsRedirects = followsRedirects
        message.isCancelled = request.isCancelled
        defer {
            let info = transfer.lastInfo
            outcome.requestCount += 1
            outcome.sentByteCount += info.sentByteCount
            outcome.receivedByteCount += info.receivedByteCount
            meter?(info)
        }
        do throws(TransferError) {
            _ = try transfer.perform(message, into: attempt)
        } catch {
            var error = error
            if case .http = error.kind { error.retryAfter = transfer.lastInfo.retryAfter }
            throw error
        }
        try attempt.end()
    }

    /// nil: the digest is wrong, perhaps because the bytes of an earlier try were; all is to be fetched anew.
    private mutating func finish(_ attempt: DownloadAttempt) throws(TransferError) -> DownloadOutcome? {
        let digest = try TransferError.local { () throws(SystemError) in try file.digest() }
        if let wanted = request.sha256, digest != wanted {
            guard hasResumed, !isSecondFetch else {
                let words = "its SHA-256 is \(digest), expected was \(wanted)"
                guard let doubt = attempt.doubt else { throw TransferError(.wrongDigest, action, words) }
                file.discard()
                isWholeAndWrong = doubt.kind == .malformed
                throw TransferError(doubt.kind, action, "\(words); \(doubt.words)")
            }
            (hasResumed, isSecondFetch) = (false, true)
            file.restart("the digest of the resumed file is wrong")
            file.discard()
            return nil
        }
        outcome.byteCount = file.byteCount
        outcome.resumedByteCount = file.resumedByteCount
        outcome.sha256 = digest
        outcome.doubt = attempt.doubt?.words
        try TransferError.local { () throws(SystemError) in
            try file.finish(digest: digest, isDurable: request.isDurable)
        }
        return outcome
    }

    /// Waits before the next try, as long as the server or the dice say. Returns the dice's last pause.
    private func wait(_ error: TransferError, after last: Duration) throws(TransferError) -> Duration {
        var pause = min(request.retry.cap, last)
        let next = min(request.retry.cap, DownloadLoop.random(from: request.retry.base, to: last * 3))
        if let asked = error.retryAfter {
            guard asked <= request.retry.retryAfterCap else { throw error }
            pause = max(pause, asked)
        }
        events(.retrying(error, pause: pause))
        let end = ContinuousClock.now + pause
        while true {
            if request.isCancelled?() == true { throw TransferError(.cancelled, action, "stopped on request") }
            let rest = end - .now
            guard rest > .zero else { return next }
            var slice = timespec(
                tv_sec: 0, tv_nsec: Int(min(rest, .milliseconds(200)).components.attoseconds / 1_000_000_000))
            nanosleep(&slice, nil)
        }
    }

    private static func random(from low: Duration, to high: Duration) -> Duration {
        let span = max(0, (high - low) / .milliseconds(1))
        return low + .milliseconds(Int64(Double.random(in: 0...max(span, 0.001))))
    }
}

extension DownloadRecord {
    /// Whether a file with the other record may be the beginning of what is wanted.
    func isContinued(by other: DownloadRecord, _ request: DownloadRequest) -> Bool {
        if let validator { guard other.validator == validator else { return false } }
        guard other.urlDigest == urlDigest || validator != nil else { return false }
        if let expected = request.expectedByteCount, let total = other.total, expected != total { return false }
        return other.isConfirmable
    }
}
