import Foundation

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
