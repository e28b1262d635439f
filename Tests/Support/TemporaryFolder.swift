import Foundation
import GatewaySystem
public import Glibc

/// A folder of its own for one test, removed with everything in it when the object goes away.
public final class TemporaryFolder: Sendable {
    /// Absolute, without a slash at the end.
    public let path: String

    /// - Parameter isInMemory: in /dev/shm where there is room. A killed process loses nothing there either, and
    ///   syncing costs nothing.
    public init(isInMemory: Bool = false) {
        // Where no folder can be made, the first use of it fails with the path.
        path = (try? TemporaryFolder.make(isInMemory: isInMemory)) ?? "/cannot-make-a-temporary-folder"
    }

    deinit { TemporaryFolder.remove(path) }

    /// Makes a folder that the caller removes.
    public static func make(isInMemory: Bool = false) throws -> String {
        var template = Array("\(isInMemory ? memory : "/tmp")/gwe-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure("make a temporary folder: \(errno)") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Programs of other users look in, too.
        chmod(path, 0o755)
        return path
    }

    /// Removes a tree, whatever bytes its names have.
    public static func remove(_ path: String) {
        do { try FileManager.default.removeItem(atPath: path) } catch { try? FileTree.removeTree(path) }
    }

    private static let memory: String = {
        var facts = statvfs()
        let hasRoom = statvfs("/dev/shm", &facts) == 0 && UInt64(facts.f_bavail) * UInt64(facts.f_frsize) > 512 << 20
        return hasRoom && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    }()

    /// The path of what has this name below the folder.
    public func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// Writes a file below the folder, with the folders above it, and returns its path.
    @discardableResult
    public func write(_ name: String, _ content: String, mode: mode_t = 0o644) throws -> String {
        try write(name, Array(content.utf8), mode: mode)
    }

    /// The same with any bytes.
    @discardableResult
    public func write(_ name: String, _ content: some Sequence<UInt8>, mode: mode_t = 0o644) throws -> String {
        let file = self(name)
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(content).write(to: URL(fileURLWithPath: file))
        chmod(file, mode)
        return file
    }

    /// Makes a folder in this one, with those above it, and returns its path.
    @discardableResult
    public func folder(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: self(name), withIntermediateDirectories: true)
        return self(name)
    }

    /// What a file below the folder holds; nil when there is none.
    public func bytes(_ name: String) -> [UInt8]? {
        FileManager.default.contents(atPath: self(name)).map { Array($0) }
    }

    /// The same as text; what is no UTF-8 is replaced.
    public func text(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

    /// The names directly in the folder, sorted.
    public var names: [String] { names(".") }

    /// The names directly in a folder below it, sorted.
    public func names(_ below: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self(below))) ?? []).sorted()
    }
}

/// Why a test cannot go on.
public struct TestFailure: Error, CustomStringConvertible {
    /// What went wrong, in words.
    public var description: String
    /// A failure in these words.
    public init(_ description: String) { self.description = description }
}
