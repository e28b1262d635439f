internal import Documents
public import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Why no package was made.
public enum PackageBuildError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Patterns of `includes` that nothing in the buildfile's folder matches; never none.
    case noSuchFiles([String], folder: String)
    /// A folder that is to take the package, and that cannot be made: the one above it is missing, too.
    case noFolder(String)
    /// A device, a socket or a named pipe, which no package may have.
    case specialFile(String)
    /// A command of the buildfile: its key, its text, how it ended.
    case command(String, String, String)

    /// `cannot build package: …`, one line for people.
    public var description: String {
        switch self {
        case .noSuchFiles(let patterns, let folder):
            "cannot build package: nothing in \(folder) matches \(patterns.map { "'\($0)'" }.joined(separator: ", "))"
        case .noFolder(let path): "cannot build package: there is no folder in which \(path) could be made"
        case .specialFile(let path): "cannot build package: \(path) is neither file nor folder nor symbolic link"
        case .command(let place, let command, let end): "cannot build package: \(place) '\(command)' failed: \(end)"
        }
    }
}

/// Makes a package from a buildfile: the same bytes whenever the files are the same.
public struct PackageBuilder: Sendable {
    /// What the package is made of.
    public var buildfile: Buildfile
    /// The buildfile's folder, absolute: where its commands run and what its paths are relative to.
    public var folder: String

    /// Reads a buildfile.
    /// - Throws: DocumentErrors for its content, SystemError.
    public init(file path: String) throws {
        let bytes = try AtomicFile.read(path, limit: 1 << 20)
        let real = try Self.real(path)
        let slash = real.lastIndex(of: "/") ?? real.startIndex
        let name = String(real[real.index(after: slash)...])
        let node: Node
        do throws(DocumentError) { node = try JSON.parse(bytes, source: name) } catch { throw DocumentErrors(error) }
        buildfile = try Buildfile.decode(node, source: name)
        folder = slash == real.startIndex ? "/" : String(real[..<slash])
    }

    /// The name of the package that is made: `<name>.v<version>.tar.gz`.
    public var fileName: String { PackageName(name: buildfile.name, version: buildfile.version).fileName }

    /// Runs the commands, collects the files and writes the tarball, replacing one of that name only when it is whole.
    ///
    /// Owners, times and the umask of the check-out do not show in it; modification times are SOURCE_DATE_EPOCH, else 0.
    /// - Parameters:
    ///   - outputFolder: where the tarball goes; made if it alone is missing, and not the folder above it.
    ///   - say: takes a line for people about each step.
    /// - Returns: the tarball's absolute path.
    /// - Throws: PackageBuildError, ArchiveError, SystemError.
    public func build(into outputFolder: String, say: (String) -> Void = { _ in }) throws -> String {
        if !FileTree.exists(outputFolder), !FileTree.exists(Self.above(outputFolder)) {
            throw PackageBuildError.noFolder(outputFolder)
        }
        try FileTree.makeDirectory(outputFolder)
        let path = try Self.real(outputFolder) + "/" + fileName
        try run(buildfile.preBuildCommands, "pre_build_cmds", say)
        var files = PackageFiles(folder: folder, excludes: buildfile.excludes, omitted: [path, path + ".new"])
        var missing: [String] = []
        for pattern in buildfile.includes where try !files.include(pattern) { missing.append(pattern) }
        guard missing.isEmpty else { throw PackageBuildError.noSuchFiles(missing, folder: folder) }
        say("\(files.entries.count) \(files.entries.count == 1 ? "entry" : "entries") into \(fileName)")
        let epoch = getenv("SOURCE_DATE_EPOCH").flatMap { Int64(String(cString: $0)) } ?? 0
        try TarWriter.write(Array(files.entries.values), to: path, modificationTime: epoch)
        try run(buildfile.postBuildCommands, "post_build_cmds", say)
        return path
    }

    private func run(_ commands: [String], _ key: String, _ say: (String) -> Void) throws {
        // APP_NAME is what build scripts of Gateway Engine's examples read.
        let environment = [
            "APP_NAME": buildfile.name.text, "APP_VERSION": buildfile.version.text, "GWE_APP": buildfile.name.text,
            "GWE_VERSION": buildfile.version.text,
        ]
        for (index, command) in commands.enumerated() {
            say("\(key): \(command)")
            try PackageBuildCommand.run(command, key: key, index: index, folder: folder, environment: environment)
        }
    }

    /// The folder that a path is in.
    private static func above(_ path: String) -> String {
        let parts = path.split(separator: "/")
        let start = path.hasPrefix("/") ? "/" : ""
        return parts.count > 1 ? start + parts.dropLast().joined(separator: "/") : start.isEmpty ? "." : start
    }

    private static func real(_ path: String) throws(SystemError) -> String {
        guard let real = realpath(path, nil) else { throw .last("find \(path)") }
        defer { free(real) }
        return String(cString: real)
    }
}
