import Foundation
import TestSupport
import Testing

/// Documents that ended other programs, or meant another thing to them, by their public reports, given to
/// `gwe validate`. The log of all of them is docs/field-reports.md.
@Suite("Reports of other programs: documents") struct ReportedDocumentsTests {
    private func validate(_ text: String, _ name: String) throws -> Ran {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = "\(gateway.root)/\(name)"
        try gateway.write(text, to: path)
        return try gateway.gwe("validate", path)
    }

    private func refused(_ text: String, _ name: String, _ words: String) throws {
        let ran = try validate(text, name)
        #expect(ran.code == 65, "\(ran)")
        #expect((ran.out + ran.err).contains(words), "\(ran)")
    }

    @Test(
        "crystal-lang/crystal#6322, rust-works/succinctly#152, bug-ops/deps-lsp#173: deep nesting is refused, and ends nothing",
        arguments: ["manifest.yaml", "command.json", "keys.json"])
    func nesting(_ name: String) throws {
        let opened = String(repeating: "[", count: 100_000)
        let closed = String(repeating: "]", count: 100_000)
        let text =
            switch name {
            case "manifest.yaml": "schema: gwe/v1\napps: \(opened)\(closed)\n"
            case "command.json": "{\"install\": \(opened)\(closed)}"
            default: String(repeating: "{\"a\":", count: 5_000) + "1" + String(repeating: "}", count: 5_000)
            }
        try refused(text, name, "nested too deeply, at most 64 levels are read")
    }

    @Test(
        "moonbitlang/core#4049, maciejhirsz/json-rust#149, nurl-lang/nurl#1044: half a pair and NUL in a JSON text",
        arguments: [
            (#"a\ud800.v1"#, #"a lone surrogate \ud800 is no character"#),
            (#"a.v1\udc00"#, #"a lone surrogate \udc00 is no character"#),
            (#"a.v1\u00002"#, "a string cannot hold a NUL character"),
        ])
    func escapes(_ name: String, _ words: String) throws {
        try refused("{\"install\":[{\"name\":\"\(name).tar.gz\"}]}", "command.json", words)
    }

    @Test(
        "yaml/pyyaml#165, rbgirshick/yacs#17, nebari-dev/nebari#508, snowflakedb/ArcticTraining#85: of two equal keys none wins",
        arguments: [
            ("m.yaml", "schema: gwe/v1\napps:\n  a: {version: \"1\"}\n  a: {version: \"2\"}\n", "first used in line 3"),
            (
                "m.yaml", "schema: gwe/v1\napps:\n  a:\n    version: \"1\"\n    version: \"2\"\n",
                "first used in line 4"
            ),
            ("c.json", #"{"install":[{"name":"a.v1.tar.gz"}],"install":[]}"#, "first used in line 1"),
        ])
    func duplicates(_ name: String, _ text: String, _ words: String) throws {
        try refused(text, name, "duplicate key, \(words)")
    }

    @Test(
        "eemeli/yaml#205, jpsim/Yams#338, yaml/pyyaml#608: what readers of YAML disagree about is to be quoted",
        arguments: [
            ("version: 1.10", "quote it: \"1.10\""), ("version: 0777", "quote it: \"0777\""),
            ("version: 1e3", "quote it: \"1e3\""), ("version: true", "quote it: \"true\""),
            ("version: \"1\", hold: yes", "YAML 1.2 knows no other booleans"),
            ("version: \"1\", hold: no", "YAML 1.2 knows no other booleans"),
        ])
    func types(_ values: String, _ words: String) throws {
        try refused("schema: gwe/v1\napps:\n  a: {\(values)}\n", "m.yaml", words)
    }
}
