import Foundation
import Glibc

/// A folder of its own for one test, removed with everything in it at the end.
final class ScratchFolder {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path + "/gwe-test-" + UUID().uuidString
        mkdir(path, 0o700)
    }

    deinit {
        let removal = Process()
        removal.executableURL = URL(fileURLWithPath: "/bin/rm")
        removal.arguments = ["-rf", path]
        try? removal.run()
        removal.waitUntilExit()
    }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// Writes a file below the folder, with the folders above it, and returns its path.
    @discardableResult
    func write(_ name: String, _ content: String, mode: mode_t = 0o644) throws -> String {
        let file = self(name)
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(content.utf8).write(to: URL(fileURLWithPath: file))
        chmod(file, mode)
        return file
    }

    func content(_ name: String) -> String? {
        FileManager.default.contents(atPath: self(name)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The names directly in the folder or in one below it.
    func names(_ below: String = ".") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self(below))) ?? []).sorted()
    }
}
