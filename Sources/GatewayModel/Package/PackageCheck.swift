public import Documents

/// Finds what would fail on a gateway before a package is uploaded. A pure judgement of facts that were gathered
/// from the unpacked package.
public enum PackageCheck {
    public enum Level: String, Sendable, Hashable, CaseIterable {
        case pass, warn, fail

        /// As Gateway Engine printed it.
        public var label: String { "[\(rawValue.uppercased())]" }
    }

    public struct Finding: Sendable, Hashable {
        public var level: Level
        /// The part that was looked at: `install.sh`, `supervisor.conf`, `name`.
        public var subject: String
        public var message: String

        public init(_ level: Level, _ subject: String, _ message: String) {
            self.level = level
            self.subject = subject
            self.message = message
        }
    }

    /// A file of the package; the path is relative to where its content is, without a top folder.
    public struct File: Sendable, Hashable {
        public enum Kind: Sendable, Hashable { case file, folder, link }
        public var path: String
        public var kind: Kind
        /// Permission bits.
        public var mode: UInt32
        /// What the file was built for, if it is an ELF file of a known machine.
        public var architecture: Architecture?

        public init(path: String, kind: Kind, mode: UInt32, architecture: Architecture? = nil) {
            self.path = path
            self.kind = kind
            self.mode = mode
            self.architecture = architecture
        }

        var isExecutable: Bool { mode & 0o111 != 0 }
    }

    /// What was found in a package.
    public struct Contents: Sendable {
        public var fileName: String
        public var files: [File]
        /// The content of the small text files that gwe reads, by path; at most 64 KiB of each.
        public var texts: [String: [UInt8]]
        /// The one folder that everything lay under.
        public var topFolder: String?

        public init(fileName: String, files: [File], texts: [String: [UInt8]], topFolder: String? = nil) {
            self.fileName = fileName
            self.files = files
            self.texts = texts
            self.topFolder = topFolder
        }

        func file(_ path: String) -> File? { files.first { $0.path == path } }
    }

    /// The paths whose text the judgement wants to see.
    public static let readPaths = ["install.sh", "uninstall.sh", "supervisor.conf", AppYAML.fileName]

    /// - Parameters:
    ///   - machine: what the package is meant for, as of uname(2); nil where that is not known.
    ///   - yaml: reads YAML.
    public static func judge(_ contents: Contents, machine: String? = nil, yaml: DocumentReader) -> [Finding] {
        var judge = Judge(contents: contents, machine: machine)
        judge.name()
        judge.layout()
        judge.script("install.sh")
        judge.script("uninstall.sh")
        judge.appYAML(yaml)
        judge.supervisorConf()
        judge.reserved()
        judge.binaries()
        judge.purpose()
        return judge.findings
    }
}
