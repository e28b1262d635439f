import Documents
import GatewayModel
import GatewaySystem
import Testing

@Suite struct PackageCheckTests {
    typealias File = PackageCheck.File

    /// The findings for a package whose text files are these; all of them have the x bit unless listed in `plain`.
    private func judge(
        _ texts: [String: String], name: String = "web.v1.tar.gz", plain: Set<String> = [], more: [File] = [],
        machine: String? = nil
    ) -> [PackageCheck.Finding] {
        let files = texts.keys.sorted().map { path in
            File(path: path, kind: .file, mode: plain.contains(path) ? 0o644 : 0o755)
        }
        let contents = PackageCheck.Contents(
            fileName: name, files: files + more, texts: texts.mapValues { Array($0.utf8) })
        return PackageCheck.judge(contents, machine: machine) { bytes, source throws(DocumentError) in
            try YAML.parse(bytes, source: source)
        }
    }

    private let good = ["install.sh": "#!/bin/sh\necho hello\n", "supervisor.conf": "[supervisord]\ncommand = ./web\n"]
    private let program = File(path: "web", kind: .file, mode: 0o755)

    @Test("a good package passes every check")
    func passes() {
        let findings = judge(good, more: [program])
        #expect(findings.allSatisfy { $0.level == .pass }, "\(findings)")
        #expect(findings.contains { $0.subject == "kind" && $0.message == "a long-running app" })
    }

    @Test(
        "what would fail on a gateway is found",
        arguments: [
            ("install.sh", "echo hello\n", "the first line must begin with '#!'"),
            ("install.sh", "\u{FEFF}#!/bin/sh\n", "byte order mark"),
            ("install.sh", "#!/bin/sh\r\necho\r\n", "its first line ends in CR LF"),
            ("install.sh", "#!sh\n", "expected an absolute path after '#!', found 'sh'"),
            ("uninstall.sh", "", "the first line must begin with '#!'"),
            ("supervisor.conf", "[program]\ncommand = x\n", "expected a section [supervisord]"),
            ("supervisor.conf", "[supervisord]\n", "command"),
            ("supervisor.conf", "[supervisord]\ncommand = bin/gone\n", "it is not in the package"),
            ("app.yaml", "name: wep\n", "app.yaml says name 'wep'"),
            ("app.yaml", "version: \"2\"\n", "app.yaml says version '2'"),
            ("app.yaml", "nmae: web\n", "did you mean \"name\"?"),
        ])
    func fails(path: String, text: String, message: String) {
        let findings = judge([path: text])
        let failure = findings.first { $0.level == .fail }
        #expect(failure?.message.contains(message) == true, "\(findings)")
        #expect(failure?.subject == path)
    }

    @Test("a missing x bit is found, on a script and on the program of the service")
    func executable() {
        let script = judge(good, plain: ["install.sh"], more: [program])
        #expect(script.contains { $0.level == .fail && $0.message.contains("the x bit is missing (mode 0644)") })
        let service = judge(good, more: [File(path: "web", kind: .file, mode: 0o644)])
        #expect(service.contains { $0.level == .fail && $0.message.contains("'web' is the program to run") })
    }

    @Test("a name that no gateway takes is found")
    func name() {
        #expect(judge(good, name: "web.tar.gz", more: [program]).first?.level == .fail)
        let reserved = judge(good, name: "gmq.v1.tar.gz", more: [program])
        #expect(reserved.contains { $0.level == .fail && $0.message.contains("one of gwe's own names") })
        let ours = judge(good.merging(["app.yaml": "name: gmq\n"]) { $1 }, name: "gmq.v1.tar.gz", more: [program])
        #expect(!ours.contains { $0.level == .fail }, "\(ours)")
    }

    @Test("programs for another machine are found, and those without a claim are a warning")
    func binaries() {
        let arm = File(path: "web", kind: .file, mode: 0o755, architecture: Architecture("arm"))
        let warned = judge(good, more: [arm])
        #expect(warned.contains { $0.level == .warn && $0.message.contains("'arch: arm' in app.yaml") })
        let wrong = judge(good.merging(["app.yaml": "arch: aarch64\n"]) { $1 }, more: [arm])
        #expect(wrong.contains { $0.level == .fail && $0.message == "'web' is for arm, the package for aarch64" })
        let right = judge(good.merging(["app.yaml": "arch: armhf\n"]) { $1 }, more: [arm])
        #expect(right.allSatisfy { $0.level == .pass }, "\(right)")
        #expect(judge(good, more: [arm], machine: "x86_64").contains { $0.level == .fail && $0.subject == "binaries" })
    }

    @Test(
        "what is odd, but can work, is a warning",
        arguments: [
            (["README": "x"], "nothing will run"),
            (["install.sh": "#!/bin/bash\n"], "may be missing on a small gateway"),
            (["install.sh": "#!/bin/sh\necho a\r\n"], "lines that end in CR LF"),
            (["a/b/install.sh": "#!/bin/sh\n"], "'a/b/install.sh' is not used"),
            (["install.sh": "#!/bin/sh\n", "setup.py": ""], "it is not run, because install.sh is there"),
            (["supervisor.conf": "[supervisord]\ncommand = sleep 1\nautostrat = true\n"], "autostrat"),
            (
                ["supervisor.conf": "[supervisord]\ncommand = %(ENV_TOOLS)s/web\n"],
                "it needs the variable TOOLS in the environment of gwe on the gateway"
            ),
        ])
    func warns(texts: [String: String], message: String) {
        let findings = judge(texts)
        #expect(findings.contains { $0.level == .warn && $0.message.contains(message) }, "\(findings)")
        #expect(!findings.contains { $0.level == .fail }, "\(findings)")
    }

    @Test("an empty package fails")
    func empty() { #expect(judge([:]).contains { $0.level == .fail && $0.subject == "files" }) }
}
