import Documents
import Testing

@Suite("YAML 1.2's core schema")
struct CoreSchemaTests {
    @Test(
        "a plain scalar is what the core schema says",
        arguments: [
            ("", "null"), ("~", "null"), ("Null", "null"), ("nUll", "\"nUll\""), ("true", "true"), ("FALSE", "false"),
            ("yes", "\"yes\""), ("on", "\"on\""), ("0", "0"), ("010", "10"), ("+5", "5"), ("-12", "-12"),
            ("0o17", "15"),
            ("0xFf", "255"), ("0x", "\"0x\""), ("0o8", "\"0o8\""), ("-0x1", "\"-0x1\""), ("0x-1", "\"0x-1\""),
            ("12:30:00", "\"12:30:00\""), ("1_000", "\"1_000\""), ("1.10", "1.1"), ("1.", "1.0"), (".5", "0.5"),
            ("-.5e1", "-5.0"), ("1e3", "1000.0"), ("1e", "\"1e\""), (".", "\".\""), ("-", "\"-\""),
            ("1.2.3", "\"1.2.3\""),
            (".inf", "null"), ("-.INF", "null"), (".nan", "null"), ("+", "\"+\""),
            ("9223372036854775808", "9.223372036854776e+18"),
            ("2026-11-22", "\"2026-11-22\""), ("=", "\"=\""),
        ])
    func resolution(text: String, json: String) {
        #expect(Node(CoreSchema.resolve(text), at: Mark(line: 1, column: 1)).json.text() == json)
    }
}
