import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What becomes of the part of a download that is reckoned too large for the disk.
@Suite("Downloads that are reckoned too large", .enabled(if: getuid() == 0)) struct DownloadEstimateTests {
    @Test("their part stays, and is resumed when there is room")
    func partStays() throws {
        let folder = TemporaryFolder()
        let disk = try SmallDisk(folder("disk"), size: "12m")
        defer { disk.unmount() }
        let content = noise(6 << 20)
        let server = try PackageServer { request, index in
            let tag = "ETag: \"a\""
            guard index > 0, let start = request.rangeStart else {
                return PackageServer.answer(
                    content, headers: ["Content-Length: \(content.count)", tag], cutAfter: index == 0 ? 3 << 20 : .max)
            }
            let rest = Array(content[start...])
            let range = "Content-Range: bytes \(start)-\(content.count - 1)/\(content.count)"
            return PackageServer.answer(
                rest, status: "206 Partial Content", headers: ["Content-Length: \(rest.count)", range, tag])
        }
        defer { server.stop() }
        var request = DownloadRequest(.web(url: server.url + "/a"))
        (request.retry.attempts, request.retry.maximumAttempts) = (1, 1)
        let path = disk.path + "/content"
        func failure() throws -> TransferError {
            try #require(throws: TransferError.self) { try Downloader(HTTPTransfer()).download(request, into: path) }
        }
        let cut = try failure()
        #expect(!cut.isNoSpace, "\(cut)")
        let part = try #require(FileTree.byteCount(ofFile: path + ".partial"))
        #expect(part > 0)
        try disk.fill(leaving: 1 << 20)
        let full = try failure()
        #expect(full.isNoSpace && full.reason.contains("are needed in"), "\(full)")
        #expect(FileTree.byteCount(ofFile: path + ".partial") == part)
        try #require(unlink(disk.path + "/filler") == 0)
        let outcome = try Downloader(HTTPTransfer()).download(request, into: path)
        #expect(outcome.resumedByteCount == part && outcome.byteCount == Int64(content.count))
    }
}
