import Foundation
import GatewaySystem
import Synchronization

/// A package for tests.
struct TestPackage: Sendable, Hashable {
    struct File: Sendable, Hashable, ExpressibleByStringLiteral {
        var text: String
        var mode: UInt32 = 0o644

        init(_ text: String, mode: UInt32 = 0o644) {
            self.text = text
            self.mode = mode
        }

        init(stringLiteral text: String) { self.text = text }

        /// An executable shell script.
        static func script(_ body: String) -> File { File("#!/bin/sh\n\(body)\n", mode: 0o755) }
    }

    var name: String
    var version: String
    var files: [String: File]
    var compression: TarWriter.Compression = .gzip

    init(_ name: String, _ version: String, files: [String: File], compression: TarWriter.Compression = .gzip) {
        self.name = name
        self.version = version
        self.files = files
        self.compression = compression
    }

    var fileName: String {
        let ending =
            switch compression {
            case .gzip: "gz"
            case .zstd: "zst"
            case .xz: "xz"
            }
        return "\(name).v\(version).tar.\(ending)"
    }

    /// Tarballs that were built: the same package gives the same bytes.
    private static let built = Lock<[TestPackage: [UInt8]]>([:])

    /// The tarball.
    func bytes(scratch: String) throws -> [UInt8] {
        if let known = TestPackage.built.withLock({ $0[self] }) { return known }
        let bytes = try build(scratch: scratch)
        TestPackage.built.withLock { $0[self] = bytes }
        return bytes
    }

    private func build(scratch: String) throws -> [UInt8] {
        let folder = "\(scratch)/package-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var entries: [TarWriter.Entry] = []
        for (number, path) in files.keys.sorted().enumerated() {
            guard let file = files[path] else { continue }
            try Data(file.text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(number)"))
            entries.append(.init(path: path, content: .file("\(folder)/\(number)"), mode: file.mode))
        }
        try TarWriter.write(entries, to: "\(folder)/package", compression: compression)
        return Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/package")))
    }

    /// A long-running app: `supervisor.conf`, a program that sleeps, and a file of this version.
    static func service(_ name: String, _ version: String, extra: [String: File] = [:]) -> TestPackage {
        let files: [String: File] = [
            "supervisor.conf": "[supervisord]\ncommand=bin/run\nautorestart=true\n",
            "bin/run": .script("echo \(name) \(version) is up\nexec sleep 1000"),
            "share/version.txt": File("\(name) \(version)\n"),
        ]
        return TestPackage(name, version, files: files.merging(extra) { $1 })
    }

    /// A one-off app: `install.sh` appends a line to `runs` in the app's data folder.
    static func oneOff(_ name: String, _ version: String, extra: [String: File] = [:]) -> TestPackage {
        let files: [String: File] = [
            "install.sh": .script(TestPackage.countingInstaller), "share/version.txt": File("\(name) \(version)\n"),
        ]
        return TestPackage(name, version, files: files.merging(extra) { $1 })
    }

    /// Appends what it installs to `runs` in the app's data folder, and makes a file in the release.
    static let countingInstaller = """
        set -e
        echo "$GWE_VERSION" >>"$GWE_DATA_DIR/runs"
        echo made >made-by-installer
        """
}
