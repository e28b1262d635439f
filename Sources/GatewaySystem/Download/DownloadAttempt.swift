internal import Glibc

/// One request of a download: decides by the response's head what its body is, and writes it where it belongs.
final class DownloadAttempt: HTTPTransferReceiver {
    /// What to do with the body, once its first bytes have been looked at.
    private enum Plan { case undecided, fresh(DownloadRecord, reason: String?), resume, write }

    private let request: DownloadRequest
    private let file: DownloadFile
    private let action: String
    /// What the file's beginning would be, without what the response adds.
    private let base: DownloadRecord
    /// The first byte asked for.
    let offset: Int64
    private let folder: String
    private var plan = Plan.undecided
    private var total: Int64?
    /// The answer is not as long as the content; thrown once it is seen that it is no error page.
    private var sizeFailure: TransferError?
    /// What else than the content may be the reason when it is wrong in the end; nil: nothing.
    private(set) var doubt: (kind: TransferError.Kind, words: String)?
    /// The bytes that are here are not the beginning of what the server has: fetch anew, without counting it as a
    /// failure.
    private(set) var staleReason: String?

    init(_ request: DownloadRequest, file: DownloadFile, base: DownloadRecord, action: String) {
        self.request = request
        self.file = file
        self.base = base
        self.action = action
        offset = file.isOpen ? file.byteCount : 0
        folder = (try? PathParts(file.path).parent) ?? "."
    }

    /// `Range`, and `If-Range` where the server has given a strong tag. Where the digest decides, without: of servers
    /// behind one name each may have a tag of its own, and none would ever go on where another was cut.
    var headers: [HTTPHeader] {
        guard offset > 0 else { return [] }
        let range = HTTPHeader("Range", "bytes=\(offset)-")
        guard !isProven, let tag = file.record.strongTag else { return [range] }
        return [range, HTTPHeader("If-Range", tag)]
    }

    /// Whether the digest of the whole tells in the end that parts were of the same content.
    private var isProven: Bool { request.sha256 != nil }

    // MARK: HTTPTransferReceiver

    func begin(_ head: HTTPResponseHead) throws(TransferError) {
        switch head.status {
        case 200: try beginWhole(head)
        case 206 where offset > 0: try beginPart(head)
        case 206:
            // Some front ends answer with the whole as a part of itself.
            let range = ContentRange(head.header("Content-Range") ?? "")
            guard let range, range.first == 0, let total = range.total, total - 1 == range.last else {
                throw TransferError(.malformed, action, "the server sent a part that was not asked for")
            }
            try beginWhole(head)
        case 416 where offset > 0: throw stale("the server has nothing at byte \(offset)")
        case 511: throw TransferError(.captivePortal, action, "a network login is required")
        case 300..<400 where head.header("Location") != nil:
            throw TransferError(
                .captivePortal, action, "the server redirects where it should not (\(head.status))")
        default:
            throw TransferError(.http(head.status), action, "the server answered \(head.status)")
        }
    }

    func receive(_ bytes: UnsafeRawBufferPointer) throws(TransferError) {
        try settle(bytes)
        if let total, file.receivedByteCount + Int64(bytes.count) > total {
            file.discard()
            throw TransferError(.malformed, action, "the server sends more than the \(total) bytes it announced")
        }
        guard file.receivedByteCount + Int64(bytes.count) <= request.maximumByteCount else { throw tooLarge(nil) }
        if total == nil { try keepReserve(after: file.bufferedByteCount + bytes.count) }
        try TransferError.local { () throws(SystemError) in try file.append(bytes) }
    }

    func tick() throws(TransferError) {
        try TransferError.local { () throws(SystemError) in try file.tick() }
    }

    /// After libcurl has reported a whole response.
    func end() throws(TransferError) {
        if request.isPackage, case .fresh = plan {
            throw TransferError(.malformed, action, "the server sent an empty body in place of the package")
        }
        try settle(UnsafeRawBufferPointer(start: nil, count: 0))
        if let total, file.receivedByteCount < total {
            throw TransferError(.cut, action, "\(file.receivedByteCount) of \(total) bytes arrived")
        }
        if let expected = request.expectedByteCount, file.receivedByteCount != expected {
            throw wrongSize(file.receivedByteCount, expected)
        }
    }

    // MARK: Decisions

    private func beginWhole(_ head: HTTPResponseHead) throws(TransferError) {
        // With both lengths given, the chunks count (RFC 9112, 6.3).
        let length = head.header("Transfer-Encoding") == nil ? head.header("Content-Length").flatMap(Int64.init) : nil
        if let encoding = head.header("Content-Encoding"), encoding.lowercased() != "identity" {
            doubt = (
                .malformed,
                "the server says that it has compressed it once more (Content-Encoding: \(encoding.prefix(40)))"
            )
        } else if length == nil, request.expectedByteCount == nil, head.header("Transfer-Encoding") == nil {
            doubt = (.cut, "the server told no length, so that an answer which was cut off looks whole")
        }
        do throws(TransferError) { try check(size: length) } catch {
            // What is no package at all says nothing of its size: the first bytes tell.
            guard request.isPackage, error.kind == .wrongSize else { throw error }
            sizeFailure = doubt.map { TransferError($0.kind, action, "\(error.reason); \($0.words)") } ?? error
        }
        total = length ?? request.expectedByteCount
        try checkPortal(head)
        try checkSpace(for: total ?? 0, whole: total ?? 0)
        var record = base
        record.etag = head.header("ETag")
        record.modified = head.header("Last-Modified")
        record.total = total
        plan = .fresh(record, reason: offset > 0 ? "the content has changed, or the server cannot resume" : nil)
    }

    private func beginPart(_ head: HTTPResponseHead) throws(TransferError) {
        guard let range = ContentRange(head.header("Content-Range") ?? ""), range.first == offset else {
            throw stale("the server sent another part than bytes \(offset) and on")
        }
        let known = file.record
        if let before = known.total, let now = range.total, before != now {
            throw stale("the content has \(now) bytes now, it had \(before)")
        }
        let etag = head.header("ETag")
        let modified = head.header("Last-Modified")
        if !isProven, let etag, let before = known.etag, etag != before { throw stale("the content's tag has changed") }
        if !isProven, let modified, let before = known.modified, modified != before {
            throw stale("the content is of another date")
        }
        let isSame =
            isProven || known.validator != nil && known.validator == base.validator
            || known.strongTag != nil  // If-Range was sent: 206 says that it is the same
            || etag != nil && etag == known.etag
            || modified != nil && modified == known.modified
        guard isSame else { throw stale("nothing tells whether the content is still the same") }
        try check(size: range.total)
        total = range.total ?? known.total
        try checkPortal(head)
        try checkSpace(for: max(0, (total ?? 0) - offset), whole: total ?? 0)
        plan = .resume
    }

    /// Acts on the plan, when the first bytes of the body show that it is no page of a portal.
    private func settle(_ bytes: UnsafeRawBufferPointer) throws(TransferError) {
        switch plan {
        case .write: return
        case .undecided: throw TransferError(.malformed, action, "a body without a head")
        case .resume:
            file.announce()
        case .fresh(let record, let reason):
            if DownloadAttempt.looksLikeHTML(bytes) { throw portal() }
            if request.isPackage, let kind = ForeignBody.kind(of: bytes) {
                throw TransferError(.malformed, action, "the server sent \(kind) in place of the package")
            }
            if let sizeFailure { throw sizeFailure }
            if let reason { file.restart(reason) }
            try TransferError.local { () throws(SystemError) in try file.create(record) }
            file.announce()
        }
        plan = .write
    }

    private func check(size: Int64?) throws(TransferError) {
        guard let size else { return }
        if let expected = request.expectedByteCount, size != expected { throw wrongSize(size, expected) }
        guard size <= request.maximumByteCount else { throw tooLarge(size) }
    }

    private func checkPortal(_ head: HTTPResponseHead) throws(TransferError) {
        // Some servers call every file text/html; the first bytes of a whole body are a better witness.
        if head.status == 206, head.mediaType == "text/html" { throw portal() }
    }

    /// - Parameters:
    ///   - byteCount: what is still to come.
    ///   - whole: the whole content; what a package unpacks to is no smaller.
    private func checkSpace(for byteCount: Int64, whole: Int64) throws(TransferError) {
        let (needed, isTooLarge) = byteCount.addingReportingOverflow(request.isPackage ? whole : 0)
        guard needed > 0 || isTooLarge, let available = try? FileSystemInfo(containing: folder).availableByteCount,
            isTooLarge || available < needed
        else { return }
        let words = isTooLarge ? byteCount : needed
        var error = TransferError(
            .storage, action, "not enough space: \(words) bytes are needed in \(folder), \(available) are free",
            code: ENOSPC)
        error.isEstimate = true
        throw error
    }

    /// Ends a download whose end is not in sight while there is still space for everything else. Asked before each
    /// piece, because others write too.
    private func keepReserve(after byteCount: Int) throws(TransferError) {
        guard let info = try? FileSystemInfo(containing: folder),
            info.availableByteCount - Int64(byteCount) < info.downloadReserveByteCount
        else { return }
        throw TransferError(
            .storage, action,
            "not enough space: its length is not known, \(file.receivedByteCount) bytes have come, and "
                + "\(info.downloadReserveByteCount) bytes of \(folder) stay free for everything else; with a length "
                + "(Content-Length of the server, or artifact.size in the manifest) it may take more", code: ENOSPC)
    }

    private func stale(_ reason: String) -> TransferError {
        staleReason = reason
        return TransferError(.changed, action, reason)
    }

    private func portal() -> TransferError {
        TransferError(.captivePortal, action, "an HTML page came instead of the file; is there a captive portal?")
    }

    private func wrongSize(_ size: Int64, _ expected: Int64) -> TransferError {
        TransferError(.wrongSize, action, "it has \(size) bytes, expected were \(expected)")
    }

    private func tooLarge(_ size: Int64?) -> TransferError {
        let words = size.map { "it has \($0) bytes" } ?? "it goes on"
        return TransferError(.tooLarge, action, "\(words), the limit is \(request.maximumByteCount)")
    }

    private static func looksLikeHTML(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let start = String(decoding: bytes.prefix(256), as: UTF8.self).drop(while: \.isWhitespace).prefix(14)
            .lowercased()
        return start.hasPrefix("<!doctype html") || start.hasPrefix("<html")
    }
}

/// `bytes first-last/total` (RFC 9110, 14.4); total is nil for `*`.
struct ContentRange: Equatable {
    var first: Int64
    var last: Int64
    var total: Int64?

    init?(_ text: String) {
        guard text.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Int64(ends[0]), let last = Int64(ends[1]), first >= 0, last >= first else {
            return nil
        }
        self.first = first
        self.last = last
        guard parts[1] != "*" else { return }
        guard let total = Int64(parts[1]), total > last else { return nil }
        self.total = total
    }
}
