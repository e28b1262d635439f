import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct InventoryTests {
    let scratch = TemporaryFolder()
    let release = Inventory.Release(
        app: "demo", version: "1.0", artifactDigest: SHA256.hex(of: [1]), origin: "https://host/a b\n\\c")

    private func tree() throws -> String {
        try scratch.write("tree/bin/app", "#!/bin/sh\n", mode: 0o755)
        try scratch.write("tree/lib/data file", "0123456789")
        try scratch.write("tree/empty", "")
        symlink("../lib/data file", scratch("tree/bin/link"))
        let odd: [CChar] = Array((scratch("tree/") + "x").utf8CString.dropLast(2)) + [-1, 10, 92, 32, 0]
        close(open(odd, O_CREAT | O_WRONLY, 0o600))
        return scratch("tree")
    }

    @Test("what is written is what is read, names of any bytes included")
    func roundTrip() throws {
        let inventory = try Inventory.scan(tree(), as: release)
        try inventory.write(to: scratch("inventory"))
        let read = try Inventory.read(scratch("inventory"))
        #expect(read == inventory)
        #expect(read.release == release)
        #expect(read.entries == inventory.entries)
        #expect(read.byteCount == 20)
        #expect(
            read.entries.map { String(decoding: $0.path, as: UTF8.self) } == [
                "bin", "bin/app", "bin/link", "empty", "lib", "lib/data file", "\u{FFFD}\n\\ ",
            ])
        #expect(read.entries[2].kind == .symlink(target: Array("../lib/data file".utf8)))
        guard case .file(let file) = read.entries[5].kind else { throw CocoaError(.fileReadUnknown) }
        #expect(file.digest.hex == SHA256.hex(of: "0123456789".utf8))
        #expect(read.verify(scratch("tree"), deep: false).isEmpty)
        #expect(read.verify(scratch("tree"), deep: true).isEmpty)
    }

    @Test("a torn or changed inventory is noticed wherever it was hit")
    func torn() throws {
        let inventory = try Inventory.scan(tree(), as: release)
        let text = inventory.text
        for length in 0..<text.count { #expect(Inventory(text: Array(text.prefix(length))) == nil, "\(length)") }
        for index in text.indices {
            var changed = text
            changed[index] ^= 1
            #expect(Inventory(text: changed) == nil, "\(index)")
        }
        #expect(Inventory(text: text + [10]) == nil)
        #expect(Inventory(text: text) == inventory)
        try scratch.write("inventory", "gwe-inventory 2\n")
        #expect(
            throws: Inventory.ReadError.damaged(
                path: scratch("inventory"), reason: "it is no inventory, or one of another version")
        ) { try Inventory.read(scratch("inventory")) }
    }

    enum Damage: CaseIterable, Sendable {
        case content, sameSize, missing, folder, mode, folderMode, link, linkToFile, fileToLink, fileToFolder,
            folderToFile
    }

    @Test("each kind of damage is named", arguments: Damage.allCases)
    func damage(_ damage: Damage) throws {
        let inventory = try Inventory.scan(tree(), as: release)
        let expected: [String]
        switch damage {
        case .content:
            try scratch.write("tree/lib/data file", "longer than before")
            expected = ["lib/data file: content changed"]
        case .sameSize:
            try scratch.write("tree/lib/data file", "0123456780")
            expected = ["lib/data file: content changed"]
        case .missing:
            unlink(scratch("tree/empty"))
            expected = ["empty: missing"]
        case .folder:
            try FileTree.removeTree(scratch("tree/bin"))
            expected = ["bin: missing"]
        case .mode:
            chmod(scratch("tree/bin/app"), 0o644)
            expected = ["bin/app: mode changed"]
        case .folderMode:
            chmod(scratch("tree/bin"), 0o700)
            expected = ["bin: mode changed"]
        case .link:
            unlink(scratch("tree/bin/link"))
            symlink("/etc/passwd", scratch("tree/bin/link"))
            expected = ["bin/link: link changed"]
        case .linkToFile:
            unlink(scratch("tree/bin/link"))
            try scratch.write("tree/bin/link", "")
            expected = ["bin/link: of another type"]
        case .fileToLink:
            // The target is the very file: only lstat sees the difference.
            rename(scratch("tree/bin/app"), scratch("tree/bin/other"))
            symlink("other", scratch("tree/bin/app"))
            expected = ["bin/app: of another type"]
        case .fileToFolder:
            unlink(scratch("tree/empty"))
            mkdir(scratch("tree/empty"), 0o755)
            expected = ["empty: of another type"]
        case .folderToFile:
            // A folder's place taken by a file: what was below is not told one by one.
            try FileTree.removeTree(scratch("tree/bin"))
            try scratch.write("tree/bin", "")
            expected = ["bin: of another type"]
        }
        #expect(inventory.verify(scratch("tree"), deep: false).map(\.description) == expected)
        #expect(inventory.verify(scratch("tree"), deep: true).map(\.description) == expected)
    }

    @Test("content changed behind size, mtime, mode and inode is seen by the deep check only")
    func deep() throws {
        let inventory = try Inventory.scan(tree(), as: release)
        let path = scratch("tree/lib/data file")
        var before = stat()
        stat(path, &before)
        let file = try #require(FileHandle(forWritingAtPath: path))
        file.write(Data("012345678X".utf8))
        try file.close()
        _ = withUnsafePointer(to: (before.st_atim, before.st_mtim)) { times in
            times.withMemoryRebound(to: timespec.self, capacity: 2) { utimensat(AT_FDCWD, path, $0, 0) }
        }
        #expect(inventory.verify(scratch("tree"), deep: false).isEmpty)
        #expect(inventory.verify(scratch("tree"), deep: true).map(\.description) == ["lib/data file: content changed"])
    }

    @Test("a touched or copied file with the same content, and files that an app adds, are no drift")
    func noDrift() throws {
        let inventory = try Inventory.scan(tree(), as: release)
        utimes(scratch("tree/bin/app"), nil)
        try FileManager.default.copyItem(atPath: scratch("tree/lib/data file"), toPath: scratch("copy"))
        rename(scratch("copy"), scratch("tree/lib/data file"))
        try scratch.write("tree/lib/cache", "added")
        #expect(inventory.verify(scratch("tree"), deep: false).isEmpty)
    }

    @Test("more names than can be remembered are refused")
    func excess() throws {
        // 16 names of 240 bytes: each path has some 3,850 of them.
        var folder = scratch("many")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let name = String(repeating: "n", count: 240)
        let start = scratch("many")
        for _ in 0..<15 {
            folder += "/" + name
            try #require(mkdir(folder, 0o755) == 0)
        }
        for number in 0..<18_000 {
            let file = open(folder + "/" + name.dropLast(6) + "\(100_000 + number)", O_CREAT | O_WRONLY, 0o644)
            try #require(file >= 0)
            close(file)
        }
        let error = #expect(throws: SystemError.self) { _ = try Inventory.scan(start, as: release) }
        #expect(error?.code == E2BIG)
    }

    @Test("a release that is gone is one deviation, and a limit ends the check")
    func gone() throws {
        let inventory = try Inventory.scan(tree(), as: release)
        #expect(inventory.verify(scratch("none"), deep: false).map(\.description) == [".: missing"])
        try FileTree.removeTree(scratch("tree"))
        mkdir(scratch("tree"), 0o755)
        #expect(inventory.verify(scratch("tree"), deep: false).count == 4)
        #expect(inventory.verify(scratch("tree"), deep: false, limit: 1).count == 1)
    }

    @Test("a scan reuses the digests of files that nobody touched, and reads the others")
    func reuse() throws {
        let before = try Inventory.scan(tree(), as: release)
        // An inventory that lies about content: where its digest turns up again, the file was not read.
        let lie = SHA256.digest(of: [0])
        let known = Inventory(
            release,
            entries: before.entries.map { entry in
                var entry = entry
                if case .file(var file) = entry.kind {
                    file.digest = lie
                    entry.kind = .file(file)
                }
                return entry
            })
        try scratch.write("tree/bin/app", "changed\n", mode: 0o755)
        try scratch.write("tree/new", "new")
        let after = try Inventory.scan(scratch("tree"), as: release, reusing: known)
        var digests: [String: String] = [:]
        for entry in after.entries {
            if case .file(let file) = entry.kind {
                digests[String(decoding: entry.path, as: UTF8.self)] = file.digest.hex
            }
        }
        #expect(digests["lib/data file"] == lie.hex)
        #expect(digests["bin/app"] == SHA256.hex(of: "changed\n".utf8))
        #expect(digests["new"] == SHA256.hex(of: "new".utf8))
    }
}
