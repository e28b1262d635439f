public import Documents

/// A package's `supervisor.conf` as supervisord would read it after Gateway Engine had made `[program:<app>]` of its
/// section `[supervisord]`, with the defaults that Gateway Engine filled in.
public struct PackageServiceFile: Sendable, Hashable {
    /// Of the first process, or the only one.
    public var definition: ServiceDefinition
    /// Of the other ones, in the order of their numbers.
    public var others: [ServiceDefinition]
    /// Keys that are unknown, or known and not honoured: nothing that keeps the app from running.
    public var warnings: [DocumentError]

    /// One a process; never empty.
    public var definitions: [ServiceDefinition] { [definition] + others }

    /// - Parameters:
    ///   - override: the manifest's or `app.yaml`'s `service`; its keys win. With a command there, the file needs none.
    /// - Throws: what supervisord would refuse too, with the line: a missing or second program section, a missing
    ///   command, a value out of its range, an expansion that names nothing.
    public static func parse(
        _ text: String, source: String, app: AppName, context: ServiceContext, override: ServiceOverride? = nil
    ) throws(DocumentError) -> PackageServiceFile {
        let lines = try PackageServiceFileLines(text, source: source)
        var warnings: [DocumentError] = []
        let programs = lines.sections.filter { $0.name == "supervisord" || $0.name.hasPrefix("program:") }
        for other in lines.sections where other.name != "supervisord" && !other.name.hasPrefix("program:") {
            warnings.append(.init(source: source, mark: other.mark, message: "section [\(other.name)] is ignored"))
        }
        guard let section = programs.first else {
            throw DocumentError(
                source: source, mark: Mark(line: 1, column: 1), message: "expected a section [supervisord]")
        }
        if programs.count > 1 {
            throw DocumentError(
                source: source, mark: programs[1].mark,
                message: "expected one section, found [\(programs[1].name)] beside [\(section.name)]")
        }
        var reader = PackageServiceFileReader(section: section, source: source, app: app, context: context)
        reader.warnings = warnings
        var definitions: [ServiceDefinition] = []
        for definition in try reader.definitions(commandNeeded: override?.command == nil) {
            definitions.append(
                try override.map { (override) throws(DocumentError) in
                    try definition.applying(override, source: source)
                } ?? definition)
        }
        guard let first = definitions.first else {
            throw DocumentError(source: source, mark: section.mark, message: "expected a process, found none")
        }
        return PackageServiceFile(
            definition: first, others: Array(definitions.dropFirst()), warnings: reader.warnings)
    }

    /// The variables of the environment that a text names in `%(ENV_X)s`; a few too many where it quotes a `%`.
    public static func variables(namedIn text: String) -> Set<String> {
        let parts = text.split(separator: "(", omittingEmptySubsequences: false).dropFirst()
        let names = parts.filter { $0.hasPrefix("ENV_") }.compactMap { part in
            part.firstIndex(of: ")").map { String(part[..<$0].dropFirst(4)) }
        }
        return Set(names)
    }
}
