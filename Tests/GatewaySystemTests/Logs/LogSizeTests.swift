import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

/// An app may make a file of any size out of nothing (truncate(2)): whoever looks at its logs must not take that for bytes.
@Suite struct LogSizeTests {
    /// A log of 1 TiB without a line, and one at its end.
    private func sparse(_ scratch: TemporaryFolder, _ name: String = "app.log") throws -> LogFiles {
        let path = scratch.path + "/" + name
        let fd = open(path, O_WRONLY | O_CREAT, 0o644)
        try #require(fd >= 0)
        defer { close(fd) }
        let end = Array("\nlast\n".utf8)
        try #require(ftruncate(fd, 1 << 40) == 0 && pwrite(fd, end, end.count, 1 << 40) == end.count)
        return LogFiles(path: path, owner: nil)
    }

    @Test("the sum of the sizes of ten thousand logs with ten thousand files each does not overflow")
    func counted() throws {
        let scratch = TemporaryFolder()
        #expect(try sparse(scratch).sizes() == [0: LogFiles.largestCounted])
        let one = LogFiles.counted(.max).multipliedReportingOverflow(by: 10_000)
        let all = one.partialValue.multipliedReportingOverflow(by: 10_000)
        #expect(!one.overflow && !all.overflow)
        #expect(LogFiles.counted(-1) == 0 && LogFiles.counted(5) == 5)
    }

    @Test("only the end of a log that is far too large is kept, and no more than that is read")
    func cut() throws {
        let scratch = TemporaryFolder()
        let log = try sparse(scratch)
        try log.cut(0)
        #expect(try String(contentsOfFile: log.path + ".1", encoding: .utf8) == "last\n")
        #expect(log.sizes() == [1: 5])
    }

    @Test("a rotated file is cut where it stands, and the files beside it stay as they are")
    func cutRotated() throws {
        let scratch = TemporaryFolder()
        let path = try scratch.write("web.log", "new\n")
        try scratch.write("web.log.1", "later\n")
        try scratch.write("web.log.2", (1...10).map { "\($0)\n" }.joined())
        let log = LogFiles(path: path, owner: nil)
        try log.cut(2)
        #expect(try String(contentsOfFile: path + ".2", encoding: .utf8) == "7\n8\n9\n10\n")
        #expect(try String(contentsOfFile: path + ".1", encoding: .utf8) == "later\n")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "new\n")
        #expect(Set(log.sizes().keys) == [0, 1, 2])
    }

    @Test("the last lines of such a log are found without reading it whole")
    func tail() throws {
        let scratch = TemporaryFolder()
        let reader = LogReader(try sparse(scratch))
        var bytes: [UInt8] = []
        reader.tail(10, byteLimit: 4_096) { piece in
            bytes += piece
            return true
        }
        #expect(bytes.count < 1 << 20)
        #expect(String(decoding: bytes.suffix(6), as: UTF8.self) == "\nlast\n")
        var last: [UInt8] = []
        reader.tail(1, byteLimit: 4_096) { piece in
            last += piece
            return true
        }
        #expect(String(decoding: last, as: UTF8.self) == "last\n")
    }
}
