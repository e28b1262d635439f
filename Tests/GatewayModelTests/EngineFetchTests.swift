import Documents
import GatewayModel
import GatewaySystem
import Testing

@Suite("engine_fetch and config_otau")
struct EngineFetchTests {
    private func entry(_ tarball: String) throws -> InstallEntry {
        let package = try PackageName.parse(tarball)
        return InstallEntry(tarball: tarball, app: package.name, version: package.version)
    }

    @Test("the documented payload is an install command")
    func documented() throws {
        let command = try EngineFetch.decode(#"{"install": [{"name": "your_app.v1.2.3.tar.gz"}]}"#, yaml: YAML.read)
        let entry = InstallEntry(
            tarball: "your_app.v1.2.3.tar.gz", app: try app("your_app"), version: try version("1.2.3"))
        #expect(command == .install(entries: [entry], remove: []))
        #expect(entry.location == .content("your_app.v1.2.3.tar.gz"))
    }

    @Test(
        "the names that Gateway Engine's documents use are split as it split them",
        arguments: [
            ("GatewayEngine.v1-0-6", "GatewayEngine", "1-0-6"), ("device-client.v1-4-13", "device-client", "1-4-13"),
            ("gmq.v10_0ca92e7", "gmq", "10_0ca92e7"), ("gwe.v1.5.RC68", "gwe", "1.5.RC68"),
            ("elementtree.v126-20050316", "elementtree", "126-20050316"), ("a.v1.v2", "a", "1.v2"),
        ])
    func names(stem: String, name: String, label: String) throws {
        for suffix in ["tar.gz", "tar.zst", "tar.xz"] {
            let command = try EngineFetch.decode(#"{"install":[{"name":"\#(stem).\#(suffix)"}]}"#, yaml: YAML.read)
            guard case .install(let entries, _) = command else {
                Issue.record("no install command")
                return
            }
            #expect(entries.first?.app == (try app(name)))
            #expect(entries.first?.version == (try version(label)))
        }
    }

    @Test("an empty resource is no command, however it is spelt", arguments: ["", " \n", "\"\"", "''", "null"])
    func empty(text: String) throws {
        #expect(try EngineFetch.decode(text, yaml: YAML.read) == .empty)
    }

    @Test("a whole manifest is read from JSON and from YAML and keeps its text for the digest")
    func manifests() throws {
        let yaml = "schema: gwe/v1\napps:\n  web: {version: \"1\"}\n"
        let json = #"{"schema": "gwe/v1", "apps": {"web": {"version": "1"}}}"#
        guard case .manifest(let first, yaml) = try EngineFetch.decode(yaml, yaml: YAML.read),
            case .manifest(let second, json) = try EngineFetch.decode(json, yaml: YAML.read)
        else {
            Issue.record("no manifest")
            return
        }
        #expect(first == second)
        #expect(first.apps[try app("web")]?.release?.origin == .cloud)
    }

    @Test("install commands gather in the cloud layer and survive being stored")
    func gathered() throws {
        var layer = Layer(namesApps: false)
        layer.apply(install: [try entry("a.v1.tar.gz"), try entry("b.v1.tar.zst")], remove: [], commandNumber: 1)
        layer.apply(install: [try entry("a.v2.tar.gz")], remove: [try app("b")], commandNumber: 2)
        let wish = ReleaseWish(version: try version("2"), location: .content("a.v2.tar.gz"), commandNumber: 2)
        #expect(layer.apps.mapValues(\.release) == [try app("a"): Sourced(wish, from: .cloud)])
        #expect(layer.namesApps)
        #expect(try Layer.stored(layer.canonicalJSON().text(), source: "journal", origin: .cloud) == layer)
    }

    @Test("config_otau of each type becomes a command and keeps the identity for otau_in")
    func otau() throws {
        let head = #""name": "nightly", "version": "2026-11","#
        let file = try ConfigOtau.decode(
            "{\(head) \"type\": \"FILE\", \"payload\": \"web.v3.tar.gz\"}", yaml: YAML.read)
        #expect(file?.version == "2026-11")
        #expect(file?.command == .install(entries: [try entry("web.v3.tar.gz")], remove: []))

        let free = try ConfigOtau.decode("{\(head) \"type\": \"FILE\", \"payload\": \"image.bin\"}", yaml: YAML.read)
        let image = InstallEntry(tarball: "image.bin", app: try app("nightly"), version: try version("2026-11"))
        #expect(free?.command == .install(entries: [image], remove: []))

        let list = #"["https://example.com/web.v3.tar.gz?k=1", "https://example.com/x/api.v1.tar.xz"]"#
        let urls = try ConfigOtau.decode("{\(head) \"type\": \"URL_LIST\", \"payload\": \(list)}", yaml: YAML.read)
        guard case .install(let entries, _) = urls?.command else {
            Issue.record("no install command")
            return
        }
        #expect(entries.map(\.tarball) == ["web.v3.tar.gz", "api.v1.tar.xz"])
        #expect(entries.first?.location == .url("https://example.com/web.v3.tar.gz?k=1"))

        for payload in [
            #"{"install": [{"name": "web.v3.tar.gz"}]}"#, #""{\"install\": [{\"name\": \"web.v3.tar.gz\"}]}""#,
        ] {
            let json = try ConfigOtau.decode("{\(head) \"type\": \"JSON\", \"payload\": \(payload)}", yaml: YAML.read)
            #expect(json?.command == .install(entries: [try entry("web.v3.tar.gz")], remove: []))
        }
        #expect(try ConfigOtau.decode("", yaml: YAML.read) == nil)
    }

    @Test(
        "a bad config_otau is refused in words",
        arguments: [
            (
                #"{"name": "a", "version": "1", "type": "file", "payload": "x"}"#,
                "config_otau:1:39: type: expected one of FILE, JSON, URL_LIST, found \"file\"; did you mean FILE?"
            ),
            (#"{"name": "a", "version": "1", "type": "FILE"}"#, "config_otau:1:1: the key payload is missing"),
            (
                #"{"name": "a b", "version": "1", "type": "FILE", "payload": "x"}"#,
                "config_otau:1:60: payload: \"x\" is no package's name: it does not end in .tar.gz, .tar.zst or .tar.xz; "
                    + "expected <app>.v<version>.tar.gz"
            ),
            (
                #"{"name": "a", "version": "1", "type": "FILE", "payload": "../x"}"#,
                "config_otau:1:58: payload: expected the name of a file in the content area, found \"../x\""
            ),
            (
                #"{"name": "a", "version": "1", "type": "URL_LIST", "payload": []}"#,
                "config_otau:1:62: payload: expected at least one URL"
            ),
            (
                #"{"name": "a", "version": "1", "type": "JSON", "payload": "{"}"#,
                "config_otau.payload:1:2: expected a key in double quotes, found the end of the text"
            ),
        ])
    func badOtau(text: String, expected: String) {
        let errors = #expect(throws: DocumentErrors.self) { try ConfigOtau.decode(text, yaml: YAML.read) }
        #expect(errors?.description == expected)
    }
}
