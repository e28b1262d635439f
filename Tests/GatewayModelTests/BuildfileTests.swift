import Documents
import GatewayModel
import GatewaySystem
import Testing

@Suite struct BuildfileTests {
    private func decode(_ text: String) throws -> Buildfile {
        try Buildfile.decode(JSON.parse(text, source: "gwe-buildfile.json"), source: "gwe-buildfile.json")
    }

    @Test("a buildfile of Gateway Engine's time is read as it stands")
    func old() throws {
        let buildfile = try decode(
            """
            {
              "excludes": [],
              "name": "gmq_demo",
              "includes": ["gmq_demo.py", "install.sh", "supervisor.conf"],
              "pre_build_cmds": ["bash gwe.build"],
              "post_build_cmds": ["rm install.sh supervisor.conf"],
              "version": "4"
            }
            """)
        #expect(buildfile.name.text == "gmq_demo")
        #expect(buildfile.version.text == "4")
        #expect(buildfile.includes == ["gmq_demo.py", "install.sh", "supervisor.conf"])
        #expect(buildfile.preBuildCommands == ["bash gwe.build"])
        #expect(buildfile.postBuildCommands == ["rm install.sh supervisor.conf"])
        #expect(buildfile.warnings.isEmpty)
    }

    @Test("a version that is a number keeps its text", arguments: [("5", "5"), ("1.10", "1.10"), ("\"1.10\"", "1.10")])
    func number(json: String, version: String) throws {
        #expect(try decode("{\"name\": \"a\", \"version\": \(json), \"includes\": [\"x\"]}").version.text == version)
    }

    @Test(
        "what is wrong is named with its place",
        arguments: [
            ("[]", "expected a mapping"),
            ("{\"name\": \"a\", \"includes\": [\"x\"]}", "1:1: the key version is missing"),
            ("{\"version\": \"1\", \"includes\": [\"x\"]}", "the key name is missing"),
            ("{\"name\": \"a\", \"version\": \"1\"}", "the key includes is missing"),
            ("{\"name\": \"a b\", \"version\": \"1\", \"includes\": [\"x\"]}", "is no app's name"),
            ("{\"name\": \"a\", \"version\": \"1 2\", \"includes\": [\"x\"]}", "is no version"),
            ("{\"name\": \"a\", \"version\": true, \"includes\": [\"x\"]}", "version"),
            ("{\"name\": \"a\", \"version\": \"1\", \"includes\": []}", "the list is empty"),
            ("{\"name\": \"a\", \"version\": \"1\", \"includes\": [\"/etc/x\"]}", "expected a path relative"),
            ("{\"name\": \"a\", \"version\": \"1\", \"includes\": [\"a\", \"../x\"]}", "includes[1]: '../x' leads out"),
            ("{\"name\": \"a\", \"version\": \"1\", \"includes\": [7]}", "includes[0]: expected a string"),
            ("{\"name\": \"a\", \"name\": \"b\"}", "duplicate"),
        ])
    func wrong(text: String, message: String) {
        do {
            let buildfile = try decode(text)
            Issue.record("\(buildfile) should not have been read")
        } catch { #expect("\(error)".contains(message), "\(error)") }
    }

    @Test("an unknown key is a warning that names the nearest")
    func unknown() throws {
        let buildfile = try decode("{\"name\":\"a\",\"version\":\"1\",\"includes\":[\"x\"],\"exclude\":[\"*.key\"]}")
        #expect(buildfile.warnings.first?.message.contains("did you mean \"excludes\"?") == true)
    }

    @Test("the template is a buildfile")
    func template() throws {
        let name = try #require(AppName("my_app")), version = try #require(Version("1"))
        let buildfile = try decode(Buildfile.template(name: name, version: version))
        #expect(buildfile.name == name && buildfile.version == version)
        #expect(buildfile.includes == ["install.sh", "supervisor.conf"])
    }
}
