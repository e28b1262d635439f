public import Documents

/// A package's `supervisor.conf` as supervisord would read it after Gateway Engine had made `[program:<app>]` of its
/// section `[supervisord]`, with the defaults that Gateway Engine filled in.
public struct PackageServiceFile: Sendable, Hashable {
    /// Of the first process, or the only one.
    public var definition: ServiceDefinition
    /// Of the other ones, in the order of their numbers.
    public var others: [ServiceDefinition]
    /// What keeps no app from running, and is not what its author most likely meant: keys that are unknown, or known and not
    /// honoured, text that is taken as a comment, words that only a shell would understand.
    public var warnings: [DocumentError]
    /// Variables that the file needs and whose values were not known.
    public var openVariables: Set<String>

    /// One a process; never empty.
    public var definitions: [ServiceDefinition] { [definition] + others }

    /// - Parameters:
    ///   - override: the manifest's or `app.yaml`'s `service`; its keys win. With a command there, the file needs none.
    ///   - isEnvironmentKnown: false where the gateway is another machine: then a variable that the context does not have is
    ///     no error. It stands as `$NAME`, and a value that would have to be a number or the like has its default.
    /// - Throws: what supervisord would refuse too, all of it, with the lines: a missing or second program section, a
    ///   missing command, a value out of its range, an expansion that names nothing.
    public static func parse(
        _ text: String, source: String, app: AppName, context: ServiceContext, override: ServiceOverride? = nil,
        isEnvironmentKnown: Bool = true
    ) throws(DocumentErrors) -> PackageServiceFile {
        let lines = PackageServiceFileLines(reading: text, source: source)
        guard lines.problems.isEmpty else { throw errors(lines.problems) }
        let section: PackageServiceFileLines.Section, warnings: [DocumentError]
        do throws(DocumentError) {
            (section, warnings) = try PackageServiceFileSections.program(of: lines.sections, source: source)
        } catch { throw DocumentErrors(error) }
        var reader = PackageServiceFileReader(
            section: section, source: source, app: app, context: context, isEnvironmentKnown: isEnvironmentKnown)
        reader.warnings = warnings
        var definitions = reader.definitions(commandNeeded: override?.command == nil)
        if let override {
            do throws(DocumentError) {
                for index in definitions.indices {
                    definitions[index] = try definitions[index].applying(override, source: source)
                }
            } catch { reader.problems.append(error) }
        }
        guard reader.problems.isEmpty else { throw errors(reader.problems) }
        guard let first = definitions.first else {
            throw DocumentErrors(
                DocumentError(source: source, mark: section.mark, message: "expected a process, found none"))
        }
        return PackageServiceFile(
            definition: first, others: Array(definitions.dropFirst()), warnings: reader.warnings,
            openVariables: reader.openVariables)
    }

    /// In the order of the text; at most twenty, and how many more there are.
    private static func errors(_ problems: [DocumentError]) -> DocumentErrors {
        let start = Mark(line: 0, column: 0)
        let sorted = problems.sorted { $0.mark ?? start < $1.mark ?? start }
        return DocumentErrors(Array(sorted.prefix(20)), omittedCount: max(0, sorted.count - 20))
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
