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

/// The points at which a debug build can be killed.
enum FaultPointNames {
    static func declared() throws -> Set<String> {
        var names: Set<String> = []
        for path in try RepositoryFiles.all() where path.hasPrefix("Sources/") && path.hasSuffix(".swift") {
            let text = try String(contentsOf: DocumentationPages.root.appendingPathComponent(path), encoding: .utf8)
            names.formUnion(text.matches(of: /FaultPoint\.pass\("([a-z.]+)"\)/).map { String($0.1) })
        }
        return names
    }

    /// In the first column of the tables below the heading "Crash windows".
    static func documented(_ page: String) -> Set<String> {
        let section = page.components(separatedBy: "\n## Crash windows\n").dropFirst().first ?? ""
        var names: Set<String> = []
        for line in section.components(separatedBy: "\n## ")[0].split(separator: "\n") where line.hasPrefix("| `") {
            let column = line.split(separator: "|")[0]
            names.formUnion(column.matches(of: /`([a-z]+\.[a-z]+)`/).map { String($0.1) })
        }
        return names
    }
}

/// Folders and files of the sources that a page names in its tables: `GatewayModel/Plan`: `PlanMaker`.
struct Rooms {
    /// Folder and the files that are named after it.
    private let rooms: [(folder: String, files: [String])]

    private static let targets: Set<String> = {
        let folder = DocumentationPages.root.appendingPathComponent("Sources")
        return Set((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    }()

    init(_ page: String) {
        var found: [(String, [String])] = []
        for line in page.split(separator: "\n") where line.hasPrefix("|") {
            var folder: String?
            for part in line.matches(of: /`([^`]+)`|[;|]/) {
                guard let name = part.1.map(String.init) else {
                    folder = nil
                    continue
                }
                if name.wholeMatch(of: /(?:[A-Za-z]+\/)+[A-Za-z]+/) != nil,
                    Rooms.targets.contains(String(name.prefix { $0 != "/" }))
                {
                    found.append((name, []))
                    folder = name
                } else if folder != nil, name.wholeMatch(of: /[A-Z][A-Za-z]+(?:…|\+…)?/) != nil {
                    found[found.count - 1].1.append(name)
                }
            }
        }
        rooms = found
    }

    /// Folders, or files without their suffix, that are not there; a name that ends in `…` stands for all that begin so.
    func missing(below root: URL) -> [String] {
        rooms.flatMap { folder, files -> [String] in
            let url = root.appendingPathComponent("Sources/\(folder)")
            var isFolder: ObjCBool = false
            let isThere = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder.boolValue
            let isFile = FileManager.default.fileExists(atPath: url.path + ".swift")
            let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
            let missing = files.filter { file in
                if file.hasSuffix("…") { return !names.contains { $0.hasPrefix(file.dropLast()) } }
                return !names.contains("\(file).swift")
            }
            return (isThere || isFile ? [] : [folder]) + missing.map { "\($0) in \(folder)" }
        }
    }
}

/// The stations of a value on its way through the sources, as the page has them below "After".
struct Walk {
    let stations: [(file: String, function: String)]

    init(_ page: String) {
        let section = page.components(separatedBy: "### After\n").dropFirst().first ?? ""
        stations = section.split(separator: "\n").compactMap { line in
            guard let match = line.firstMatch(of: /^\| [0-9]+ \| `([^`]+)` \| `([A-Za-z]+)` \|/) else { return nil }
            return (String(match.1), String(match.2))
        }
    }

    func missing(below root: URL) -> [String] {
        stations.filter { file, function in
            let url = root.appendingPathComponent("Sources/\(file).swift")
            let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
            let forms =
                ["func \(function)(", "func \(function)<", "var \(function):"] + (function == "init" ? ["init("] : [])
            return !forms.contains { text.contains($0) }
        }.map { "\($0.function) in \($0.file)" }
    }
}

/// The locks that the page puts in order, `Type.member` in the first column below "Locks".
struct LockNames {
    let names: [(type: String, member: String)]

    init(_ page: String) {
        let section = page.components(separatedBy: "\n## Locks\n").dropFirst().first ?? ""
        names = section.components(separatedBy: "\n## ")[0].split(separator: "\n").filter { $0.hasPrefix("| `") }
            .flatMap { line in
                line.split(separator: "|")[0].matches(of: /`([A-Za-z]+)\.([A-Za-z]+)`/).map {
                    (String($0.1), String($0.2))
                }
            }
    }

    /// Those whose type no source declares together with such a member.
    func missing(in sources: [String]) -> [String] {
        names.filter { type, member in
            !sources.contains { text in
                ["class \(type)", "struct \(type)", "enum \(type)", "extension \(type)"].contains { text.contains($0) }
                    && ["let \(member)", "var \(member)"].contains { text.contains($0) }
            }
        }.map { "\($0.type).\($0.member)" }
    }
}
