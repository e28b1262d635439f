import Foundation

/// What docs/promises.md names.
struct PromiseNames {
    /// Promise and what checks it, by row.
    private let cells: [(promise: String, names: [String])]

    init(_ page: String) {
        cells = page.split(separator: "\n").compactMap { line in
            let columns = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard line.hasPrefix("| "), columns.count == 2, columns[0] != "promise" else { return nil }
            return (columns[0], columns[1].matches(of: /`([^`]+)`/).map { String($0.1) })
        }
    }

    var rows: Int { cells.count }

    /// Names of suites, scripts and files that are not there, and promises that nothing checks.
    func missing(suites: Set<String>, root: URL) -> [String] {
        let folders = ["Scripts/", "Benchmarks/", "Tests/", "Examples/"]
        return cells.flatMap { promise, names -> [String] in
            let places = names.filter { name in folders.contains(where: name.hasPrefix) }
            let tests = names.filter { $0.wholeMatch(of: /[A-Z][A-Za-z]*Tests/) != nil }
            if places.isEmpty, tests.isEmpty { return ["nothing checks: \(promise)"] }
            return tests.filter { !suites.contains($0) }
                + places.map { String($0.prefix { $0 != " " }) }.filter {
                    !FileManager.default.fileExists(atPath: root.appendingPathComponent($0).path)
                }
        }
    }
}

/// The names of suites of tests: of their types, and of files with tests of a suite that another file declares.
enum TestSuites {
    static func all() throws -> Set<String> {
        var names: Set<String> = []
        for path in try RepositoryFiles.all() where path.hasPrefix("Tests/") && path.hasSuffix(".swift") {
            names.insert(String(path.split(separator: "/").last?.dropLast(6) ?? ""))
            let text = try String(contentsOf: DocumentationPages.root.appendingPathComponent(path), encoding: .utf8)
            for match in text.matches(of: /@Suite[^\n]*?\n?[^\n]*?\b(?:struct|class|enum|actor) ([A-Za-z0-9_]+)/) {
                names.insert(String(match.1))
            }
            for match in text.matches(of: /(?m)^(?:final )?(?:struct|class|enum) ([A-Za-z0-9_]+Tests)\b/) {
                names.insert(String(match.1))
            }
        }
        return names
    }
}

/// The subcommands of gwe.
enum CommandNames {
    /// As the sources declare them: `status`, `config`, `config set`.
    static func declared() throws -> Set<String> {
        var names: [String: String] = [:]
        var children: [String: [String]] = [:]
        for path in try RepositoryFiles.all() where path.hasPrefix("Sources/gwe/") && path.hasSuffix(".swift") {
            let text = try String(contentsOf: DocumentationPages.root.appendingPathComponent(path), encoding: .utf8)
            let parts = text.components(separatedBy: "\nstruct ").dropFirst()
            for part in parts {
                let type = String(part.prefix { $0.isLetter || $0.isNumber })
                guard let name = part.firstMatch(of: /commandName: "([a-z-]+)"/) else { continue }
                names[type] = String(name.1)
                children[type] = part.matches(of: /([A-Z][A-Za-z]+)\.self/).map { String($0.1) }
            }
        }
        func walk(_ type: String, _ prefix: [String]) -> [String] {
            guard let name = names[type] else { return [] }
            let words = prefix + [name]
            let below = (children[type] ?? []).flatMap { walk($0, words) }
            return [words.joined(separator: " ")] + below
        }
        return Set((children["GWE"] ?? []).flatMap { walk($0, []) })
    }

    /// As a page names them: `gwe status` in code, in headings and in blocks of code.
    static func documented(_ page: String) -> Set<String> {
        let groups: Set<String> = ["config", "package"]
        var names: Set<String> = []
        for match in page.matches(of: /(?m)(?:`|^#+ |^)gwe ([a-z-]+)(?: ([a-z-]+)\b)?/) {
            let name = String(match.1)
            guard !name.hasPrefix("-"), name != "gdc" else { continue }
            names.insert(name)
            if groups.contains(name), let second = match.2 { names.insert("\(name) \(second)") }
        }
        return names
    }
}

/// The first table below the heading "Exit codes".
struct ExitCodeTable {
    var meanings: [Int32: String] = [:]

    init(_ page: String) {
        guard let section = page.components(separatedBy: "## Exit codes\n").dropFirst().first else { return }
        var hasBegun = false
        for line in section.split(separator: "\n", omittingEmptySubsequences: false) {
            guard line.hasPrefix("|") else {
                if hasBegun { return }
                continue
            }
            hasBegun = true
            let columns = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            if columns.count == 2, let code = Int32(columns[0]) { meanings[code] = columns[1] }
        }
    }
}
