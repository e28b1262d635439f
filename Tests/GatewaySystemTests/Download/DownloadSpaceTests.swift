import Foundation
import GatewaySystem
import Glibc
import Synchronization
import TestSupport
import Testing

/// Downloads on a disk that is too small for them.
@Suite("Downloads and space", .enabled(if: getuid() == 0)) struct DownloadSpaceTests {
    private let folder = TemporaryFolder()

    private func failure(
        _ request: DownloadRequest, on disk: SmallDisk, events: @escaping (DownloadEvent) -> Void = { _ in }
    ) throws -> TransferError {
        var request = request
        (request.retry.attempts, request.retry.maximumAttempts) = (1, 1)
        return try #require(throws: TransferError.self) {
            try Downloader(HTTPTransfer()).download(request, into: disk.path + "/content", events: events)
        }
    }

    // elastic/elastic-agent#3920: a download takes the last byte, and then nothing else works.
    @Test("a download of unknown length ends while there is still space, and gives back what it took")
    func unknownLength() throws {
        let disk = try SmallDisk(folder("disk"), size: "20m")
        defer { disk.unmount() }
        let server = try PackageServer { _, _ in PackageServer.chunked(noise(30 << 20)) }
        defer { server.stop() }
        let least = Lock(Int64.max)
        let error = try failure(DownloadRequest(.web(url: server.url + "/a")), on: disk) { _ in
            least.withLock { $0 = min($0, disk.freeByteCount) }
        }
        #expect(error.isNoSpace, "\(error)")
        #expect(error.reason.contains("its length is not known") && error.reason.contains("artifact.size"), "\(error)")
        #expect(least.withLock { $0 } >= 2 << 20, "\(least.withLock { $0 })")
        #expect(try FileTree.list(disk.path) == [])
        #expect(disk.freeByteCount > 19 << 20)
    }

    @Test("with a length that fits, the same space may be used")
    func knownLength() throws {
        let disk = try SmallDisk(folder("disk"), size: "20m")
        defer { disk.unmount() }
        let content = noise(19 << 20)
        let server = try PackageServer { _, _ in PackageServer.answer(content) }
        defer { server.stop() }
        let request = DownloadRequest(.web(url: server.url + "/a"))
        _ = try Downloader(HTTPTransfer()).download(request, into: disk.path + "/content")
        #expect(FileTree.byteCount(ofFile: disk.path + "/content") == Int64(content.count))
    }

    @Test("a package must fit twice, as it is and unpacked: else not a byte of it is kept")
    func package() throws {
        let disk = try SmallDisk(folder("disk"), size: "20m")
        defer { disk.unmount() }
        let server = try PackageServer { _, _ in PackageServer.answer(noise(11 << 20)) }
        defer { server.stop() }
        var request = DownloadRequest(.web(url: server.url + "/a"))
        request.isPackage = true
        let error = try failure(request, on: disk)
        #expect(error.isNoSpace && error.reason.contains("\(22 << 20) bytes are needed"), "\(error)")
        #expect(try FileTree.list(disk.path) == [])
    }

    @Test("when others fill the disk meanwhile, the part is given up at once, though a reader has it open")
    func filledByOthers() throws {
        let disk = try SmallDisk(folder("disk"), size: "8m")
        defer { disk.unmount() }
        let server = try PackageServer { _, _ in PackageServer.answer(noise(6 << 20)) }
        defer { server.stop() }
        let reader = Lock(Int32(-1))
        defer { close(reader.withLock { $0 }) }
        let error = try failure(DownloadRequest(.web(url: server.url + "/a")), on: disk) { event in
            guard case .started(let partial, _, _) = event else { return }
            reader.withLock { $0 = open(partial, O_RDONLY | O_CLOEXEC) }
            try? disk.fill(leaving: 1 << 20)
        }
        #expect(error.isNoSpace, "\(error)")
        #expect(try FileTree.list(disk.path) == ["filler"])
        #expect(disk.freeByteCount >= 1 << 20, "the reader keeps nothing: \(disk.freeByteCount)")
    }

    @Test("a ballast is really there, and gives its space back when it is given up")
    func ballast() throws {
        let disk = try SmallDisk(folder("disk"), size: "1m")
        defer { disk.unmount() }
        let ballast = Ballast(path: disk.path + "/ballast", byteCount: 65_536)
        let before = disk.freeByteCount
        #expect(ballast.make() && ballast.isThere)
        #expect(before - disk.freeByteCount >= 65_536)
        try disk.fill()
        #expect(disk.freeByteCount < 4_096)
        #expect(ballast.giveUp() && !ballast.giveUp())
        #expect(disk.freeByteCount >= 65_536)
        #expect(!ballast.make(leaving: 65_536) && !ballast.isThere)
        #expect(ballast.make())
        // A sparse file of the size, as a restore may leave it, holds nothing.
        _ = ballast.giveUp()
        let fd = open(ballast.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(fd >= 0 && ftruncate(fd, 65_536) == 0)
        close(fd)
        #expect(!ballast.isThere)
        #expect(ballast.make() && ballast.isThere)
    }
}
