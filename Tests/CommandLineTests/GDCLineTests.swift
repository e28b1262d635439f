import Testing

@testable import gwe

@Suite("The command line of gdc") struct GDCLineTests {
    @Test(
        "gdc is known by its name, and behind gwe",
        arguments: [
            (["/usr/bin/gdc", "-v"], ["-v"]), (["gdc"], []), (["gwe", "gdc", "cfg", "f"], ["cfg", "f"]),
            (["/opt/gdc/gwe", "status"], nil), (["gwe"], nil), (["gwe", "status", "gdc"], nil),
        ] as [([String], [String]?)])
    func name(line: [String], arguments: [String]?) { #expect(GDC.arguments(line) == arguments) }

    @Test(
        "options may stand anywhere, and data that begins with a sign is data",
        arguments: [
            ["-f", "gwe", "-t", "5", "http", "write", "a", "-5"], ["http", "-fgwe", "write", "a", "-5", "-t5"],
            ["--file=gwe", "http", "write", "--timeout", "5", "a", "-5"],
            ["--timeout=5", "http", "write", "a", "-f", "gwe", "--", "-5"],
        ])
    func anywhere(arguments: [String]) throws {
        let line = try GDCLine(arguments)
        #expect(line.words == ["http", "write", "a", "-5"])
        #expect(line.options.file == "gwe")
        #expect(line.options.timeout == "5")
    }

    @Test("every option of the reference is taken, short and long")
    func options() throws {
        let short = ["-f", "1", "-t", "2", "-H", "3", "-P", "4", "-d", "5", "-u", "6", "-C", "7", "-K", "8", "-E", "9"]
        let long = [
            "--file", "1", "--timeout", "2", "--host", "3", "--port", "4", "--debug", "5", "--uuid", "6", "--cert",
            "7", "--pkey", "8", "--cacert", "9",
        ]
        let line = try GDCLine(short + ["-k", "10", "-hvU"])
        #expect(try line == GDCLine(long + ["--token", "10", "--help", "--version", "--unset"]))
        let options = line.options
        let values = [
            options.file, options.timeout, options.host, options.port, options.debug, options.identity,
            options.certificate, options.key, options.rootCertificates, options.token,
        ]
        #expect(values.map { $0 ?? "" } == (1...10).map { "\($0)" })
        #expect(options.isHelp && options.isVersion && options.isUnset)
        #expect(line.words.isEmpty)
    }

    @Test(
        "a wrong option is named",
        arguments: [
            (["--hots", "x"], "unknown option --hots; did you mean --host?"), (["-f"], "-f needs a value"),
            (["--help=yes"], "--help takes no value"),
            (["http", "write", "a", "-x"], "unknown option -x; put '--' in front of words that begin with '-'"),
        ])
    func wrong(arguments: [String], message: String) {
        #expect(throws: GDCFailure.usage(message)) { try GDCLine(arguments) }
    }

    @Test("every help begins with examples", arguments: [[], ["cfg"], ["http"], ["mqtt"], ["write"]])
    func help(words: [String]) {
        let text = GDCHelp.text(words)
        #expect(text.hasPrefix("EXAMPLES:\n  "))
        #expect(text.contains("USAGE: gdc"))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 118 })
    }
}
