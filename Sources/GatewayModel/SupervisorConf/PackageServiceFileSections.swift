internal import Documents

/// Which section of a file is the program: a package is one app. Many a file is a whole `supervisord.conf`, whose
/// `[supervisord]` is about supervisord itself and not, as in Gateway Engine's packages, the program.
enum PackageServiceFileSections {
    typealias Section = PackageServiceFileLines.Section

    /// The keys of supervisord's own section (http://supervisord.org/configuration.html).
    static let daemonKeys: Set<String> = [
        "logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile", "umask", "nodaemon", "silent",
        "minfds",
        "minprocs", "nocleanup", "childlogdir", "user", "directory", "strip_ansi", "environment", "identifier",
    ]
    /// Of these, what supervisord hands on to its programs.
    private static let inherited = ["environment", "umask", "user"]

    /// The program, and notes about the sections that do not count.
    /// - Throws: no program, or more than one, with what to delete.
    static func program(of sections: [Section], source: String) throws(DocumentError) -> (Section, [DocumentError]) {
        var programs = sections.filter { isProgram($0.name) }
        var notes: [DocumentError] = []
        func note(_ section: Section, _ message: String) {
            notes.append(DocumentError(source: source, mark: section.mark, message: message))
        }
        for other in sections where !isProgram(other.name) {
            note(other, "section [\(other.name)] is ignored\(why(other))")
        }
        if let daemon = programs.firstIndex(where: { $0.name == "supervisord" }), programs.count > 1,
            programs[daemon].options.allSatisfy({ daemonKeys.contains($0.name) })
        {
            let section = programs.remove(at: daemon)
            let lost = inherited.filter { key in section.options.contains { $0.name == key } }
            let more =
                lost.isEmpty
                ? ""
                : "; what it says of \(lost.joined(separator: " and ")) does not count: put that below "
                    + "[\(programs[0].name)]"
            note(
                section,
                "section [supervisord] is ignored: beside [\(programs[0].name)] it is about supervisord itself\(more)")
        }
        guard let program = programs.first else {
            let found = sections.map { "[\($0.name)]" }.prefix(5).joined(separator: ", ")
            throw DocumentError(
                source: source, mark: Mark(line: 1, column: 1),
                message: "expected a section [supervisord]" + (found.isEmpty ? "" : ", found \(found)"))
        }
        if programs.count > 1 {
            let places = programs.dropFirst().map { "[\($0.name)] (line \($0.mark.line))" }.joined(separator: " and ")
            throw DocumentError(
                source: source, mark: programs[1].mark,
                message: "expected one section, found [\(programs[1].name)] beside [\(program.name)]; "
                    + "a package is one app: delete \(places), or [\(program.name)]")
        }
        return (program, notes)
    }

    static func isProgram(_ name: String) -> Bool { name == "supervisord" || name.hasPrefix("program:") }

    private static func why(_ section: Section) -> String {
        if section.name == "include" { return ": no other file is read" }
        let runs = ["eventlistener:", "fcgi-program:"].contains(where: section.name.hasPrefix)
        return runs ? ": its program is not run" : ""
    }
}
