import Documents
import GatewaySystem
import Testing

@Suite("The YAML reader")
struct YAMLTests {
    private func message(_ text: String, limits: DocumentLimits = .init()) -> String {
        do {
            return "read as \(try YAML.parse(text, source: "t", limits: limits).json.text())"
        } catch {
            return error.description
        }
    }

    @Test("each value and key knows its line and column, counted in characters")
    func marks() throws {
        let node = try YAML.parse("# c\nüx: [10,\n  x]\nb:\n  - k: \"v\"\n", source: "t")
        let entries = try #require(node.entries)
        #expect(entries.map(\.keyMark) == [Mark(line: 2, column: 1), Mark(line: 4, column: 1)])
        #expect(entries[0].node.mark == Mark(line: 2, column: 5))
        #expect(entries[0].node.elements?.map(\.mark) == [Mark(line: 2, column: 6), Mark(line: 3, column: 3)])
        #expect(entries[1].node.elements?.first?["k"]?.mark == Mark(line: 5, column: 8))
    }

    @Test("an empty text is null, and so is one of comments", arguments: ["", "# nothing\n", "---\n", "--- ~\n...\n"])
    func empty(text: String) throws {
        guard case .null = try YAML.parse(text, source: "t").value else {
            Issue.record("not null")
            return
        }
    }

    @Test(
        "quotes make strings, core tags are obeyed",
        arguments: [
            ("a: \"5\"", #"{"a":"5"}"#), ("a: 'true'", #"{"a":"true"}"#), ("a: 5", #"{"a":5}"#),
            ("a: !!str 5", #"{"a":"5"}"#), ("a: !!float 5", #"{"a":5.0}"#), ("a: ! 5", #"{"a":"5"}"#),
            ("a: |\n  x\n  y\n", #"{"a":"x\ny\n"}"#), ("a: >-\n  x\n  y\n", #"{"a":"x y"}"#),
            ("5: x", #"{"5":"x"}"#), ("%YAML 1.2\n---\na: yes", #"{"a":"yes"}"#), ("\u{FEFF}a: 1", #"{"a":1}"#),
            ("{a: [1, {b: c}]}", #"{"a":[1,{"b":"c"}]}"#),
        ])
    func values(text: String, json: String) {
        #expect(message(text) == "read as \(json)")
    }

    @Test(
        "what a document from outside must not have is refused with its place",
        arguments: [
            ("a: 1\nb: 2\na: 3", "t:3:1: a: duplicate key, first used in line 1"),
            ("x: {a: 1, \"a\": 2}", "t:1:11: x.a: duplicate key, first used in line 1"),
            (
                "a: &x 1\nb: *x",
                "t:1:4: a: the anchor &x is not supported: a few aliases can expand to gigabytes, so write the value out"
            ),
            (
                "a: *x",
                "t:1:4: a: the alias *x is not supported: a few aliases can expand to gigabytes, so write the value out"
            ),
            ("<<: {a: 1}", "t:1:1: merge keys (<<) are not supported: write the values out"),
            (
                "a: !!binary aGk=",
                "t:1:4: a: the tag \"tag:yaml.org,2002:binary\" is not supported: only YAML's core types are read"
            ),
            ("a: !Ref b", "t:1:4: a: the tag \"!Ref\" is not supported: only YAML's core types are read"),
            ("a: !!int x", "t:1:4: a: \"x\" is no !!int"),
            ("a: 1\n---\nb: 2", "t:2:1: a second document begins here: one text holds one document"),
            ("? [a]\n: 1", "t:1:3: a key must be a scalar, found a list"),
            ("a: \"x\\0\"", "t:1:4: a: a value cannot hold a NUL character"),
            ("a:\n\tb: 1", "t:2:1: a tab cannot indent YAML: use spaces"),
            (
                "a: 1\n  b: 2",
                "t:2:4: a key cannot stand here: check the indentation, or quote a value that holds \": \""
            ),
            ("a: b: c", "t:1:5: a key cannot stand here: check the indentation, or quote a value that holds \": \""),
            ("a:\n  - 1\n b: 2", "t:3:2: expected a key: check the indentation"),
            ("a: @x", "t:1:4: a plain value cannot begin with @: quote it"),
            ("a: [1, 2", "t:1:9: expected , or ] in this list"),
            ("a: \"x", "t:1:6: the text ends inside a quoted value"),
            ("a\nb: 1", "t:2:2: a key cannot stand here: check the indentation, or quote a value that holds \": \""),
        ])
    func refusals(text: String, expected: String) {
        #expect(message(text) == expected)
    }

    @Test("size, depth and number of values are bounded, whatever the text")
    func bounds() {
        #expect(
            message("[[[]]]", limits: .init(depth: 2)) == "t:1:3: [0][0]: nested too deeply, at most 2 levels are read")
        #expect(message("[1,2,3]", limits: .init(nodeCount: 3)) == "t:1:6: [2]: too many values, at most 3 are read")
        #expect(message(String(repeating: "a", count: 2_000_000)).contains("too long: 2000000 bytes"))
        for opening in ["[", "{a: ", "- "] {
            let text = String(repeating: opening, count: 1_000_000 / opening.utf8.count)
            #expect(message(text).contains("nested too deeply"), "\(opening)")
        }
        for opening in ["? ", "{? "] {
            let text = String(repeating: opening, count: 1_000_000 / opening.utf8.count)
            #expect(message(text).contains("a key must be a scalar"), "\(opening)")
        }
    }
}
