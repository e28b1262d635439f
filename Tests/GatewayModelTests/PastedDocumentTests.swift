import Documents
import GatewayModel
import GatewaySystem
import Testing

/// Documents that went through a word processor, a chat or a web page. What nobody can see is named by its code point.
@Suite("Documents that were pasted") struct PastedDocumentTests {
    private func manifest(_ text: String) -> [String] {
        do throws(DocumentErrors) {
            _ = try ManifestDecoder.decode(Array(text.utf8), source: "m.yaml", kind: .local, yaml: YAML.read)
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    private func command(_ text: String) -> [String] {
        do throws(DocumentErrors) {
            _ = try EngineFetch.decode(text, yaml: YAML.read)
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    private func app(_ lines: String) -> String { "schema: gwe/v1\napps:\n  web:\n" + lines }

    // AtomLinter/linter-js-yaml#147, PluginBugs/Issues-ItemsAdder#361
    @Test(
        "quotation marks of a word processor are no part of a version, an address, a digest or a name",
        arguments: [
            ("    version: “1.2.3”\n", "m.yaml:4:14: apps.web.version: ", "U+201C left double quotation mark"),
            ("    version: ‘1’\n", "m.yaml:4:14: apps.web.version: ", "U+2018 left single quotation mark"),
            ("    version: \"1.2\u{200B}\"\n", "m.yaml:4:14: apps.web.version: ", "its 4th character is U+200B"),
            (
                "    version: \"1\"\n    artifact: {url: “https://h/x.tar.gz”}\n",
                "m.yaml:5:21: apps.web.artifact.url: ",
                "U+201C left double quotation mark"
            ),
            (
                "    version: \"1\"\n    artifact: {url: \"https://h/x\u{2011}1.tar.gz\"}\n",
                "m.yaml:5:21: apps.web.artifact.url: ", "U+2011 non-breaking hyphen"
            ),
            (
                "    version: \"1\"\n    artifact: {url: \"https://h/x\", sha256: ‘00’}\n",
                "m.yaml:5:44: apps.web.artifact.sha256: ", "U+2018 left single quotation mark"
            ),
            (
                "    version: \"1\"\n    artifact: {content: “web.v1.tar.gz”}\n",
                "m.yaml:5:25: apps.web.artifact.content: ",
                "U+201C left double quotation mark"
            ),
            ("    version: \"1\"\n    state: “running”\n", "m.yaml:5:12: apps.web.state: ", "U+201C"),
            ("    version: \"1\"\n    requires: [gmq\u{200B}]\n", "m.yaml:5:16: apps.web.requires[0]: ", "U+200B"),
        ])
    func quotes(lines: String, place: String, character: String) throws {
        let problems = manifest(app(lines))
        #expect(problems.count == 1, "\(problems)")
        let problem = try #require(problems.first)
        #expect(problem.hasPrefix(place) && problem.contains(character), "\(problem)")
    }

    // travis-ci/travis-ci#1204, nmstate/nmstate#2051, nodeca/js-yaml#273, ruby/psych#190
    @Test(
        "spaces that are none, and what has no width, are named in a key, in an indentation and in a value",
        arguments: [
            (
                "    version\u{200B}: \"1\"\n", "m.yaml:4:5: apps.web: ",
                "unknown key \"version\\u200b\"; its 8th character is U+200B zero width space; write it anew: \"version\""
            ),
            (
                "\u{A0}\u{A0}\u{A0}\u{A0}version: \"1\"\n", "m.yaml:4:1: ", "U+00A0 no-break space"
            ),
            (
                "    version: \"1\"\n    hold:\u{A0}true\n    state: running\n", "m.yaml:",
                "U+00A0 no-break space"
            ),
            ("    v\u{435}rsion: \"1\"\n", "m.yaml:4:5: apps.web: ", "its 2nd character is U+0435 Cyrillic"),
        ])
    func invisible(lines: String, place: String, words: String) throws {
        let problems = manifest(app(lines))
        #expect(problems.contains { $0.hasPrefix(place) && $0.contains(words) }, "\(problems)")
        #expect(!problems.contains { $0.unicodeScalars.contains(where: DocumentText.isInvisible) }, "\(problems)")
    }

    @Test("a name of an app and a plain value that begins oddly say which character it is")
    func names() {
        #expect(
            manifest("schema: gwe/v1\napps:\n  we\u{2013}b: {}\n").contains {
                $0.contains("its 3rd character is U+2013 en dash")
            })
        #expect(manifest("schema: `x`\n").first?.hasPrefix("m.yaml:1:9: a plain value cannot begin with `") == true)
        #expect(manifest("schema: \u{7}\n").first?.contains("U+0007 bell") == true, "\(manifest("schema: \u{7}\n"))")
    }

    @Test("texts of other languages stay what they are")
    func others() {
        #expect(
            manifest(
                app("    version: \"1-für-日本\"\n    service: {command: \"run “x” ü\", environment: {A: “quoted”}}\n")
            ).isEmpty)
    }

    // sindresorhus/strip-json-comments#64, konklone/json#158, rfletcher/safari-json-formatter#9
    @Test(
        "a command that was copied from a web page says what was found",
        arguments: [
            ("{\"install\":\u{A0}[]}", "engine_fetch:1:12: install: expected a value, found U+00A0 no-break space"),
            ("{&quot;install&quot;: []}", "found &quot;: this looks like HTML"),
            ("{“install”: []}", "found U+201C left double quotation mark: write the straight quote \""),
            ("{\"install\": [{\"name\": ‘a’}]}", "found U+2018 left single quotation mark"),
            ("{\u{200B}\"install\": []}", "found U+200B zero width space: it cannot be seen, delete it"),
            ("\u{A0}{\"install\": []}", "engine_fetch:1:1: expected a value, found U+00A0 no-break space"),
            ("<html><body>{\"install\": []}</body></html>", "engine_fetch:1:1: expected JSON or YAML, found <"),
            ("&quot;x&quot;", "found &quot;: this looks like HTML"),
            (
                "{\"install\": [{\"name\": \"web\u{200B}.v1.tar.gz\"}]}",
                "\"web\\u200b.v1.tar.gz\" is no package's name: its 4th character is U+200B zero width space"
            ),
        ])
    func pages(text: String, words: String) throws {
        let problems = command(text)
        #expect(problems.count == 1 && problems[0].contains(words), "\(problems)")
    }

    @Test("a byte order mark in front is passed over")
    func mark() {
        #expect(command("\u{FEFF}{\"install\": []}").isEmpty)
        #expect(command("\u{FEFF}schema: gwe/v1\napps: {}\n").isEmpty)
    }
}
