import Documents
import Testing

@Suite("The JSON reader")
struct JSONTests {
    private func message(_ text: String, limits: DocumentLimits = .init()) -> String {
        do {
            return "read as \(try JSON.parse(text, source: "t", limits: limits).json.text())"
        } catch {
            return error.description
        }
    }

    @Test("every kind of value is read and written back the same")
    func roundTrip() throws {
        let text = #"{"a":[1,-2,3.5,true,false,null,"x\n\"ü😀"],"b":{},"c":[]}"#
        #expect(try JSON.parse(text, source: "t").json.text() == text)
    }

    @Test("each value and key knows its line and column, counted in characters")
    func marks() throws {
        let node = try JSON.parse("{\n  \"ü\": [10,\n    \"x\"]}", source: "t")
        let entry = try #require(node.entries?.first)
        #expect(entry.keyMark == Mark(line: 2, column: 3))
        #expect(entry.node.mark == Mark(line: 2, column: 8))
        #expect(entry.node.elements?.map(\.mark) == [Mark(line: 2, column: 9), Mark(line: 3, column: 5)])
    }

    @Test("an integer beyond Int64 keeps its text, a number keeps its zeros")
    func numbers() throws {
        let node = try JSON.parse("[9223372036854775807, 9223372036854775808, 1.10, -0]", source: "t")
        #expect(node.elements?.map(\.text) == ["9223372036854775807", "9223372036854775808", "1.10", "-0"])
        #expect(node.elements?[0].int == .max)
        guard case .double(let number, "9223372036854775808") = node.elements?[1].value else {
            Issue.record("the second number is no double")
            return
        }
        #expect(number == 9_223_372_036_854_775_808)
    }

    @Test("a surrogate pair is one character, a byte-order mark is skipped")
    func escapes() throws {
        #expect(try JSON.parse(#""\ud83d\ude00\u00fc\/""#, source: "t").string == "😀ü/")
        let node = try JSON.parse([0xEF, 0xBB, 0xBF] + Array(" 7".utf8), source: "t")
        #expect(node.int == 7 && node.mark == Mark(line: 1, column: 2))
    }

    @Test(
        "what the grammar refuses is refused with its place",
        arguments: [
            ("", "t:1:1: the text is empty, expected a JSON value"),
            ("{", "t:1:2: expected a key in double quotes, found the end of the text"),
            ("{\"a\" 1}", "t:1:6: a: expected : after the key, found 1"),
            ("{\"a\":1,}", "t:1:8: a comma cannot stand before }"),
            ("[1,]", "t:1:4: [1]: a comma cannot stand before ]"),
            ("[1 2]", "t:1:4: expected , or ] after an element, found 2"),
            ("{'a':1}", "t:1:2: expected a key in double quotes, found '"),
            ("['a']", "t:1:2: [0]: expected a value, found ': strings stand in double quotes"),
            ("{\"a\":1} x", "t:1:9: unexpected x after the JSON value"),
            ("{\"a\":1,\n\"a\":2}", "t:2:1: a: duplicate key, first used in line 1"),
            ("{\"a\":{\"b\":1,\"b\":2}}", "t:1:13: a.b: duplicate key, first used in line 1"),
            ("01", "t:1:1: a number cannot begin with 0"),
            ("1.", "t:1:3: expected a digit after the point, found the end of the text"),
            ("+1", "t:1:1: expected a value, found +"),
            ("1e999", "t:1:1: the number \"1e999\" is out of range"),
            ("True", "t:1:1: expected a value, found \"True\""),
            ("// x", "t:1:1: expected a value, found /: JSON has no comments"),
            ("\"a\nb\"", "t:1:3: a string cannot hold the control character U+000A line feed: write it as an escape"),
            ("\"abc", "t:1:1: the text ends inside a string"),
            (#""\x""#, "t:1:3: unknown escape \\x"),
            (#""\ud83d""#, "t:1:4: a lone surrogate \\ud83d is no character"),
            (#""\ude00x""#, "t:1:4: a lone surrogate \\ude00 is no character"),
            (#""\u0000""#, "t:1:4: a string cannot hold a NUL character"),
            (#""\u12G4""#, "t:1:6: expected four hex digits after \\u, found G"),
        ])
    func refusals(text: String, expected: String) {
        #expect(message(text) == expected)
    }

    @Test("bad UTF-8 and NUL bytes are refused with their place")
    func badBytes() {
        let bad = #expect(throws: DocumentError.self) { try JSON.parse([0x22, 0x0A, 0xC3, 0x28], source: "t") }
        #expect(bad?.description == "t:2:1: the text is not UTF-8: byte 0xC3 at offset 2")
        let nul = #expect(throws: DocumentError.self) { try JSON.parse([0x22, 0, 0x22], source: "t") }
        #expect(nul?.description == "t:1:2: the text holds a NUL byte")
    }

    @Test("size, depth and number of values are bounded")
    func bounds() {
        #expect(
            message("[[[]]]", limits: .init(depth: 2)) == "t:1:3: [0][0]: nested too deeply, at most 2 levels are read")
        #expect(message("[1,2,3]", limits: .init(nodeCount: 3)) == "t:1:6: [2]: too many values, at most 3 are read")
        #expect(message("[1]", limits: .init(byteCount: 2)) == "t: the text is too long: 3 bytes, at most 2 are read")
        #expect(message(String(repeating: "[", count: 1_000_000)).contains("nested too deeply"))
    }
}
