public import Documents

/// Finds what would fail on a gateway before a package is uploaded. A pure judgement of facts that were gathered
/// from the unpacked package.
public enum PackageCheck {
    /// How bad a finding is: it is as it should be, it may cause trouble, it fails on a gateway.
    public enum Level: String, Sendable, Hashable, CaseIterable {
        case pass, warn, fail

        /// As Gateway Engine printed it.
        public var label: String { "[\(rawValue.uppercased())]" }
    }

    /// One thing that was looked at, and what was found.
    public struct Finding: Sendable, Hashable {
        /// How bad it is.
        public var level: Level
        /// The part that was looked at: `install.sh`, `supervisor.conf`, `name`.
        public var subject: String
        /// What was found, and for a failure what to do; lower case, no full stop.
        public var message: String

        /// A finding with all its members.
        public init(_ level: Level, _ subject: String, _ message: String) {
            self.level = level
            self.subject = subject
            self.message = message
        }
    }

    /// A file of the package; the path is relative to where its content is, without a top folder.
    public struct File: Sendable, Hashable {
        /// What it is; a `link` is a symbolic one, and anything else is a `file`.
        public enum Kind: Sendable, Hashable { case file, folder, link }
        /// Relative, without `./`: `bin/web`.
        public var path: String
        /// Whether it is a file, a folder or a link.
        public var kind: Kind
        /// Permission bits.
        public var mode: UInt32
        /// What the file was built for, if it is an ELF file of a known machine.
        public var architecture: Architecture?
        /// The first line of a script as far as the kernel reads it, without its line feed; nil for any other file.
        public var firstLine: [UInt8]?

        /// A file as it lies in the unpacked package.
        public init(
            path: String, kind: Kind, mode: UInt32, architecture: Architecture? = nil, firstLine: [UInt8]? = nil
        ) {
            self.path = path
            self.kind = kind
            self.mode = mode
            self.architecture = architecture
            self.firstLine = firstLine
        }

        var isExecutable: Bool { mode & 0o111 != 0 }
    }

    /// What was found in a package.
    public struct Contents: Sendable {
        /// The name of the package itself, without a path.
        public var fileName: String
        /// All that was unpacked, folders and links included.
        public var files: [File]
        /// The content of the small text files that gwe reads, by path; at most `textLimit` and a byte of each.
        public var texts: [String: [UInt8]]
        /// The one folder that everything lay under.
        public var topFolder: String?

        /// What was found, put together by who unpacked it.
        public init(fileName: String, files: [File], texts: [String: [UInt8]], topFolder: String? = nil) {
            self.fileName = fileName
            self.files = files
            self.texts = texts
            self.topFolder = topFolder
        }

        func file(_ path: String) -> File? { files.first { $0.path == path } }
    }

    /// The paths whose text the judgement wants to see.
    public static let readPaths = ["install.sh", "uninstall.sh", "setup.py", "supervisor.conf", AppYAML.fileName]
    /// How much of a program the kernel looks at before it runs it (BINPRM_BUF_SIZE, linux/binfmts.h).
    public static let headByteCount = 256

    /// The first line of a script, from the beginning of its file; nil where that is none. One behind a byte order mark,
    /// which the kernel does not know, counts too.
    public static func firstLine(_ head: [UInt8]) -> [UInt8]? {
        let isScript = head.starts(with: "#!".utf8) || head.starts(with: byteOrderMark + Array("#!".utf8))
        return isScript ? Array(head.prefix { $0 != UInt8(ascii: "\n") }) : nil
    }

    static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Bytes of `supervisor.conf` and `app.yaml` that a gateway reads; it refuses a longer one.
    public static let textLimit = 1 << 20

    /// - Parameters:
    ///   - machine: what the package is meant for, as of uname(2); nil where that is not known.
    ///   - environment: gwe's own on the gateway, which `%(ENV_X)s` names; nil where that is not known.
    ///   - yaml: reads YAML.
    public static func judge(
        _ contents: Contents, machine: String? = nil, environment: [String: String]? = nil, yaml: DocumentReader
    ) -> [Finding] {
        var judge = Judge(contents: contents, machine: machine, environment: environment)
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
