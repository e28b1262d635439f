import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct FileTreeTests {
    let scratch = TemporaryFolder()

    @Test("folders are made with those above them, once")
    func make() throws {
        #expect(try FileTree.makeDirectory(scratch("a/b/c"), mode: 0o750))
        #expect(try !FileTree.makeDirectory(scratch("a/b/c"), mode: 0o750))
        var status = stat()
        #expect(stat(scratch("a/b"), &status) == 0 && status.st_mode & 0o7777 == 0o750)
        try scratch.write("f", "")
        #expect(throws: SystemError("create folder \(scratch("f"))", code: ENOTDIR)) {
            try FileTree.makeDirectory(scratch("f"))
        }
    }

    @Test("a removal deletes links but never what they point to")
    func removeLinks() throws {
        try scratch.write("outside/keep", "x")
        try scratch.write("tree/a/b/file", "x")
        symlink(scratch("outside"), scratch("tree/link"))
        symlink("../../outside", scratch("tree/a/b/relative"))
        try FileTree.removeTree(scratch("tree"))
        try FileTree.removeTree(scratch("tree"))
        #expect(scratch.names == ["outside"])
        #expect(scratch.text("outside/keep") == "x")
        symlink("outside", scratch("link"))
        try FileTree.removeTree(scratch("link"))
        #expect(scratch.names == ["outside"])
    }

    @Test("names that are not UTF-8, folders without permissions and very deep trees are removed too")
    func removeOddities() throws {
        try FileTree.makeDirectory(scratch("tree/closed"))
        let name: [CChar] = Array((scratch("tree/closed/") + "x").utf8CString.dropLast(2)) + [-1, -2, 0]
        close(open(name, O_CREAT | O_WRONLY, 0o600))
        #expect(scratch.names("tree/closed").count == 1)
        chmod(scratch("tree/closed"), 0)
        // 3,000 levels: no path can name the innermost, and descriptors would run out.
        var folder = open(scratch("tree"), O_RDONLY | O_DIRECTORY)
        for _ in 0..<3000 {
            mkdirat(folder, "deep", 0o755)
            let next = openat(folder, "deep", O_RDONLY | O_DIRECTORY)
            close(folder)
            folder = next
        }
        close(openat(folder, "file", O_CREAT | O_WRONLY, 0o600))
        close(folder)
        try FileTree.removeTree(scratch("tree"))
        #expect(scratch.names.isEmpty)
    }

    @Test("what an interrupted removal left is found by its name")
    func trash() throws {
        try scratch.write(".trash-release-1-0/a/b", "x")
        try scratch.write("release/a", "x")
        try FileTree.emptyTrash(in: scratch.path)
        #expect(scratch.names == ["release"])
    }

    @Test("a file system mounted inside a tree is not emptied")
    func mountPoint() throws {
        try scratch.write("tree/a", "x")
        try FileTree.makeDirectory(scratch("tree/mounted"))
        guard mount("none", scratch("tree/mounted"), "tmpfs", 0, nil) == 0 else { return }
        try scratch.write("tree/mounted/keep", "x")
        let error = try #require(throws: SystemError.self) { try FileTree.removeTree(scratch("tree")) }
        // The rename may be refused at once (EBUSY), or the mount is met inside.
        #expect(error.code == EXDEV || error.code == EBUSY)
        let kept = scratch.names.first { $0.hasPrefix(".trash-") } ?? "tree"
        #expect(scratch.text("\(kept)/mounted/keep") == "x")
        #expect(umount2(scratch("\(kept)/mounted"), 0) == 0)
    }

    @Test("listing, kinds and links are as on disk")
    func look() throws {
        try scratch.write("f", "x")
        symlink("nowhere", scratch("dangling"))
        #expect(try FileTree.list(scratch.path) == ["dangling", "f"])
        #expect(try FileTree.kind(scratch("f")) == .file)
        #expect(try FileTree.kind(scratch("dangling")) == .symlink)
        #expect(try FileTree.kind(scratch("f/x")) == nil)
        #expect(FileTree.exists(scratch("dangling")) && !FileTree.exists(scratch("none")))
        #expect(FileTree.linkTarget(scratch("f")) == nil)
        try FileTree.move(scratch("f"), to: scratch("g"))
        #expect(try FileTree.removeFile(scratch("g")))
        #expect(try !FileTree.removeFile(scratch("g")))
    }

    @Test("a barrier syncs a tree, also file by file as on old kernels")
    func barrier() throws {
        let barrier = try FileSystemBarrier(directory: scratch.path)
        try scratch.write("tree/a/b", "x")
        symlink("nowhere", scratch("tree/dangling"))
        mkfifo(scratch("tree/fifo"), 0o600)
        try barrier.sync(tree: scratch("tree"))
        try FileTree.syncEach(in: scratch("tree"))
        #expect(throws: SystemError.self) { try FileTree.syncEach(in: scratch("none")) }
    }

    @Test(
        "kernels are told apart at 5.8",
        arguments: [
            ("4.19.0-gateway", false), ("5.7.19", false), ("5.8.0-rc1", true), ("5.10.1", true), ("6.1", true),
            ("odd", false),
        ])
    func kernels(release: String, expected: Bool) {
        #expect(FileSystemBarrier.isAtLeast5_8(release) == expected)
    }

    @Test("free space and inodes are those df prints")
    func space() throws {
        let info = try FileSystemInfo(containing: scratch.path)
        #expect(info.availableByteCount > 0 && info.availableByteCount <= info.totalByteCount)
        #expect(info.availableInodeCount > 0)
        #expect(FileSystemInfo.bootIdentifier.count == 36)
    }
}
