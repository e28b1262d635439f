import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport

/// Everything that can be seen of a folder: names, kinds, modes, owners, inodes, sizes, times of change of content and
/// of attributes, link targets, and bytes. Only the time of reading is left out.
struct FolderSnapshot: Equatable {
    var entries: [String: String] = [:]

    init(_ folders: String...) {
        for folder in folders {
            add(folder)
            let below = FileManager.default.enumerator(atPath: folder)
            while let path = below?.nextObject() as? String { add("\(folder)/\(path)") }
        }
    }

    private mutating func add(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            entries[path] = "not there"
            return
        }
        var line =
            "mode \(String(status.st_mode, radix: 8)) owner \(status.st_uid):\(status.st_gid) inode \(status.st_ino)"
        line += " links \(status.st_nlink) size \(status.st_size)"
        line +=
            " changed \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        if let target = FileTree.linkTarget(path) { line += " -> \(target)" }
        if status.st_mode & S_IFMT == S_IFREG { line += " sha256 \((try? SHA256.hex(ofFile: path)) ?? "unreadable")" }
        entries[path] = line
    }

    /// What differs, a line each.
    func differences(from before: FolderSnapshot) -> [String] {
        Set(entries.keys).union(before.entries.keys).sorted().compactMap { path in
            let (old, new) = (before.entries[path], entries[path])
            return old == new ? nil : "\(path): was \(old ?? "not there"), is \(new ?? "not there")"
        }
    }
}

extension GatewayFixture {
    /// The gateway's own folders.
    func snapshot() -> FolderSnapshot { FolderSnapshot(configFolder, stateFolder, logFolder) }

    /// Everything that the cloud knows of the gateway.
    func cloudState() throws -> [String: SandboxResource] { try sandbox.resources(of: id) }
}
