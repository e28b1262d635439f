import Foundation
import GatewayAgent
import GatewayModel
import TestSupport

/// The three folders of a gateway in a temporary place, removed at the end.
final class ScratchGateway: Sendable {
    private let scratch = TemporaryFolder()
    let root: URL
    let folders: Folders

    init() throws {
        root = URL(fileURLWithPath: scratch.path)
        folders = Folders(
            configFolder: root.appending(path: "etc").path, stateFolder: root.appending(path: "state").path,
            logFolder: root.appending(path: "log").path)
    }

    func load() throws -> GatewayConfiguration { try ConfigurationStore(folders: folders).load() }

    func change(_ edits: ConfigurationStore.Edits) throws -> ConfigurationChange {
        try ConfigurationStore(folders: folders).change(edits)
    }

    func write(_ text: String, to path: String, mode: Int = 0o644) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    func mode(_ path: String) throws -> Int {
        let value = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        return (value as? NSNumber)?.intValue ?? -1
    }

    /// The paths of everything below the root, with content of files.
    func everything() throws -> [String: String] {
        var found: [String: String] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: root.path) {
            found[path] = (try? read(root.appending(path: path).path)) ?? ""
        }
        return found
    }
}
