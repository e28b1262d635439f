public import Documents

/// The file that supervisord is given for an app: a package's `supervisor.conf` as Gateway Engine wrote it to
/// `conf.d/<app>.conf`. The section `[supervisord]` becomes `[program:<app>]`; every line of it stays as its author wrote
/// it; what has to be said besides stands below, where supervisord's parser lets the later of two equal keys win
/// (configparser with `strict=False`).
///
/// Added are: Gateway Engine's defaults for keys that are missing (`command`, which then always fails, `redirect_stderr`,
/// `stdout_logfile`, its maxbytes and backups), `directory`, the variables that gwe gives its apps, and the keys of the
/// manifest's `service`. Three things cannot stay as they were written, because supervisord would take them from its own
/// folder where gwe takes them from the release: `%(here)s`, a relative `directory` and a relative program (which
/// supervisord would not find at all). Other sections of the package are left out.
public struct SupervisordProgram: Sendable, Hashable {
    /// The whole text of the file.
    public let text: String

    /// - Parameters:
    ///   - supervisorConf: nil for a package that has none, and only a `service`.
    ///   - override: the manifest's or `app.yaml`'s `service`; its keys win.
    /// - Throws: what supervisord's grammar has no form for, such as a variable with a line break in it.
    public init(
        app: AppName, supervisorConf: String?, override: ServiceOverride?, context: ServiceContext
    ) throws(DocumentError) {
        let source = "supervisor.conf"
        let authored = supervisorConf ?? "[supervisord]\n"
        let sections = try PackageServiceFileLines(authored, source: source).sections
        let (section, _) = try PackageServiceFileSections.program(of: sections, source: source)
        var options: [String: String] = [:]
        for option in section.options { options[option.name] = option.value }
        var additions = SupervisordProgramAdditions(app: app, options: options, context: context, source: source)
        try additions.make(override, restartsAlways: supervisorConf == nil)

        var lines = SupervisordProgram.lines(of: section.name, in: authored)
        let kept = lines.joined(separator: "\n")
        if (try? PackageServiceFileLines("[program]\n" + kept, source: source).sections.map(\.options.count))
            != [section.options.count]
        {
            // Written so that lines do not tell what belongs to what: the keys then, without their comments.
            lines = section.options.map { "\($0.name)=\(SupervisordProgram.folded($0.value))" }
        }
        let head = [SupervisordProgram.mark + context.release, "[program:\(app)]"]
        let tail = additions.lines.isEmpty ? [] : ["; added by gwe:"] + additions.lines
        text = (head + lines + tail).joined(separator: "\n") + "\n"
    }

    private static let mark = "; written by gwe, changes are lost; release "

    /// The release that a file was written for; nil when gwe did not write it.
    public static func release(of text: String) -> String? {
        guard text.hasPrefix(mark) else { return nil }
        return String(text.dropFirst(mark.count).prefix { !$0.isNewline })
    }

    /// A value of several lines as one that stays one.
    static func folded(_ value: String) -> String {
        value.split(separator: "\n").joined(separator: "\n\t")
    }

    /// The lines below the program's headers, without those of other sections.
    private static func lines(of program: String, in text: String) -> [String] {
        var lines: [String] = []
        var isInside = false
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            let trimmed = PackageServiceFileLines.trimmed(line)
            if trimmed.hasPrefix("["), let end = trimmed.lastIndex(of: "]") {
                isInside = trimmed[trimmed.index(after: trimmed.startIndex)..<end] == program
            } else if isInside {
                lines.append(String(line))
            }
        }
        while lines.last?.allSatisfy(\.isWhitespace) == true { lines.removeLast() }
        return lines
    }
}

extension SupervisordProgram {
    /// The programs that a file of supervisord's defines, and whether it has no other sections; none when it cannot be read.
    public static func programs(in text: String) -> (names: [String], isAlone: Bool) {
        guard let sections = try? PackageServiceFileLines(text, source: "").sections else { return ([], false) }
        let programs = sections.filter { $0.name.hasPrefix("program:") }
        return (programs.map { String($0.name.dropFirst("program:".count)) }, programs.count == sections.count)
    }

    /// The value of a key of a program as it is written there, `%(…)s` and all.
    public static func value(of key: String, ofProgram app: AppName, in text: String) -> String? {
        let sections = (try? PackageServiceFileLines(text, source: "").sections) ?? []
        return sections.first { $0.name == "program:\(app)" }?.options.last { $0.name == key }?.value
    }

    /// Whether a file that gwe did not write makes supervisord run the same process in the same way: then the one that
    /// runs may stay. What gwe alone adds (its variables, the working folder) is no difference.
    public static func isEquivalent(_ text: String, to foreign: String, app: AppName) -> Bool {
        func options(_ text: String) -> [String: String]? {
            guard let sections = try? PackageServiceFileLines(text, source: "").sections,
                let section = sections.first(where: { $0.name == "program:\(app)" }), sections.count == 1
            else { return nil }
            return Dictionary(section.options.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        }
        guard var ours = options(text), var theirs = options(foreign) else { return false }
        if theirs["directory"] == nil { ours["directory"] = nil }
        func variables(_ options: inout [String: String]) -> [String: String]? {
            let text = options.removeValue(forKey: "environment") ?? ""
            return (try? PackageServiceFileEnvironment.parse(text))?.filter { !$0.key.hasPrefix("GWE_") }
        }
        guard let mine = variables(&ours), let other = variables(&theirs), mine == other else { return false }
        return ours == theirs
    }
}
