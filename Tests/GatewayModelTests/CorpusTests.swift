import Documents
import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// A document of `Tests/Goldens/corpus` or `Manifests`: `…-fetch-…` is read as `engine_fetch`, the rest as a manifest.
struct CorpusDocument: Sendable, CustomTestStringConvertible {
    static let root = URL(fileURLWithPath: Repository.root)

    let url: URL
    var name: String { url.lastPathComponent }
    var isFetch: Bool { name.contains("fetch") }
    var isOtau: Bool { name.contains("otau") }
    var schema: String {
        isOtau ? "config_otau.schema.json" : isFetch ? "engine_fetch.schema.json" : "manifest.schema.json"
    }
    var isJSON: Bool { name.hasSuffix(".json") }
    var testDescription: String { name }

    static func all(_ folder: String) -> [CorpusDocument] {
        let folder = root.appendingPathComponent(folder)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".json") }.sorted()
            .map { CorpusDocument(url: folder.appendingPathComponent($0)) }
    }

    func bytes() throws -> [UInt8] { Array(try Data(contentsOf: url)) }

    /// nil when it is accepted, else its message.
    func refusal() throws -> String? {
        let bytes = try bytes()
        do throws(DocumentErrors) {
            if isOtau {
                _ = try ConfigOtau.decode(String(decoding: bytes, as: UTF8.self), source: name, yaml: YAML.read)
            } else if isFetch {
                _ = try EngineFetch.decode(String(decoding: bytes, as: UTF8.self), yaml: YAML.read)
            } else {
                _ = try ManifestDecoder.decode(bytes, source: name, kind: .local, yaml: YAML.read)
            }
            return nil
        } catch {
            return error.description
        }
    }

    /// The value as gwe's reader sees it; nil when the text is not well-formed.
    func document() throws -> JSONValue? {
        let bytes = try bytes()
        return try? (isJSON ? JSON.parse(bytes, source: name) : YAML.parse(bytes, source: name)).json
    }
}

@Suite("CorpusTests")
struct CorpusTests {
    @Test(
        "every bad document is refused with the words of its golden file",
        arguments: CorpusDocument.all("Tests/Goldens/corpus/bad"))
    func bad(document: CorpusDocument) throws {
        let refusal = try #require(try document.refusal(), "\(document.name) is accepted")
        let golden = document.url.deletingPathExtension().appendingPathExtension("expected")
        if ProcessInfo.processInfo.environment["GWE_UPDATE_GOLDENS"] == "1" {
            try (refusal + "\n").write(to: golden, atomically: true, encoding: .utf8)
        }
        #expect(refusal + "\n" == (try? String(contentsOf: golden, encoding: .utf8)))
    }

    @Test(
        "every good document and every example is accepted",
        arguments: CorpusDocument.all("Tests/Goldens/corpus/good") + CorpusDocument.all("Manifests"))
    func good(document: CorpusDocument) throws {
        #expect(try document.refusal() == nil)
    }

    @Test("the corpus is as large as it should be")
    func counts() {
        #expect(CorpusDocument.all("Tests/Goldens/corpus/bad").count >= 60)
        #expect(CorpusDocument.all("Tests/Goldens/corpus/good").count >= 20)
        #expect(CorpusDocument.all("Manifests").count >= 8)
    }

    @Test("every refusal says where: a line and column, or why there is none")
    func places() throws {
        for document in CorpusDocument.all("Tests/Goldens/corpus/bad") {
            let first = try #require(try document.refusal()?.split(separator: "\n").first)
            let source = document.isFetch ? "engine_fetch" : document.name
            #expect(first.hasPrefix("\(source):"), "\(first)")
            #expect(Int(first.dropFirst(source.count + 1).prefix { $0 != ":" }) != nil, "\(first)")
        }
    }

    @Test("decoder and JSON Schema agree on the whole corpus, by an independent validator")
    func schema() throws {
        var cases: [JSONValue] = []
        for folder in ["Tests/Goldens/corpus/bad", "Tests/Goldens/corpus/good", "Manifests"] {
            for document in CorpusDocument.all(folder) {
                var members: [(String, JSONValue)] = [
                    ("name", .string(document.name)),
                    ("schema", .string(document.schema)),
                    ("accepted", .bool(try document.refusal() == nil)),
                ]
                if let value = try document.document() { members.append(("document", value)) }
                cases.append(.object(members))
            }
        }
        let environment = ProcessInfo.processInfo.environment
        let kept = environment["GWE_CORPUS_OUT"].map { URL(fileURLWithPath: $0) }
        let scratch = TemporaryFolder()
        defer { withExtendedLifetime(scratch) {} }
        let folder = kept ?? URL(fileURLWithPath: scratch.path)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try JSONValue.array(cases).text().write(
            to: folder.appendingPathComponent("verdicts.json"), atomically: true, encoding: .utf8)

        let python = try #require(
            ["python3", "/usr/bin/python3"].first { (try? run([$0, "-c", "import jsonschema"]))?.status == 0 },
            "the Python package jsonschema is missing: Scripts/deps installs it (Debian: python3-jsonschema)")
        let root = CorpusDocument.root
        let result = try run([
            python, root.appendingPathComponent("Scripts/validate-corpus").path, folder.path,
            root.appendingPathComponent("Tests/Goldens/corpus/beyond-schema.txt").path,
            root.appendingPathComponent("Schemas").path,
        ])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("; 0 disagreements"))
    }

    private func run(_ command: [String]) throws -> (status: Int32, output: String) {
        let ran = try TestProcess.run("/usr/bin/env", command)
        return (ran.code ?? -1, ran.out + ran.err)
    }
}

@Suite("Large and hostile documents")
struct HostileDocumentTests {
    private func refusal(_ text: String) -> String {
        do {
            _ = try ManifestDecoder.decode(Array(text.utf8), source: "big.yaml", kind: .local, yaml: YAML.read)
            return "accepted"
        } catch {
            return error.description
        }
    }

    @Test("10 MB are refused before they are looked at")
    func tenMegabytes() {
        let text = "schema: gwe/v1\napps: {}\n" + String(repeating: "# filler\n", count: 1_165_000)
        #expect(refusal(text) == "big.yaml: the text is too long: \(text.utf8.count) bytes, at most 1048576 are read")
    }

    @Test("a megabyte of tiny values is refused by their number")
    func manyValues() {
        let text = "schema: gwe/v1\nx:\n" + String(repeating: "- \n", count: 300_000)
        #expect(refusal(text).hasSuffix("too many values, at most 65536 are read"))
    }

    @Test("a thousand apps are read")
    func thousandApps() throws {
        let apps = (0..<1_000).map {
            "  app\($0): {version: \"\($0)\", artifact: {size: 1}, requires: [], hold: false}\n"
        }
        let layer = try decodeManifest("schema: gwe/v1\napps:\n" + apps.joined())
        #expect(layer.apps.count == 1_000)
    }

    @Test("a long or wild text in a message is cut short and escaped")
    func wildText() {
        let message = refusal(
            "schema: gwe/v1\napps:\n  web: {state: \"\(String(repeating: "x", count: 5_000))\\n\\e[31m\"}\n")
        #expect(message.utf8.count < 300)
        #expect(!message.contains("\n") && !message.contains("\u{1B}"))
        #expect(refusal("schema: gwe/v1\n\"a\\nfake: line\\e[0m\": 1\n").contains(#""a\nfake: line\u001b[0m""#))
    }
}
