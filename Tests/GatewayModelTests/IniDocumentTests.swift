import Testing

@testable import GatewayModel

@Suite("INI files") struct IniDocumentTests {
    private let text = """
        # first
        [device]
        murano_host = https://p.m2.exosite.io
        Murano_Id: gw 7
        flag
        empty =
        watchlist = a,
            b

        ; of the other
        [other]
        x=1:2

        """

    @Test("what Python's ConfigParser reads is read, with the case of names")
    func reading() {
        let file = IniDocument(text)
        #expect(file.sectionNames == ["device", "other"])
        #expect(
            file.options(of: "device") == [
                .init(name: "murano_host", value: "https://p.m2.exosite.io"), .init(name: "Murano_Id", value: "gw 7"),
                .init(name: "flag", value: nil), .init(name: "empty", value: ""),
                .init(name: "watchlist", value: "a,\nb"),
            ])
        #expect(file.option("x", of: "other")?.value == "1:2")
        #expect(file.option("X", of: "other") == nil)
        #expect(file.option("x", of: "device") == nil)
        #expect(file.text == text)
    }

    @Test(
        "a change touches its own lines only",
        arguments: [
            ("murano_host", "h", "murano_host = https://p.m2.exosite.io", "murano_host = h"),
            ("Murano_Id", "", "Murano_Id: gw 7", "Murano_Id: "),
            ("flag", "on", "flag\n", "flag = on\n"),
            ("empty", "x", "empty =\n", "empty = x\n"),
            ("watchlist", "c", "watchlist = a,\n    b\n", "watchlist = c\n"),
            ("new", "v", "    b\n", "    b\nnew = v\n"),
        ])
    func change(name: String, value: String, old: String, new: String) throws {
        var file = IniDocument(text)
        try file.set(name, of: "device", to: value)
        #expect(text.contains(old))
        #expect(file.text == text.replacingOccurrences(old, new))
        #expect(IniDocument(file.text).option(name, of: "device")?.value == value)
    }

    @Test("options and sections are taken away and added; the rest stays")
    func removing() throws {
        var file = IniDocument(text)
        let removedOption = [
            file.removeOption("watchlist", of: "device"), file.removeOption("watchlist", of: "device"),
        ]
        #expect(removedOption == [true, false])
        #expect(file.text == text.replacingOccurrences("watchlist = a,\n    b\n", ""))
        let removedSection = [file.removeSection("device"), file.removeSection("device")]
        #expect(removedSection == [true, false])
        #expect(file.text == "# first\n[other]\nx=1:2\n")
        try file.addSection("more")
        try file.addSection("other")
        try file.set("flag", of: "more", to: nil)
        #expect(file.text == "# first\n[other]\nx=1:2\n\n[more]\nflag\n")
    }

    @Test("a file with carriage returns keeps them, and one without a last line end gets one")
    func lineEnds() throws {
        var file = IniDocument("[a]\r\nx = 1\r\n")
        try file.set("y", of: "a", to: "2")
        #expect(file.text == "[a]\r\nx = 1\r\ny = 2\r\n")
        #expect(IniDocument("[a]\nx = 1").text == "[a]\nx = 1\n")
        #expect(IniDocument("").text == "")
    }

    @Test(
        "what would be read back as something else is refused",
        arguments: [
            ("a", "x\n[b]"), ("a", "x\r"), ("", "x"), ("a=b", "x"), ("a:b", "x"), ("[a", "x"), ("#a", "x"),
            (" a", "x"), ("a\nb", "x"),
        ])
    func unwritable(name: String, value: String) {
        var file = IniDocument("[s]\n")
        #expect(throws: IniDocument.Unwritable.self) { try file.set(name, of: "s", to: value) }
        #expect(throws: IniDocument.Unwritable.self) { try file.set("a", of: "none", to: "x") }
        #expect(throws: IniDocument.Unwritable.self) { try file.addSection("a]b") }
        #expect(file.text == "[s]\n")
    }
}

extension String {
    fileprivate func replacingOccurrences(_ old: String, _ new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
