public import Documents

/// Gateway Engine's buildfile: how a package is put together. JSON with the keys name, version, includes, excludes,
/// pre_build_cmds and post_build_cmds.
public struct Buildfile: Sendable, Hashable {
    /// The app; with `version` it makes the name of the package.
    public var name: AppName
    /// The label that goes into the name of the package.
    public var version: Version
    /// Files, folders and patterns, relative to the buildfile's folder.
    public var includes: [String]
    /// Patterns of what is left out again.
    public var excludes: [String]
    /// Shell commands that run before the files are collected, in the buildfile's folder.
    public var preBuildCommands: [String]
    /// Shell commands that run when the tarball is there.
    public var postBuildCommands: [String]
    /// Unknown keys. Not an error, because the format was never written down in full.
    public var warnings: [DocumentError] = []

    /// A buildfile by hand; `decode(_:source:)` reads one.
    public init(
        name: AppName, version: Version, includes: [String], excludes: [String] = [], preBuildCommands: [String] = [],
        postBuildCommands: [String] = []
    ) {
        self.name = name
        self.version = version
        self.includes = includes
        self.excludes = excludes
        self.preBuildCommands = preBuildCommands
        self.postBuildCommands = postBuildCommands
    }

    static let keys = ["name", "version", "includes", "excludes", "pre_build_cmds", "post_build_cmds"]

    /// Reads a buildfile. All that is wrong is thrown together.
    ///
    /// A version may be a number, as people wrote it; its text is kept, so that `1.10` stays 1.10.
    public static func decode(_ node: Node, source: String) throws(DocumentErrors) -> Buildfile {
        let problems = Problems(source: source)
        let known = node.entries.map { entries in entries.filter { keys.contains($0.key) } }
        let root = Field(known.map { Node(.mapping($0), at: node.mark) } ?? node, problems: problems)
        guard let fields = Fields(root, keys: keys) else { throw try thrown(problems, source) }

        func required<Value>(_ key: String, _ read: (Field) -> Value?) -> Value? {
            guard let field = fields.field(key) else {
                let near = node.entries?.map(\.key).first { word in
                    !keys.contains(word) && Suggestion.nearest(to: word, among: keys) == key
                }
                let hint = near.map {
                    ": did you mean \(DocumentText.quoted(key)) in place of \(DocumentText.quoted($0))?"
                }
                fields.report("the key \(key) is missing\(hint ?? "")")
                return nil
            }
            return read(field)
        }
        let name = required("name") { $0.appName() }
        let version = required("version", version)
        let includes = required("includes") { strings($0) } ?? []
        if fields.field("includes") != nil, includes.isEmpty, problems.isEmpty {
            fields.field("includes")?.report("the list is empty: a package without files does nothing")
        }
        for (index, path) in includes.enumerated() {
            guard let problem = pathProblem(path) else { continue }
            fields.field("includes")?.list()?[index].report(problem)
        }
        let excludes = fields.field("excludes").flatMap { strings($0) } ?? []
        let before = fields.field("pre_build_cmds").flatMap { strings($0) } ?? []
        let after = fields.field("post_build_cmds").flatMap { strings($0) } ?? []
        guard problems.isEmpty, let name, let version else { throw try thrown(problems, source) }

        var buildfile = Buildfile(
            name: name, version: version, includes: includes, excludes: excludes, preBuildCommands: before,
            postBuildCommands: after)
        for entry in node.entries ?? [] where !keys.contains(entry.key) {
            let hint = Fields.hint(for: entry.key, among: keys)
            let message = "unknown key \(DocumentText.quoted(entry.key)) is ignored; \(hint)"
            buildfile.warnings.append(DocumentError(source: source, mark: entry.keyMark, message: message))
        }
        return buildfile
    }

    /// The collected problems as the error to throw.
    private static func thrown(_ problems: Problems, _ source: String) throws(DocumentErrors) -> DocumentErrors {
        try problems.throwIfAny()
        return DocumentErrors(DocumentError(source: source, mark: nil, message: "cannot be read"))
    }

    private static func version(_ field: Field) -> Version? {
        guard field.node.wholeNumber != nil || field.node.string == nil, let text = field.node.text else {
            return field.version()
        }
        guard field.node.bool == nil, let version = Version(text) else { return field.version() }
        return version
    }

    /// A list of strings; one string stands for a list of one.
    private static func strings(_ field: Field) -> [String]? {
        if let text = field.node.string { return [text] }
        if case .null = field.node.value { return [] }
        return field.list("a list of strings")?.compactMap { $0.string() }
    }

    /// Why a path cannot be put into a package.
    private static func pathProblem(_ path: String) -> String? {
        if path.isEmpty { return "expected a path, found an empty string" }
        if path.hasPrefix("/") { return "expected a path relative to the buildfile, found '\(path)'" }
        if path.split(separator: "/").contains("..") {
            return "'\(path)' leads out of the buildfile's folder; copy it in with pre_build_cmds"
        }
        return nil
    }

    /// A first buildfile, with the defaults that Gateway Engine's prompt had.
    public static func template(name: AppName, version: Version) -> String {
        JSONValue.object([
            ("name", .string(name.text)), ("version", .string(version.text)),
            ("includes", ["install.sh", "supervisor.conf"]), ("excludes", []), ("pre_build_cmds", []),
            ("post_build_cmds", []),
        ]).text(indented: true) + "\n"
    }
}
