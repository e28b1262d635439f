import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct AtomicFileTests {
    let scratch = TemporaryFolder()

    private func mode(_ name: String) -> mode_t {
        var status = stat()
        return lstat(scratch(name), &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test("a file is created and replaced with its mode exactly, and nothing is left beside it")
    func write() throws {
        try AtomicFile.write("one", to: scratch("f"), mode: 0o666)
        #expect(scratch.text("f") == "one")
        #expect(mode("f") == 0o666)
        try AtomicFile.write("two", to: scratch("f"), mode: 0o600)
        #expect(scratch.text("f") == "two")
        #expect(mode("f") == 0o600)
        #expect(scratch.names == ["f"])
    }

    @Test(
        "leftovers of a killed writer are removed: file, symlink or read-only file", arguments: ["file", "link", "400"])
    func leftover(kind: String) throws {
        try scratch.write("victim", "untouched")
        switch kind {
        case "link": symlink(scratch("victim"), scratch(".f.new"))
        default: try scratch.write(".f.new", "half", mode: kind == "400" ? 0o400 : 0o644)
        }
        try AtomicFile.write("whole", to: scratch("f"))
        #expect(scratch.text("f") == "whole")
        #expect(scratch.text("victim") == "untouched")
        #expect(scratch.names == ["f", "victim"])
    }

    @Test("writers of one file at once take turns, and what stays is whole")
    func concurrent() async throws {
        let path = scratch("f")
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for _ in 0..<20 {
                        let text = String(repeating: "\(writer)", count: 3000 + writer)
                        do { try AtomicFile.write(text, to: path) } catch { Issue.record(error) }
                    }
                }
            }
        }
        let content = try #require(scratch.text("f"))
        #expect(Set(content).count == 1)
        #expect(content.count == 3000 + (content.first?.wholeNumberValue ?? -1))
        #expect(scratch.names == ["f"])
    }

    @Test("a symlink in the file's place is replaced, its target left alone")
    func symlinkReplaced() throws {
        try scratch.write("victim", "untouched")
        symlink("victim", scratch("f"))
        try AtomicFile.write("new", to: scratch("f"))
        #expect(scratch.text("victim") == "untouched")
        #expect(try FileTree.kind(scratch("f")) == .file)
    }

    @Test("a write that cannot be done says what and why, and leaves nothing")
    func failures() throws {
        #expect(throws: SystemError("open \(scratch("none"))", code: ENOENT)) {
            try AtomicFile.write("x", to: scratch("none/f"))
        }
        mkdir(scratch("folder"), 0o755)
        #expect(throws: SystemError("replace \(scratch("folder"))", code: EISDIR)) {
            try AtomicFile.write("x", to: scratch("folder"))
        }
        #expect(throws: SystemError("use path '..'", code: EINVAL)) { try AtomicFile.write("x", to: "..") }
        #expect(scratch.names == ["folder"])
        let full = try #require(
            throws: SystemError.self, performing: { try AtomicFile.read("/dev/full", limit: 10) })
        #expect(full.code == EINVAL)
    }

    @Test("reading is bounded, refuses what is no file, and reads files that do not know their size")
    func read() throws {
        try scratch.write("f", "12345")
        #expect(try AtomicFile.read(scratch("f"), limit: 5) == Array("12345".utf8))
        #expect(throws: SystemError("read \(scratch("f")), of which at most 4 bytes are taken", code: EFBIG)) {
            try AtomicFile.read(scratch("f"), limit: 4)
        }
        #expect(throws: SystemError("read \(scratch.path)", code: EISDIR)) {
            try AtomicFile.read(scratch.path, limit: 4)
        }
        mkfifo(scratch("fifo"), 0o600)
        #expect(throws: SystemError("read \(scratch("fifo"))", code: EINVAL)) {
            try AtomicFile.read(scratch("fifo"), limit: 4)
        }
        #expect(try AtomicFile.read("/proc/self/status", limit: 1 << 20).starts(with: Array("Name:".utf8)))
        #expect(throws: SystemError("read /proc/self/status, of which at most 30 bytes are taken", code: EFBIG)) {
            try AtomicFile.read("/proc/self/status", limit: 30)
        }
    }

    @Test("a link is swapped in one rename, found right the second time, and its leftover removed")
    func links() throws {
        symlink("elsewhere", scratch(".current.new"))
        #expect(try AtomicFile.replaceSymlink(at: scratch("current"), pointingTo: "1-abc") == .replaced)
        #expect(FileTree.linkTarget(scratch("current")) == "1-abc")
        #expect(try AtomicFile.replaceSymlink(at: scratch("current"), pointingTo: "1-abc") == .alreadySatisfied)
        #expect(try AtomicFile.replaceSymlink(at: scratch("current"), pointingTo: "2-def") == .replaced)
        #expect(FileTree.linkTarget(scratch("current")) == "2-def")
        try scratch.write("plain", "x")
        #expect(try AtomicFile.replaceSymlink(at: scratch("plain"), pointingTo: "2-def") == .replaced)
        mkdir(scratch("folder"), 0o755)
        #expect(throws: SystemError("replace link \(scratch("folder"))", code: EISDIR)) {
            try AtomicFile.replaceSymlink(at: scratch("folder"), pointingTo: "x")
        }
        #expect(scratch.names == ["current", "folder", "plain"])
    }
}
