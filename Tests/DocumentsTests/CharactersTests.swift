import Documents
import Testing

@Suite("Characters in messages")
struct CharactersTests {
    @Test(
        "visible ASCII stands as it is, any other character has its code point and, where it is known, its name",
        arguments: [
            ("a", "a"), ("\"", "\""), ("~", "~"), (" ", "U+0020 space"), ("\t", "U+0009 tab"),
            ("\u{0}", "U+0000 NUL"), ("\u{1B}", "U+001B escape"), ("\u{7F}", "U+007F delete"), ("\u{81}", "U+0081"),
            ("\u{A0}", "U+00A0 no-break space"), ("ü", "U+00FC ü"), ("\u{200B}", "U+200B zero width space"),
            ("\u{201C}", "U+201C left double quotation mark"), ("\u{FEFF}", "U+FEFF byte order mark"),
            ("\u{202E}", "U+202E a mark that changes the direction of the text"), ("\u{430}", "U+0430 Cyrillic а"),
            ("\u{FF11}", "U+FF11 fullwidth １"), ("\u{1F600}", "U+1F600 😀"), ("\u{E000}", "U+E000"),
        ])
    func described(text: String, expected: String) throws {
        #expect(DocumentText.described(try #require(text.unicodeScalars.first)) == expected)
    }

    @Test("a byte that is no character of its own is a number")
    func bytes() {
        #expect(DocumentText.described(byte: 0xFC) == "byte 0xFC")
        #expect(DocumentText.described(byte: 0x09) == "U+0009 tab")
    }

    @Test("the first character that nobody means is named with its place")
    func oddity() {
        #expect(DocumentText.oddity(in: "version\u{200B}") == "its 8th character is U+200B zero width space")
        #expect(
            DocumentText.oddity(in: "\u{201C}1\u{201D}") == "its 1st character is U+201C left double quotation mark")
        #expect(DocumentText.oddity(in: "a\u{A0}b") == "its 2nd character is U+00A0 no-break space")
        #expect(DocumentText.oddity(in: "Zürich 日本 😀") == nil)
        #expect(DocumentText.oddity(in: "n\u{430}me", beyondASCII: true) == "its 2nd character is U+0430 Cyrillic а")
        #expect(DocumentText.remark(on: "plain") == "")
    }

    @Test("a quoted text shows what cannot be seen as an escape")
    func quoted() {
        #expect(DocumentText.quoted("a\u{200B}b\u{7F}\u{85}\n") == #""a\u200bb\u007f\u0085\n""#)
        #expect(DocumentText.quoted("ü “x”") == #""ü “x”""#)
    }

    @Test("a suggestion never shows two words that look alike")
    func hints() {
        let keys = ["version", "name"]
        #expect(
            Fields.hint(for: "version\u{200B}", among: keys)
                == "its 8th character is U+200B zero width space; write it anew: \"version\"")
        #expect(
            Fields.hint(for: "n\u{430}me", among: keys)
                == "its 2nd character is U+0430 Cyrillic а; did you mean \"name\"?")
        #expect(Fields.hint(for: "nmae", among: keys) == "did you mean \"name\"?")
        #expect(
            Fields.hint(for: "name\u{7F}", among: keys)
                == "its 5th character is U+007F delete; write it anew: \"name\"")
    }

    @Test(
        "what a web page puts into a text is known again",
        arguments: [
            ("&quot;install", "&quot;"), ("&#34;x", "&#34;"), ("<html>", "<"), ("<!DOCTYPE", "<"), ("& b", nil),
            ("<3", nil), ("&x", nil), ("&;", nil), ("", nil), ("install", nil),
        ] as [(String, String?)])
    func html(text: String, sign: String?) {
        #expect(DocumentText.htmlSign(at: Array(text.utf8)[...]) == sign)
    }
}
