internal import Documents
public import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Looks at a package as a gateway would, without installing it: unpacks it into a temporary folder, which is removed
/// again, and runs nothing of it.
public enum PackageInspection {
    /// What is right and wrong with a package. A package that cannot be unpacked is a finding, not an error.
    /// - Parameters:
    ///   - machine: what it is meant for, as of uname(2), or nil.
    /// - Throws: SystemError when the file cannot be read, UnpackError when there is no room to unpack it.
    public static func check(_ path: String, machine: String? = nil) throws -> [PackageCheck.Finding] {
        try check(path, machine: machine, below: temporaryPlace, limits: UnpackLimits())
    }

    /// As above, with the temporary folder below a folder of the caller's. Its name begins with
    /// `FileTree.trashPrefix`, so that what a crash leaves is taken away as trash.
    /// - Parameter environment: gwe's own; nil where the package is for another machine.
    static func check(
        _ path: String, machine: String?, environment: [String: String]? = nil, below place: String,
        limits: UnpackLimits
    ) throws -> [PackageCheck.Finding] {
        guard access(path, R_OK) == 0 else { throw SystemError.last("read \(path)") }
        let fileName = path.split(separator: "/").last.map(String.init) ?? path
        let base = try temporaryFolder(below: place)
        defer { try? FileTree.removeTree(base) }
        let folder = base + "/release"
        let unpacked: Unpacked
        do throws(UnpackError) {
            unpacked = try Unpacker.unpack(from: .file(path), into: folder, limits: limits)
        } catch {
            guard error.isPermanent else { throw error }
            return nameFinding(fileName) + [PackageCheck.Finding(.fail, "archive", "\(error)")]
        }
        var contents = PackageCheck.Contents(fileName: fileName, files: [], texts: [:], topFolder: unpacked.topFolder)
        try gather("", in: folder, into: &contents)
        let archive =
            [PackageCheck.Finding(.pass, "archive", "it can be unpacked")]
            + unpacked.notes.sentences.map { PackageCheck.Finding(.warn, "archive", $0) }
        let findings = PackageCheck.judge(contents, machine: machine, environment: environment) {
            bytes, source throws(DocumentError) in
            try YAML.parse(bytes, source: source)
        }
        return archive + findings
    }

    /// What is wrong with a buildfile, and whether what it includes is there. Runs none of its commands.
    public static func checkBuildfile(_ path: String) throws -> [PackageCheck.Finding] {
        let builder: PackageBuilder
        do { builder = try PackageBuilder(file: path) } catch let errors as DocumentErrors {
            return errors.errors.map { PackageCheck.Finding(.fail, "buildfile", "\($0)") }
        }
        var findings = builder.buildfile.warnings.map { PackageCheck.Finding(.warn, "buildfile", "\($0)") }
        var files = PackageFiles(folder: builder.folder, excludes: builder.buildfile.excludes, omitted: [])
        for pattern in builder.buildfile.includes {
            do {
                guard try !files.include(pattern) else { continue }
                // The commands may make it.
                let level: PackageCheck.Level = builder.buildfile.preBuildCommands.isEmpty ? .fail : .warn
                let more = level == .warn ? "; pre_build_cmds must make it" : ""
                let error = PackageBuildError.noSuchFiles([pattern], folder: builder.folder)
                findings.append(PackageCheck.Finding(level, "includes", "\(error)\(more)"))
            } catch let error as PackageBuildError {
                findings.append(PackageCheck.Finding(.fail, "includes", "\(error)"))
            }
        }
        if !findings.contains(where: { $0.level == .fail }) {
            findings.append(PackageCheck.Finding(.pass, "buildfile", "it makes \(builder.fileName)"))
        }
        return findings
    }

    private static func nameFinding(_ fileName: String) -> [PackageCheck.Finding] {
        do { _ = try PackageName.parse(fileName) } catch { return [PackageCheck.Finding(.fail, "name", "\(error)")] }
        return []
    }

    /// TMPDIR, else /tmp.
    private static var temporaryPlace: String {
        let place = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return place.isEmpty ? "/tmp" : place
    }

    /// What the names of its folders begin with.
    static let folderPrefix = FileTree.trashPrefix + "gwe-check-"

    private static func temporaryFolder(below place: String) throws(SystemError) -> String {
        var template = Array("\(place)/\(folderPrefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .last("create folder in \(place)") }
        return String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func gather(_ path: String, in root: String, into contents: inout PackageCheck.Contents) throws {
        for name in try FileTree.list(path.isEmpty ? root : root + "/" + path) {
            let inner = path.isEmpty ? name : path + "/" + name
            let place = root + "/" + inner
            var status = stat()
            // A name that is no UTF-8 cannot be looked at by its text; it is none of those that matter here.
            guard lstat(place, &status) == 0 else { continue }
            var file = PackageCheck.File(path: inner, kind: .file, mode: UInt32(status.st_mode) & 0o7777)
            switch status.st_mode & S_IFMT {
            case S_IFDIR: file.kind = .folder
            case S_IFLNK:
                file.kind = .link
                // A gateway reads the file behind it.
                if PackageCheck.readPaths.contains(inner), !inner.hasSuffix(".sh"),
                    let text = try? AtomicFile.read(place, limit: PackageCheck.textLimit)
                {
                    contents.texts[inner] = text
                }
            default:
                let beginning = try head(place, count: PackageCheck.headByteCount)
                file.architecture = Architecture.ofELF(beginning)
                file.firstLine = PackageCheck.firstLine(beginning)
                if PackageCheck.readPaths.contains(inner) {
                    // Of a script the beginning is enough: it may carry an archive behind its last line.
                    contents.texts[inner] = try head(
                        place, count: inner.hasSuffix(".sh") ? 65_536 : PackageCheck.textLimit + 1)
                }
            }
            contents.files.append(file)
            if file.kind == .folder { try gather(inner, in: root, into: &contents) }
        }
    }

    /// The first bytes of a file.
    private static func head(_ path: String, count: Int) throws(SystemError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw .last("open \(path)") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: count)
        while bytes.count < count {
            let got = read(descriptor, &piece, count - bytes.count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .last("read \(path)") }
            if got == 0 { break }
            bytes += piece.prefix(got)
        }
        return bytes
    }
}
