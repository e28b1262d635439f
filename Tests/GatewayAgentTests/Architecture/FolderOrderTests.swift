import Foundation
import Testing

/// The corridors of the house: inside a target, folders have an order, and a file names only types and members of its own
/// folder and of folders below. The order stands in `docs/architecture.md`, where people read it too.
@Suite("The order of the folders") struct FolderOrderTests {
    typealias SourceFile = ArchitectureTests.SourceFile

    /// A target's folders, bottom first; "root" stands for the files that lie in none.
    struct Order: Sendable, CustomTestStringConvertible {
        var target: String
        var folders: [String]

        func rank(of file: SourceFile) -> Int? { folders.firstIndex(of: Order.folder(of: file)) }

        static func folder(of file: SourceFile) -> String {
            let parts = file.path.split(separator: "/")
            return parts.count > 3 ? String(parts[2]) : "root"
        }

        var testDescription: String { target }
    }

    /// The rows ``| `Target` | Folder → Folder → … |`` of the page.
    static func orders(in page: String) -> [Order] {
        page.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 2, cells[0].hasPrefix("`"), cells[1].contains("→") else { return nil }
            let folders = cells[1].components(separatedBy: "→").map {
                $0.trimmingCharacters(in: CharacterSet(charactersIn: " `"))
            }
            return Order(target: cells[0].trimmingCharacters(in: ["`"]), folders: folders)
        }
    }

    static func orders() throws -> [Order] {
        let page = ArchitectureTests.root.appending(path: "docs/architecture.md")
        return orders(in: try String(contentsOf: page, encoding: .utf8))
    }

    /// A name that is declared in a file.
    struct Declaration: Hashable {
        enum Kind: Hashable {
            /// A type at the left margin, which the whole target sees.
            case type
            case nestedType
            /// A member that an extension of this type adds.
            case addition(to: String)
            case other
        }

        var name: String
        var kind: Kind
    }

    static func declarations(of file: SourceFile) -> [Declaration] {
        let modifiers =
            #"(?:@\w+(?:\([^)]*\))? )*(?:(?:public|internal|package|final|indirect|static|mutating|override|borrowing|consuming|convenience) )*"#
        guard let type = try? Regex("^( *)\(modifiers)(?:struct|class|enum|protocol|typealias) (\\w+)"),
            let member = try? Regex("^( *)\(modifiers)(?:func|var|let|case) `?(\\w+)"),
            let foreign = try? Regex("^(?:(?:public|package|internal) )?extension (\\w+)")
        else { return [] }
        var extended: String?
        return file.lines.compactMap { line in
            if let match = line.firstMatch(of: foreign) { extended = match.output[1].substring.map(String.init) }
            if line.hasPrefix("}") { extended = nil }
            if let match = line.firstMatch(of: type), let name = match.output[2].substring {
                return Declaration(
                    name: String(name), kind: match.output[1].range?.isEmpty == true ? .type : .nestedType)
            }
            guard let match = line.firstMatch(of: member), let name = match.output[2].substring else { return nil }
            let isMember = match.output[1].substring?.count == 4
            return Declaration(
                name: String(name), kind: isMember ? extended.map { .addition(to: $0) } ?? .other : .other)
        }
    }

    /// Where a file names what a folder above it declares: `path:line names Type (path of the type)`. A member counts where
    /// an extension adds it to a type that lies lower, and nothing else in the package has its name.
    static func violations(of order: Order, among files: [SourceFile], elsewhere: Set<String> = []) -> [String] {
        let declared = files.map { ($0, declarations(of: $0)) }
        var types: [String: SourceFile] = [:]
        var uses: [String: Int] = [:]
        for (file, declarations) in declared {
            for declaration in declarations {
                uses[declaration.name, default: 0] += 1
                if declaration.kind == .type { types[declaration.name] = file }
            }
        }
        var additions: [String: SourceFile] = [:]
        for (file, declarations) in declared {
            for declaration in declarations where uses[declaration.name] == 1 && !elsewhere.contains(declaration.name) {
                guard case .addition(let type) = declaration.kind, let place = types[type],
                    let low = order.rank(of: place), let high = order.rank(of: file), low < high
                else { continue }
                additions[declaration.name] = file
            }
        }
        var found: [String] = []
        for (file, own) in declared {
            guard let rank = order.rank(of: file) else { continue }
            let nested = Set(own.filter { $0.kind == .nestedType }.map(\.name))
            for (index, line) in file.lines.enumerated() {
                for word in words(of: line) {
                    let isType = word.name.first?.isUppercase == true
                    if isType, word.isMember || nested.contains(word.name) { continue }
                    if !isType, !word.isMember { continue }
                    guard let place = isType ? types[word.name] : additions[word.name],
                        let there = order.rank(of: place), there > rank
                    else { continue }
                    found.append("\(file.path):\(index + 1) names \(word.name) (\(place.path))")
                }
            }
        }
        return found
    }

    /// The identifiers of a line of code; `isMember`: a dot stands before it.
    private static func words(of line: String) -> [(name: String, isMember: Bool)] {
        var result: [(String, Bool)] = []
        var word = ""
        var isMember = false
        var previous: Character = " "
        for character in line + " " {
            if character.isLetter || character.isNumber || character == "_" {
                if word.isEmpty { isMember = previous == "." }
                word.append(character)
            } else if !word.isEmpty {
                result.append((word, isMember))
                word = ""
            }
            previous = character
        }
        return result
    }

    @Test("every target that is large enough to get lost in has an order")
    func targets() throws {
        let names = try Self.orders().map(\.target)
        #expect(names == ["GatewayModel", "Wire", "GatewaySystem", "DeviceClient", "GatewayAgent", "gwe"])
    }

    @Test("the order names each folder once, and every folder")
    func complete() throws {
        for order in try Self.orders() {
            let files = try ArchitectureTests.sources().filter { $0.target == order.target }
            #expect(Set(order.folders).count == order.folders.count)
            #expect(Set(files.map(Order.folder)) == Set(order.folders), "\(order.target)")
        }
    }

    @Test("no file names a type, or a member, of a folder above its own")
    func order() throws {
        let sources = try ArchitectureTests.sources()
        for order in try Self.orders() {
            let files = sources.filter { $0.target == order.target }
            let others = sources.filter { $0.target != order.target }.flatMap(Self.declarations).map(\.name)
            let violations = Self.violations(of: order, among: files, elsewhere: Set(others))
            #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
            let cycles = violations.isEmpty ? "0 cycles" : "\(violations.count) references upwards"
            print(
                "architecture: \(order.target): \(order.folders.joined(separator: " → ")): \(files.count) files, \(cycles)"
            )
        }
    }

    @Test("the check finds a type and an added member of a folder above, and passes over comments and what lies below")
    func canFail() {
        let order = Order(target: "T", folders: ["root", "Low", "High"])
        func file(_ path: String, _ text: String) -> SourceFile {
            SourceFile(target: "T", path: "Sources/T/\(path)", lines: ArchitectureTests.code(of: text))
        }
        let files = [
            file("Root.swift", "struct Root {}"),
            file(
                "Low/Low.swift",
                "struct Low {\n    let a: Root\n    let b = High.made // High\n    func c() { a.raised() }\n}"),
            file(
                "High/High.swift",
                "struct High {\n    static let made = Low()\n}\nextension Root {\n    func raised() {}\n}"),
        ]
        #expect(
            Self.violations(of: order, among: files) == [
                "Sources/T/Low/Low.swift:3 names High (Sources/T/High/High.swift)",
                "Sources/T/Low/Low.swift:4 names raised (Sources/T/High/High.swift)",
            ])
        let page = "| target | folders |\n|---|---|\n| `T` | root → Low → `High` |\n"
        #expect(Self.orders(in: page).map(\.folders) == [["root", "Low", "High"]])
    }
}
