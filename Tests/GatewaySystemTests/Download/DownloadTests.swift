import Foundation
import GatewaySystem
import Glibc
import Synchronization
import TestSupport
import Testing

/// What the tests of the downloader share: a folder, and requests that do not dawdle.
struct DownloadBench {
    let folder = TemporaryFolder()
    var path: String { folder("content") }

    func request(_ url: String, attempts: Int = 1) -> DownloadRequest {
        var request = DownloadRequest(.web(url: url))
        request.retry.attempts = attempts
        if attempts == 1 { request.retry.maximumAttempts = 1 }
        request.retry.base = .zero
        request.retry.cap = .zero
        return request
    }

    func download(
        _ request: DownloadRequest, events: @escaping (DownloadEvent) -> Void = { _ in }
    ) throws(TransferError) -> DownloadOutcome {
        try Downloader(HTTPTransfer()).download(request, into: path, events: events)
    }

    func failure(_ request: DownloadRequest) throws -> TransferError {
        do throws(TransferError) {
            let outcome = try download(request)
            throw TransferError(.malformed, "fail", "got \(outcome)")
        } catch {
            return error
        }
    }

    var bytes: [UInt8]? { FileManager.default.contents(atPath: path).map { Array($0) } }
    var partial: [UInt8]? { FileManager.default.contents(atPath: path + ".partial").map { Array($0) } }
}

@Suite("Download")
struct DownloadTests {
    let bench = DownloadBench()

    @Test("content arrives whole, with its digest, and leaves no partial file", arguments: [0, 1, 70_000, 1_500_000])
    func whole(count: Int) throws {
        let content = pattern(count)
        let server = try ContentServer(content)
        defer { server.stop() }
        let outcome = try bench.download(bench.request(server.url))
        #expect(bench.bytes == content)
        #expect(outcome.byteCount == Int64(count))
        #expect(outcome.sha256 == SHA256.hex(of: content))
        #expect(outcome.resumedByteCount == 0 && outcome.requestCount == 1)
        #expect(outcome.receivedByteCount > Int64(count))
        #expect(bench.folder.names == ["content", "content.origin"])
    }

    @Test("a download cut at any byte resumes, within one call, and costs only the missing bytes")
    func cutAnywhere() throws {
        let content = pattern(61)
        for cut in 0..<content.count {
            let server = try ContentServer(content, faults: [.cut(cut)])
            defer { server.stop() }
            let bench = DownloadBench()
            let outcome = try bench.download(bench.request(server.url, attempts: 2))
            #expect(bench.bytes == content)
            #expect(outcome.sha256 == SHA256.hex(of: content))
            #expect(server.bodyByteCount == content.count)
        }
    }

    @Test("a download cut at any byte resumes in the next run and costs only the missing bytes")
    func cutAnywhereAcrossRuns() throws {
        let content = pattern(61)
        for cut in 0..<content.count {
            let server = try ContentServer(content, faults: [.cut(cut)])
            defer { server.stop() }
            let bench = DownloadBench()
            #expect(try bench.failure(bench.request(server.url)).kind == .cut)
            let estimate = Downloader.partialByteCount(bench.request(server.url), at: bench.path)
            #expect(estimate == Int64(cut))
            let outcome = try bench.download(bench.request(server.url))
            #expect(bench.bytes == content)
            #expect(outcome.resumedByteCount == Int64(cut))
            #expect(server.bodyByteCount == content.count)
        }
    }

    @Test("a server that cuts after every few bytes is outlasted, because each try makes progress")
    func manyCuts() throws {
        let content = pattern(100)
        let server = try ContentServer(content, faults: Array(repeating: .cut(7), count: 14))
        defer { server.stop() }
        let outcome = try bench.download(bench.request(server.url, attempts: 2))
        #expect(bench.bytes == content)
        #expect(outcome.requestCount == 15)
        #expect(server.bodyByteCount == content.count)
    }

    @Test("tries without progress end with the last error, and keep what is there")
    func noProgress() throws {
        let server = try ContentServer(pattern(100), faults: [.cut(40)] + Array(repeating: .cut(0), count: 20))
        defer { server.stop() }
        #expect(try bench.failure(bench.request(server.url, attempts: 3)).kind == .cut)
        #expect(server.requests.count == 4)
        #expect(bench.partial == Array(pattern(100).prefix(40)))
    }

    @Test("content replaced between two runs is fetched anew", arguments: [100, 90, 110])
    func replaced(size: Int) throws {
        let server = try ContentServer(pattern(100), faults: [.cut(60)])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        let new = pattern(size, seed: 9)
        server.replace(new, headers: ["ETag: \"two\""])
        var restarts: [String] = []
        let outcome = try bench.download(bench.request(server.url)) {
            if case .restarted(let reason) = $0 { restarts.append(reason) }
        }
        #expect(bench.bytes == new)
        #expect(outcome.sha256 == SHA256.hex(of: new))
        #expect(restarts.count == 1)
    }

    @Test("without a tag the date decides, and another date means anew")
    func lastModified() throws {
        let date = "Last-Modified: Wed, 01 Jul 2026 10:00:00 GMT"
        let server = try ContentServer(pattern(100), headers: [date], faults: [.cut(60), .cut(20)])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        _ = try bench.failure(bench.request(server.url))
        #expect(server.bodyByteCount == 80)
        let new = pattern(100, seed: 9)
        server.replace(new, headers: ["Last-Modified: Wed, 01 Jul 2026 10:00:01 GMT"])
        _ = try bench.download(bench.request(server.url))
        #expect(bench.bytes == new)
    }

    @Test("without anything that tells contents apart nothing is resumed")
    func noValidator() throws {
        let server = try ContentServer(pattern(100), headers: [], faults: [.cut(60)])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        _ = try bench.download(bench.request(server.url))
        #expect(bench.bytes == pattern(100))
        #expect(server.bodyByteCount == 160)
    }

    @Test("a validator known beforehand is enough to resume, and another one means anew")
    func knownValidator() throws {
        let server = try ContentServer(pattern(100), headers: [], faults: [.cut(60), .cut(20)])
        defer { server.stop() }
        var request = bench.request(server.url)
        request.validator = "100,1513931066"
        _ = try bench.failure(request)
        _ = try bench.failure(request)
        #expect(server.bodyByteCount == 80)
        request.validator = "100,1513931067"
        _ = try bench.download(request)
        #expect(server.bodyByteCount == 180)
        #expect(server.requests.last?.header("range") == nil)
    }

    @Test(
        "a part that does not fit is not appended",
        arguments: [
            "bytes 59-99/100", "bytes 61-99/100", "bytes 60-119/120", "bytes 60-99", "nonsense", "bytes */100",
        ])
    func wrongContentRange(text: String) throws {
        let server = try ContentServer(pattern(100), faults: [.cut(60), .contentRange(text)])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        _ = try bench.download(bench.request(server.url))
        #expect(bench.bytes == pattern(100))
        #expect(server.requests.count == 3)
    }

    @Test("parts that never fit are given up")
    func neverFits() throws {
        let faults: [ContentServer.Fault] = (0..<9).flatMap { _ in [.cut(60), .contentRange("bytes 1-2/100")] }
        let server = try ContentServer(pattern(100), faults: faults)
        defer { server.stop() }
        #expect(try bench.failure(bench.request(server.url, attempts: 9)).kind == .changed)
    }

    @Test("a server that ignores the range is read from the start")
    func rangeIgnored() throws {
        let server = try ContentServer(pattern(100), faults: [.cut(60), .ignoreRange])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        let outcome = try bench.download(bench.request(server.url))
        #expect(bench.bytes == pattern(100))
        #expect(outcome.resumedByteCount == 0, "nothing is of the try before")
        #expect(server.requests.count == 2)
    }

    @Test("both lengths in one response are tolerated, also when resuming")
    func bothLengths() throws {
        let server = try ContentServer(pattern(100), faults: [.cut(60), .chunkedToo])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        _ = try bench.download(bench.request(server.url))
        #expect(bench.bytes == pattern(100))
        #expect(server.bodyByteCount == 100)
    }

    @Test("the page of a captive portal is no content, and harms no partial file")
    func captivePortal() throws {
        let server = try ContentServer(pattern(100), faults: [.html, .cut(60), .html])
        defer { server.stop() }
        for partial in [nil, Array(pattern(100).prefix(60))] {
            let failure = try bench.failure(bench.request(server.url, attempts: 3))
            #expect(failure.kind == .captivePortal)
            #expect(!failure.isPermanent)
            #expect(bench.partial == partial)
            if partial == nil { _ = try bench.failure(bench.request(server.url)) }
        }
        _ = try bench.download(bench.request(server.url))
        #expect(bench.bytes == pattern(100))
        #expect(server.bodyByteCount == 100)
    }

    @Test("a permanent status ends at once, others are tried again")
    func statuses() throws {
        let server = try ContentServer(
            pattern(10),
            faults: [
                .status("404 Not Found", []), .status("503 Busy", []), .status("429 Slow Down", ["Retry-After: 0"]),
            ])
        defer { server.stop() }
        let failure = try bench.failure(bench.request(server.url, attempts: 3))
        #expect(failure.kind == .http(404) && failure.isPermanent)
        #expect(server.requests.count == 1)
        let outcome = try bench.download(bench.request(server.url, attempts: 3))
        #expect(outcome.requestCount == 3)
    }

    @Test("a pause that is longer than the cap is left to the caller")
    func retryAfter() throws {
        let server = try ContentServer(pattern(10), faults: [.status("503 Busy", ["Retry-After: 3600"])])
        defer { server.stop() }
        let failure = try bench.failure(bench.request(server.url, attempts: 3))
        #expect(failure.kind == .http(503))
        #expect(failure.retryAfter == .seconds(3600))
        #expect(server.requests.count == 1)
    }

    @Test("sizes that differ from what is expected or allowed are refused before the bytes come")
    func sizes() throws {
        let server = try ContentServer(pattern(100))
        defer { server.stop() }
        var request = bench.request(server.url)
        request.expectedByteCount = 99
        #expect(try bench.failure(request).kind == .wrongSize)
        request.expectedByteCount = nil
        request.maximumByteCount = 99
        #expect(try bench.failure(request).kind == .tooLarge)
        #expect(bench.folder.names == [])
    }

    @Test("a body longer than allowed is given up though it announced nothing")
    func unannouncedSize() throws {
        let chunk = Array("64\r\n".utf8) + pattern(100) + Array("\r\n0\r\n\r\n".utf8)
        let server = try ScriptedServer(.init("200 OK", ["Transfer-Encoding: chunked"], body: chunk))
        defer { server.stop() }
        var request = bench.request(server.url)
        request.maximumByteCount = 99
        #expect(try bench.failure(request).kind == .tooLarge)
        request.maximumByteCount = 100
        #expect(try bench.download(request).byteCount == 100)
    }

    @Test("a slow server is given up, and what came is kept")
    func slow() throws {
        let server = try ContentServer(pattern(100), faults: [.hangAfter(30)])
        defer { server.stop() }
        var request = bench.request(server.url)
        request.lowSpeed = .init(bytesPerSecond: 1000, duration: .seconds(1))
        #expect(try bench.failure(request).kind == .tooSlow)
        #expect(bench.partial == Array(pattern(100).prefix(30)))
    }

    @Test("a limited download is never faster than its limit")
    func receiveLimit() throws {
        let server = try ContentServer(pattern(60_000))
        defer { server.stop() }
        var request = bench.request(server.url)
        request.receiveLimit = 100_000
        let start = ContinuousClock.now
        _ = try bench.download(request)
        #expect(ContinuousClock.now - start >= .milliseconds(590))
        #expect(bench.bytes == pattern(60_000))
    }

    @Test("a limited download can be stopped while it waits")
    func cancelledWhileWaiting() throws {
        let server = try ContentServer(pattern(60_000))
        defer { server.stop() }
        var request = bench.request(server.url)
        request.receiveLimit = 1
        request.isCancelled = { server.bodyByteCount == 60_000 }
        #expect(try bench.failure(request).kind == .cancelled)
    }

    @Test("a stopped download keeps what came")
    func cancelled() throws {
        let server = try ContentServer(pattern(100), faults: [.hangAfter(30)])
        defer { server.stop() }
        var request = bench.request(server.url)
        request.isCancelled = { server.bodyByteCount == 30 }
        #expect(try bench.failure(request).kind == .cancelled)
        request.isCancelled = nil
        _ = try bench.download(request)
        #expect(bench.bytes == pattern(100))
    }

    @Test("a wrong digest is an error that lasts, and leaves nothing")
    func wrongDigest() throws {
        let server = try ContentServer(pattern(100))
        defer { server.stop() }
        var request = bench.request(server.url)
        request.sha256 = SHA256.hex(of: [1])
        let failure = try bench.failure(request)
        #expect(failure.kind == .wrongDigest && failure.isPermanent)
        #expect(bench.folder.names == [])
    }

    @Test("a partial file damaged between two runs is noticed by the digest and fetched anew")
    func damagedPartial() throws {
        let server = try ContentServer(pattern(100), faults: [.cut(60)])
        defer { server.stop() }
        var request = bench.request(server.url)
        request.sha256 = SHA256.hex(of: pattern(100))
        _ = try bench.failure(request)
        try Data(repeating: 0, count: 60).write(to: URL(fileURLWithPath: bench.path + ".partial"))
        _ = try bench.download(request)
        #expect(bench.bytes == pattern(100))
    }

    @Test("after another boot only what was made durable is used again")
    func otherBoot() throws {
        let server = try ContentServer(pattern(100), faults: [.cut(60)])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        let origin = bench.path + ".origin"
        let lines = try String(contentsOfFile: origin, encoding: .utf8).split(separator: "\n").dropLast()
        let body =
            lines.map { line in
                if line.hasPrefix("boot ") { return "boot another" }
                return line.hasPrefix("durable ") ? "durable 25" : String(line)
            }.joined(separator: "\n") + "\n"
        try (body + "check \(SHA256.hex(of: Array(body.utf8)))\n").write(
            toFile: origin, atomically: false, encoding: .utf8)
        let outcome = try bench.download(bench.request(server.url))
        #expect(outcome.resumedByteCount == 25)
        #expect(bench.bytes == pattern(100))
    }

    @Test("a record that is torn, empty or of zeros counts as absent", arguments: [0, 1, 2])
    func damagedRecord(kind: Int) throws {
        let server = try ContentServer(pattern(100), faults: [.cut(60)])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        let origin = URL(fileURLWithPath: bench.path + ".origin")
        let whole = try Data(contentsOf: origin)
        let damaged = [Data(), Data(count: whole.count), whole.dropLast(whole.count / 2)][kind]
        try damaged.write(to: origin)
        let outcome = try bench.download(bench.request(server.url))
        #expect(outcome.resumedByteCount == 0)
        #expect(bench.bytes == pattern(100))
    }

    @Test("a record and its folder hold no secret of the URL")
    func recordWithoutSecret() throws {
        let server = try ContentServer(pattern(10))
        defer { server.stop() }
        _ = try bench.download(bench.request(server.url + "?sig=s3cret"))
        let text = try #require(bench.folder.text("content.origin"))
        #expect(text.contains("sig=…") && !text.contains("s3cret"))
    }

    @Test("a finished file is used again without a request, unless it was touched")
    func reuse() throws {
        let server = try ContentServer(pattern(100))
        defer { server.stop() }
        var request = bench.request(server.url)
        request.sha256 = SHA256.hex(of: pattern(100))
        _ = try bench.download(request)
        let again = try bench.download(request)
        #expect(again.requestCount == 0 && again.resumedByteCount == 100)
        try Data(repeating: 0, count: 100).write(to: URL(fileURLWithPath: bench.path))
        #expect(try bench.download(request).requestCount == 1)
        #expect(bench.bytes == pattern(100))
    }

    @Test("a reader behind the writer sees every byte it was told of")
    func readerBehindWriter() throws {
        let content = pattern(3_000_000)
        let server = try ContentServer(content, faults: [.cut(1_000_000)])
        defer { server.stop() }
        var descriptor: Int32 = -1
        var seen: [UInt8] = []
        defer { close(descriptor) }
        _ = try bench.download(bench.request(server.url, attempts: 2)) { event in
            switch event {
            case .started(let partial, _, let total):
                if descriptor < 0 { descriptor = open(partial, O_RDONLY | O_CLOEXEC) }
                #expect(total == 3_000_000)
            case .appended(let byteCount):
                var piece = [UInt8](repeating: 0, count: Int(byteCount) - seen.count)
                #expect(read(descriptor, &piece, piece.count) == piece.count)
                seen += piece
            case .restarted, .retrying: break
            }
        }
        #expect(seen == content)
    }

    @Test("a full disk is told as such, before the bytes come")
    func noSpace() throws {
        let server = try ScriptedServer(.init("200 OK", ["Content-Length: 4000000000000000"], body: [1], .close))
        defer { server.stop() }
        var request = bench.request(server.url)
        request.maximumByteCount = .max
        let failure = try bench.failure(request)
        #expect(failure.isNoSpace && !failure.isPermanent)
        #expect(bench.folder.names == [])
    }

    @Test("a folder that cannot be written is an error of storage")
    func noFolder() throws {
        let server = try ContentServer(pattern(10))
        defer { server.stop() }
        let failure = try #require(throws: TransferError.self) {
            try Downloader(HTTPTransfer()).download(bench.request(server.url), into: bench.folder("none/content"))
        }
        #expect(failure.kind == .storage)
    }

    @Test("a local file is copied, hashed and checked")
    func localFile() throws {
        let source = bench.folder("stick.tar.gz")
        try Data(pattern(1_200_000)).write(to: URL(fileURLWithPath: source))
        var request = DownloadRequest(.file(path: source), expectedByteCount: 1_200_000)
        let outcome = try bench.download(request)
        #expect(outcome.sha256 == SHA256.hex(of: pattern(1_200_000)))
        #expect(bench.bytes == pattern(1_200_000))
        request.expectedByteCount = 5
        #expect(try bench.failure(request).kind == .wrongSize)
        request.source = .file(path: bench.folder("absent"))
        #expect(try bench.failure(request).kind == .storage)
        mkfifo(bench.folder("pipe"), 0o600)
        request.source = .file(path: bench.folder("pipe"))
        #expect(try bench.failure(request).kind == .refused)
    }

    @Test("discard leaves nothing of a download")
    func discard() throws {
        let server = try ContentServer(pattern(100), faults: [.cut(60)])
        defer { server.stop() }
        _ = try bench.failure(bench.request(server.url))
        #expect(bench.folder.names == ["content.origin", "content.partial"])
        try Downloader.discard(bench.path)
        #expect(bench.folder.names == [])
    }
}
