import Documents
import Testing

/// Text of others on its way to a terminal and into JSON.
@Suite("Foreign text") struct ForeignTextTests {
    @Test(
        "a terminal is shown what would steer it",
        arguments: [
            ("plain ä ✓ 漢字\ttab\nline", "plain ä ✓ 漢字\ttab\nline"), ("\u{1B}[31mred", "^[[31mred"),
            ("a\u{0}b", "a^@b"), ("bell\u{7}", "bell^G"), ("\u{7F}", "^?"), ("\u{9B}31m", "<U+009B>31m"),
            ("user\u{202E}gpj.exe", "user<U+202E>gpj.exe"), ("zero\u{200B}width", "zero<U+200B>width"),
            ("\u{FEFF}bom", "<U+FEFF>bom"), ("90 %\r91 %\r\n", "90 %^M91 %\n"), ("می\u{200C}خواهم", "می\u{200C}خواهم"),
            ("👩\u{200D}🔬", "👩\u{200D}🔬"), ("tag\u{E0041}", "tag<U+E0041>"),
        ])
    func shown(_ text: String, _ expected: String) { #expect(TerminalText.safe(text) == expected) }

    @Test("bytes that are no UTF-8 are shown one by one")
    func invalid() {
        #expect(through([[0xFF, 0x41, 0xC3, 0x28, 0xE2, 0x82]]) == "<FF>A<C3>(<E2><82>")
        #expect(through([[0xC0, 0x80, 0xED, 0xA0, 0x80]]) == "<C0><80><ED><A0><80>")
        #expect(through([[0xF8, 0x88]]) == "<F8><88>")
    }

    @Test("any bytes, cut anywhere: nothing unsafe comes out, and the cuts change nothing")
    func fuzz() {
        var random = SystemRandomNumberGenerator()
        let special: [UInt8] = [0, 7, 8, 10, 13, 27, 0x5B, 0x7F, 0x80, 0x9B, 0xC2, 0xE2, 0xEF, 0xF0, 0xFF, 0x41]
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? special.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random)
            }
            let whole = through([bytes])
            #expect(
                whole.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || !ForeignText.isUnsafe($0) }, "\(bytes)")
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...5, using: &random)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(through(pieces) == whole, "\(bytes)")

            let text = ForeignText.inJSON(bytes)
            let json = JSONValue.object([(text, .string(text))]).bytes()
            let shown = String(decoding: json, as: UTF8.self)
            #expect(shown.unicodeScalars.allSatisfy { !ForeignText.isUnsafe($0) }, "\(bytes)")
            #expect((try? JSON.parse(json, source: "fuzz"))?[text]?.string == text, "\(bytes)")
        }
    }

    @Test("JSON: NUL becomes U+FFFD whoever writes it, and what a terminal would act on is an escape")
    func json() {
        #expect(ForeignText.inJSON([0x61, 0, 0xFF, 0x62]) == "a\u{FFFD}\u{FFFD}b")
        #expect(JSONValue.string("a\u{0}b").text() == "\"a\u{FFFD}b\"")
        #expect(JSONValue.string("\u{9B}31m\u{202E}\u{E0041}ä").text() == #""\u009b31m\u202e\udb40\udc41ä""#)
    }

    private func through(_ pieces: [[UInt8]]) -> String {
        var stream = TerminalText()
        var out: [UInt8] = []
        for piece in pieces { out += stream.write(piece) }
        out += stream.finish()
        return String(decoding: out, as: UTF8.self)
    }
}
