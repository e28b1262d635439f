import Foundation
import GatewaySystem
import TestSupport
import Testing

/// Faults of servers and proxies, which are never faults of the content.
@Suite("Downloads from servers in trouble") struct DownloadFaultTests {
    private let bench = DownloadBench()

    private func package(_ url: String, attempts: Int = 1) -> DownloadRequest {
        var request = bench.request(url, attempts: attempts)
        request.isPackage = true
        return request
    }

    /// Nodes behind one name, each with a tag of its own, which cut every body after two fifths of the content.
    private func nodes(_ content: [UInt8]) throws -> PackageServer {
        try PackageServer { request, index in
            let tag = "\"node\(index % 2)\""
            let condition = request.header("if-range")
            let start = condition == nil || condition == tag ? request.rangeStart : nil
            let limit = content.count * 2 / 5
            guard let start else {
                return PackageServer.answer(
                    content, headers: ["ETag: \(tag)", "Content-Length: \(content.count)"], cutAfter: limit)
            }
            let rest = Array(content[start...])
            return PackageServer.answer(
                rest, status: "206 Partial Content",
                headers: [
                    "ETag: \(tag)", "Content-Length: \(rest.count)",
                    "Content-Range: bytes \(start)-\(content.count - 1)/\(content.count)",
                ], cutAfter: limit)
        }
    }

    // 781flyingdutchman/background_downloader#541, AnInsomniacy/aria2-next#43.
    @Test("with a digest, a download goes on although each node has a tag of its own, and costs each byte once")
    func tagsDiffer() throws {
        let content = noise(1_000_501)
        let server = try nodes(content)
        defer { server.stop() }
        var request = bench.request(server.url + "/a.tar.gz", attempts: 4)
        request.sha256 = SHA256.hex(of: content)
        let outcome = try bench.download(request)
        #expect(bench.bytes == content)
        #expect(server.requests.count == 3, "\(server.requests.count)")
        #expect(outcome.receivedByteCount < 1_010_000, "\(outcome.receivedByteCount)")
        #expect(server.requests.dropFirst().allSatisfy { $0.header("if-range") == nil && $0.rangeStart != nil })
    }

    @Test("without a digest the tag decides, as before")
    func tagsDecide() throws {
        let server = try nodes(noise(100_000))
        defer { server.stop() }
        #expect(throws: TransferError.self) { try bench.download(bench.request(server.url + "/a.tar.gz", attempts: 2)) }
        #expect(server.requests.dropFirst().contains { $0.header("if-range") != nil })
    }

    @Test("a part of other content is found by the digest, and fetched anew once; what is wrong twice is refused")
    func wrongPart() throws {
        let (content, other) = (noise(300_000), noise(300_000, seed: 2))
        for isMended in [true, false] {
            let bench = DownloadBench()
            let server = try PackageServer { request, index in
                let body = isMended && index >= 2 ? content : other
                guard let start = request.rangeStart else {
                    let limit = index == 2 ? Int.max : 100_000
                    return PackageServer.answer(index == 0 ? content : body, cutAfter: index == 0 ? 100_000 : limit)
                }
                return PackageServer.answer(
                    Array(body[start...]), status: "206 Partial Content",
                    headers: [
                        "Content-Length: \(body.count - start)",
                        "Content-Range: bytes \(start)-\(body.count - 1)/\(body.count)",
                    ])
            }
            defer { server.stop() }
            var request = bench.request(server.url + "/a.tar.gz", attempts: 4)
            request.sha256 = SHA256.hex(of: content)
            if isMended {
                _ = try bench.download(request)
                #expect(bench.bytes == content)
                #expect(server.requests.count == 3)
            } else {
                #expect(try bench.failure(request).kind == .wrongDigest)
                #expect(server.requests.count <= 4, "\(server.requests.count)")
            }
        }
    }

    static let pages: [(body: String, words: String)] = [
        ("<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>", "the server sent XML text"),
        ("\n  <Error/>", "the server sent XML text"),
        ("{\"message\": \"Too many requests\"}", "the server sent JSON text"),
        ("[]", "the server sent JSON text"),
        ("upstream connect error or disconnect/reset before headers", "the server sent text (\"upstream connect"),
        ("\u{FEFF}Zugriff verweigert: überlastet", "the server sent text"),
        ("", "the server sent an empty body in place of the package"),
    ]

    // igrigorik/gharchive.org#136, mongodb/mongo-tools#1071, wellcomecollection/storage-service#257.
    @Test("200 with an error page in place of a package is the server's trouble, and is named", arguments: pages)
    func errorPage(page: (body: String, words: String)) throws {
        let wishes: [(sha256: String?, size: Int64?)] = [
            (nil, nil), (String(repeating: "0", count: 64), nil), (nil, 70_000),
        ]
        for (sha256, size) in wishes {
            let bench = DownloadBench()
            let content = noise(70_000)
            let server = try PackageServer { _, index in
                PackageServer.answer(index == 0 ? Array(page.body.utf8) : [0x1F, 0x8B] + content.dropFirst(2))
            }
            defer { server.stop() }
            var request = package(server.url + "/a.tar.gz")
            (request.sha256, request.expectedByteCount) = (sha256, size)
            let error = try bench.failure(request)
            #expect(error.kind == .malformed && !error.isPermanent, "\(error)")
            #expect(error.reason.hasPrefix(page.words), "\(error)")
            #expect(bench.folder.names == [])
            guard sha256 == nil else { continue }
            // It heals by itself.
            _ = try bench.download(request)
            #expect(bench.bytes?.count == 70_000)
        }
    }

    @Test("other content may be text, and a package may begin as it likes")
    func otherContent() throws {
        let server = try PackageServer { request, _ in
            PackageServer.answer(
                request.target == "/a.json" ? Array("{}".utf8) : [0x28, 0xB5, 0x2F, 0xFD] + noise(100))
        }
        defer { server.stop() }
        _ = try bench.download(bench.request(server.url + "/a.json"))
        #expect(bench.bytes == Array("{}".utf8))
        _ = try bench.download(package(server.url + "/a.tar.zst"))
        #expect(bench.bytes?.count == 104)
    }

    @Test("a header of megabytes is the server's fault, for a while, and nobody's configuration")
    func longHeader() throws {
        for head in ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Long: a\r\nSet-Cookie: "] {
            let server = try PackageServer { _, _ in
                Array(head.utf8) + [UInt8](repeating: UInt8(ascii: "b"), count: 6 << 20)
            }
            defer { server.stop() }
            let error = try #require(throws: TransferError.self) {
                try HTTPTransfer().perform(HTTPRequest(.get, server.url + "/"))
            }
            #expect(error.kind != .refused && !error.isPermanent, "\(error)")
            #expect(error.kind == .malformed, "\(error)")
        }
    }
}
