import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct TarWriterTests {
    let scratch = TemporaryFolder()

    private func entries() throws -> [TarWriter.Entry] {
        let program = try scratch.write("in/program", String(repeating: "#!/bin/sh\n", count: 40_000), mode: 0o700)
        let data = try scratch.write("in/data", "data")
        return [
            .init(path: "z-last", content: .file(data), mode: 0o644),
            .init(path: "bin/program", content: .file(program), mode: 0o755),
            .init(path: "bin", content: .directory, mode: 0o755),
            .init(path: "grüße/" + String(repeating: "long", count: 40), content: .file(data), mode: 0o600),
            .init(path: "link", content: .symlink(target: "bin/program"), mode: 0),
        ]
    }

    private func output(_ arguments: String...) throws -> String {
        let ran = try TestProcess.run("/usr/bin/env", arguments)
        #expect(ran.code == 0, "\(ran)")
        return ran.out
    }

    @Test(
        "the same content gives the same bytes, in whatever order and at whatever time",
        arguments: TarWriter.Compression.allCases)
    func reproducible(compression: TarWriter.Compression) throws {
        let entries = try entries()
        try TarWriter.write(entries, to: scratch("a"), compression: compression)
        utimes(scratch("in/data"), [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)])
        chmod(scratch("in/data"), 0o600)
        try TarWriter.write(entries.reversed(), to: scratch("b"), compression: compression)
        #expect(try SHA256.hex(ofFile: scratch("a")) == SHA256.hex(ofFile: scratch("b")))
        try TarWriter.write(entries, to: scratch("c"), compression: compression, modificationTime: 1)
        #expect(try SHA256.hex(ofFile: scratch("a")) != SHA256.hex(ofFile: scratch("c")))
        #expect(scratch.names == ["a", "b", "c", "in"])
    }

    @Test("GNU tar reads it: sorted, root's, dated as asked")
    func readByTar() throws {
        try TarWriter.write(entries(), to: scratch("a.tar.gz"), modificationTime: 86400)
        let list = try output(
            "LC_ALL=C.UTF-8", "TZ=UTC", "tar", "--full-time", "--numeric-owner", "--quoting-style=literal", "-tvf",
            scratch("a.tar.gz"))
        let day = "1970-01-02 00:00:00"
        #expect(
            list.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") } == [
                "drwxr-xr-x 0/0 0 \(day) bin/",
                "-rwxr-xr-x 0/0 400000 \(day) bin/program",
                "-rw------- 0/0 4 \(day) grüße/" + String(repeating: "long", count: 40),
                "lrwxrwxrwx 0/0 0 \(day) link -> bin/program",
                "-rw-r--r-- 0/0 4 \(day) z-last",
            ])
        let header = try AtomicFile.read(scratch("a.tar.gz"), limit: 1 << 20).prefix(10)
        #expect(header.dropFirst(3).prefix(5) == [0, 0, 0, 0, 0], "no name, no time")
    }

    @Test("what cannot be archived is named, and the old archive stays")
    func failures() throws {
        try scratch.write("a", "old")
        let twice = [TarWriter.Entry](repeating: .init(path: "x", content: .directory, mode: 0o755), count: 2)
        let error = try #require(throws: ArchiveError.self) { try TarWriter.write(twice, to: scratch("a")) }
        #expect(error.description == "cannot write archive \(scratch("a")): 'x' is listed twice")
        let missing = TarWriter.Entry(path: "x", content: .file(scratch("none")), mode: 0o644)
        #expect(throws: ArchiveError.self) { try TarWriter.write([missing], to: scratch("a")) }
        let folder = TarWriter.Entry(path: "x", content: .file(scratch.path), mode: 0o644)
        #expect(throws: ArchiveError.self) { try TarWriter.write([folder], to: scratch("a")) }
        #expect(scratch.text("a") == "old")
        #expect(scratch.names == ["a"])
    }
}
