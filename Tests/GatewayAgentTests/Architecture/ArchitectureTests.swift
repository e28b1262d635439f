import Foundation
import TestSupport
import Testing

/// The arrows between the rooms of the house, checked against every source file: what Package.swift allows, and what
/// it cannot say.
@Suite("The architecture") struct ArchitectureTests {
    static let root = URL(fileURLWithPath: Repository.root)

    struct Target {
        var name: String
        var dependencies: Set<String>
    }

    struct SourceFile {
        var target: String
        /// From the package's root.
        var path: String
        /// Without comments and without what stands in string literals.
        var lines: [String]

        /// The modules of its import declarations: `public import struct A.B` imports `A`.
        var imports: [String] {
            lines.compactMap { (line: String) -> String? in
                let words = line.split(separator: " ").map(String.init)
                guard let index = words.firstIndex(of: "import"), index <= 3, index + 1 < words.count,
                    words[..<index].allSatisfy({ $0.first == "@" || ArchitectureTests.accessLevels.contains($0) })
                else { return nil }
                let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
                let module = words.dropFirst(index + 1).first { !kinds.contains($0) } ?? ""
                return module.split(separator: ".").first.map(String.init)
            }
        }

        /// `path:line` of each line that contains the text.
        func places(of text: String) -> [String] { places { $0.contains(text) } }

        func places(where isBad: (String) -> Bool) -> [String] {
            lines.enumerated().filter { isBad($0.element) }.map { "\(path):\($0.offset + 1)" }
        }
    }

    static let accessLevels = ["public", "internal", "package", "fileprivate", "private"]
    static let cModules = [
        "CYAML", "CCurl", "CSQLite", "CArchive", "CCrypto", "CInflate", "CMicroHTTP", "CMosquitto", "CLinux",
    ]
    /// What comes with the compiler and costs next to nothing.
    static let toolchainModules: Set<String> = ["Swift", "Glibc", "Synchronization"]
    static let productModules = ["argumentParser": "ArgumentParser"]

    /// The targets of Package.swift below Sources, with the modules they may import.
    static func targets() throws -> [Target] {
        let text = try String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
        let body = try #require(text.components(separatedBy: "targets: [\n").last)
        // A declaration begins at its kind and ends where the next one begins; quoted names and the two constants that
        // stand for products are its name and its dependencies.
        let kinds = [".executableTarget(", "library(", ".target(", "systemLibrary(", "tests("]
        var found: [Target] = []
        var chunk: [String] = []
        func close() {
            let text = chunk.joined(separator: "\n")
            chunk = []
            guard let kind = kinds.first(where: { text.contains($0) }), kind != "tests(",
                !text.contains("path: \"Tests/")
            else { return }
            let declared = text.components(separatedBy: kind).dropFirst().joined(separator: kind)
            let list = declared.components(separatedBy: "settings:")[0].components(separatedBy: "linker:")[0]
            var names = list.matches(of: /"([A-Za-z_-]+)"/).map { String($0.1) }
            guard !names.isEmpty else { return }
            let name = names.removeFirst()
            for (constant, module) in productModules where list.contains(constant) { names.append(module) }
            found.append(Target(name: name, dependencies: Set(names)))
        }
        for line in body.components(separatedBy: "\n") {
            let code = line.components(separatedBy: "//")[0].trimmingCharacters(in: .whitespaces)
            if kinds.contains(where: code.hasPrefix) { close() }
            chunk.append(code)
        }
        close()
        return found
    }

    /// Every source file of the package, read once.
    static func sources() throws -> [SourceFile] { try all.get() }

    private static let all = Result { try readSources() }

    private static func readSources() throws -> [SourceFile] {
        let folder = root.appendingPathComponent("Sources")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        return try paths.sorted().map { path in
            let text = try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
            let target = path.components(separatedBy: "/")[0]
            return SourceFile(target: target, path: "Sources/\(path)", lines: code(of: text))
        }
    }

    /// The lines of a source without comments and literals, so that prose is never taken for code.
    static func code(of text: String) -> [String] {
        var inText = false
        return text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            if String(line)?.contains("\"\"\"") == true {
                inText.toggle()
                return ""
            }
            if inText { return "" }
            var result: [UInt8] = []
            var isQuoted = false
            var previous = UInt8(ascii: " ")
            for byte in line {
                if byte == UInt8(ascii: "\""), previous != UInt8(ascii: "\\") { isQuoted.toggle() }
                if !isQuoted, byte == UInt8(ascii: "/"), previous == byte {
                    result.removeLast()
                    break
                }
                if !isQuoted { result.append(byte) }
                previous = previous == UInt8(ascii: "\\") && byte == previous ? UInt8(ascii: " ") : byte
            }
            return String(decoding: result, as: UTF8.self)
        }
    }

    @Test("Package.swift is understood: every folder of Sources is a target with its arrows")
    func targetsAreFound() throws {
        let targets = try Self.targets()
        let names = Set(targets.map(\.name))
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appendingPathComponent("Sources").path)
        let examples = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appendingPathComponent("Examples").path
        ).filter { !$0.contains(".") }
        #expect(names == Set(folders + examples))
        #expect(!targets.contains { $0.dependencies.contains("TestSupport") }, "what the tests share is theirs alone")
        #expect(targets.filter { examples.contains($0.name) }.allSatisfy { $0.dependencies == ["DeviceClient"] })
        let byName = Dictionary(uniqueKeysWithValues: targets.map { ($0.name, $0.dependencies) })
        #expect(byName["Documents"] == [])
        #expect(byName["GatewayModel"] == ["Documents"])
        #expect(byName["GatewaySystem"]?.isSuperset(of: Self.cModules) == true)
        #expect(byName["gwe"]?.contains("ArgumentParser") == true)
        #expect(byName["Wire"] == ["Documents", "GatewayModel"])
        #expect(byName["GatewayAgent"] == ["Documents", "GatewayModel", "Wire", "GatewaySystem", "DeviceClient"])
        #expect(
            byName["MuranoSandbox"]?.contains("Wire") == false, "the stand-in cloud stays a stranger, so that it tests")
    }

    @Test("no source file imports against the arrows")
    func arrows() throws {
        let allowed = Dictionary(uniqueKeysWithValues: try Self.targets().map { ($0.name, $0.dependencies) })
        var count = 0
        for file in try Self.sources() {
            for module in file.imports {
                count += 1
                var permitted = (allowed[file.target] ?? []).union(Self.toolchainModules)
                if file.target == "MuranoSandbox" { permitted.insert("Foundation") }
                #expect(permitted.contains(module), "\(file.path) imports \(module)")
            }
        }
        #expect(count > 200, "the imports were not found")
    }

    @Test("values have no I/O: Documents, GatewayModel and Wire import no system")
    func purity() throws {
        for file in try Self.sources() where ["Documents", "GatewayModel", "Wire"].contains(file.target) {
            let pure = file.target == "Wire" ? ["Documents", "GatewayModel"] : ["Documents"]
            #expect(file.imports.allSatisfy(pure.contains), "\(file.path) imports \(file.imports)")
        }
    }

    @Test("C modules are imported by GatewaySystem alone", arguments: cModules)
    func importersOfC(module: String) throws {
        let importers = Set(try Self.sources().filter { $0.imports.contains(module) }.map(\.target))
        #expect(importers == ["GatewaySystem"])
    }

    @Test("the stand-in cloud's TLS stays out of the gateway")
    func sandboxTLS() throws {
        let importers = Set(try Self.sources().filter { $0.imports.contains("CTLSServer") }.map(\.target))
        #expect(importers == ["MuranoSandbox"])
        let users = try Self.targets().filter { !$0.dependencies.isDisjoint(with: ["CTLSServer", "MuranoSandbox"]) }
        #expect(Set(users.map(\.name)) == ["MuranoSandbox", "murano-sandbox"])
    }

    @Test("Foundation and what pulls ICU in stay out of the gateway's programs")
    func foundation() throws {
        for file in try Self.sources() where file.target != "MuranoSandbox" {
            let heavy = file.imports.filter { $0.hasPrefix("Foundation") }
            #expect(heavy.isEmpty, "\(file.path) imports \(heavy)")
        }
    }

    @Test("nothing traps on purpose", arguments: ["try!", "fatalError(", "as!", "preconditionFailure("])
    func traps(text: String) throws {
        for file in try Self.sources() {
            #expect(file.places(of: text).isEmpty, "\(file.places(of: text)) say \(text)")
        }
    }

    @Test("nothing is unwrapped by force")
    func forcedUnwrapping() throws {
        for file in try Self.sources() {
            // A name, a call, a subscript or an optional chain, then `!`, and neither `!=` nor a declared `Type!`.
            let places = file.places { $0.contains("!") && $0.contains(/[A-Za-z0-9_\)\]\?]!(?!=)/) }
            #expect(places.isEmpty, "\(places)")
        }
    }

    /// Types that wrap what the compiler cannot see is safe, each with its own lock or owner; a new one needs a reason.
    /// `Service` and `LogChannel` belong to the event loop's thread, and `LoopOwned` checks that.
    static let uncheckedSendable = [
        "Sources/GatewayAgent/Daemon/Daemon.swift", "Sources/GatewayAgent/Supervision/LogChannel.swift",
        "Sources/GatewayAgent/Supervision/Service.swift", "Sources/GatewaySystem/Database/DatabaseConnection.swift",
        "Sources/GatewaySystem/Events/EventLoopOwner.swift", "Sources/GatewaySystem/Events/Lock.swift",
        "Sources/GatewaySystem/Events/Monitor.swift", "Sources/GatewaySystem/Server/HTTPServerAcceptor.swift",
        "Sources/GatewaySystem/Server/LocalHTTPServer.swift",
    ]

    @Test("Sendable is left to the compiler, but for the few that are listed")
    func sendability() throws {
        let files = try Self.sources().filter { !$0.places(of: "@unchecked Sendable").isEmpty }.map(\.path)
        #expect(files == Self.uncheckedSendable)
    }

    @Test("every lock is one that ThreadSanitizer knows")
    func locks() throws {
        for file in try Self.sources() where !file.path.hasSuffix("Events/Lock.swift") {
            #expect(file.places(of: "Mutex(").isEmpty, "\(file.places(of: "Mutex(")): use Lock")
        }
    }

    @Test("gwe is synchronous: no async, no await, no actor outside of the sandbox")
    func synchronous() throws {
        for file in try Self.sources() where file.target != "MuranoSandbox" {
            let words: Set<Substring> = ["async", "await", "actor"]
            let places = file.places { line in
                line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.contains(where: words.contains)
            }
            #expect(places.isEmpty, "\(places)")
        }
    }

    @Test("the checks find what they look for")
    func checksCanFail() {
        let text = """
            internal import struct Foundation.Data // import Nothing
            let a = "try! fatalError(" // x!
            let b = c!.d
            """
        let file = SourceFile(target: "gwe", path: "x", lines: Self.code(of: text))
        #expect(file.imports == ["Foundation"])
        #expect(file.places(of: "try!").isEmpty)
        #expect(file.places { $0.contains(/[A-Za-z0-9_\)\]\?]!(?!=)/) } == ["x:3"])
    }
}
