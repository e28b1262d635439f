import Documents
import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@Suite struct PackagesTests {
    /// A developer's folder with the example of Gateway Engine's documentation.
    private func project(_ buildfile: String? = nil) throws -> (scratch: ScratchGateway, file: String, folder: String) {
        let scratch = try ScratchGateway()
        let folder = scratch.root.appending(path: "src").path
        let standard = """
            {"name": "gmq_demo", "version": "5", "includes": ["*.py", "install.sh", "supervisor.conf", "lib"],
             "excludes": ["*.pyc", "lib/private"], "pre_build_cmds": ["sh make.sh"],
             "post_build_cmds": ["rm install.sh supervisor.conf", "echo post"]}
            """
        try scratch.write(buildfile ?? standard, to: folder + "/gwe-buildfile.json")
        try scratch.write("print('hello')\n", to: folder + "/gmq_demo.py")
        try scratch.write("x", to: folder + "/lib/a.txt", mode: 0o664)
        try scratch.write("x", to: folder + "/lib/deep/a.pyc")
        try scratch.write("secret", to: folder + "/lib/private/key", mode: 0o600)
        try scratch.write("x", to: folder + "/.hidden.py")
        try scratch.write(
            """
            printf '#!/bin/sh\\necho %s\\n' "$APP_NAME" > install.sh
            chmod 755 install.sh
            printf '[supervisord]\\ncommand = python3 gmq_demo.py\\n' > supervisor.conf
            """, to: folder + "/make.sh")
        return (scratch, folder + "/gwe-buildfile.json", folder)
    }

    private func listing(_ tarball: String) throws -> [String] {
        let text = try TestProcess.run("tar", ["-tvzf", tarball]).out
        return text.split(separator: "\n").map { line in
            let cells = line.split(separator: " ")
            return "\(cells[0]) \(cells[cells.count - 1])"
        }
    }

    @Test("a buildfile of Gateway Engine makes a package that passes the check")
    func build() throws {
        let (scratch, file, folder) = try project()
        defer { withExtendedLifetime(scratch) {} }
        let path = try PackageBuilder(file: file).build(into: scratch.root.appending(path: "out").path)
        #expect(path.hasSuffix("/out/gmq_demo.v5.tar.gz"))
        #expect(
            try listing(path) == [
                "-rw-r--r-- gmq_demo.py", "-rwxr-xr-x install.sh", "drwxr-xr-x lib/", "-rw-r--r-- lib/a.txt",
                "drwxr-xr-x lib/deep/", "-rw-r--r-- supervisor.conf",
            ])
        #expect(!FileManager.default.fileExists(atPath: folder + "/install.sh"), "post_build_cmds ran")
        let findings = try PackageInspection.check(path)
        #expect(findings.allSatisfy { $0.level == .pass }, "\(findings)")
    }

    @Test("the same files make the same bytes, in another folder, at another time, with another umask")
    func deterministic() throws {
        let (one, file, _) = try project()
        let (two, otherFile, otherFolder) = try project()
        defer { withExtendedLifetime((one, two)) {} }
        try two.write("print('hello')\n", to: otherFolder + "/gmq_demo.py", mode: 0o664)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: otherFolder + "/gmq_demo.py")
        let first = try PackageBuilder(file: file).build(into: one.root.path)
        let second = try PackageBuilder(file: otherFile).build(into: two.root.path)
        let again = try PackageBuilder(file: file).build(into: one.root.appending(path: "again").path)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: first))
        #expect(bytes.count > 100)
        #expect(try Data(contentsOf: URL(fileURLWithPath: second)) == bytes)
        #expect(try Data(contentsOf: URL(fileURLWithPath: again)) == bytes)
    }

    @Test("a package beside its sources does not get into the next one")
    func inPlace() throws {
        let (scratch, file, folder) = try project(
            "{\"name\": \"all\", \"version\": 1, \"includes\": [\".\"], \"excludes\": [\"lib\"]}")
        defer { withExtendedLifetime(scratch) {} }
        let first = try Data(contentsOf: URL(fileURLWithPath: PackageBuilder(file: file).build(into: folder)))
        let second = try Data(contentsOf: URL(fileURLWithPath: PackageBuilder(file: file).build(into: folder)))
        #expect(first == second)
        #expect(
            try listing(folder + "/all.v1.tar.gz").map { $0.split(separator: " ")[1] } == [
                ".hidden.py", "gmq_demo.py", "gwe-buildfile.json", "make.sh",
            ])
    }

    @Test("** reaches every depth")
    func stars() throws {
        let (scratch, file, _) = try project(
            "{\"name\": \"deep\", \"version\": \"1\", \"includes\": [\"**/a.*\"]}")
        defer { withExtendedLifetime(scratch) {} }
        let path = try PackageBuilder(file: file).build(into: scratch.root.path)
        #expect(try listing(path).map { $0.split(separator: " ")[1] } == ["lib/a.txt", "lib/deep/a.pyc"])
    }

    @Test(
        "what cannot be built says which line of the buildfile is to blame, and makes no package",
        arguments: [
            ("\"includes\": [\"gone*\"]", "matches 'gone*'"),
            (
                "\"includes\": [\"make.sh\"], \"pre_build_cmds\": [\"true\", \"exit 3\"]",
                "pre_build_cmds[1] 'exit 3' failed: exit code 3"
            ),
            ("\"includes\": [\"make.sh\"], \"pre_build_cmds\": [\"kill -9 $$\"]", "signal 9"),
        ])
    func failing(rest: String, message: String) throws {
        let (scratch, file, _) = try project("{\"name\": \"a\", \"version\": \"1\", \(rest)}")
        defer { withExtendedLifetime(scratch) {} }
        let output = scratch.root.appending(path: "out").path
        let builder = try PackageBuilder(file: file)
        let error = #expect(throws: PackageBuildError.self) { try builder.build(into: output) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
        #expect(try FileManager.default.contentsOfDirectory(atPath: output).isEmpty)
    }

    /// Makes a tarball with tar(1) from what a script leaves in its folder.
    private func tarball(_ scratch: ScratchGateway, _ name: String, _ script: String) throws -> String {
        let folder = scratch.root.appending(path: "t-" + name).path
        let path = scratch.root.appending(path: name).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try TestProcess.shell(script, path, directory: folder)
        return path
    }

    @Test(
        "a package that leads out of its folder fails with the entry named",
        arguments: [
            ("ln -s /etc/passwd link; tar czf \"$1\" link", "link"),
            ("echo x > f; tar czPf \"$1\" --transform 's,^f,../../evil,' f", "evil"),
            ("echo x > f; tar czPf \"$1\" --transform 's,^f,/tmp/evil,' f", "/tmp/evil"),
            ("mknod n c 1 3; tar czf \"$1\" n", "n"),
            ("echo x > f; chmod 4755 f; tar czf \"$1\" f", "f"),
        ])
    func escapes(script: String, entry: String) throws {
        let scratch = try ScratchGateway()
        defer { withExtendedLifetime(scratch) {} }
        let path = try tarball(scratch, "bad.v1.tar.gz", script)
        let findings = try PackageInspection.check(path)
        #expect(findings.map(\.level) == [.fail])
        #expect(findings.first?.subject == "archive")
        #expect(findings.first?.message.contains(entry) == true, "\(findings)")
    }

    @Test("a package cut short, and a file that is none, fail")
    func damaged() throws {
        let scratch = try ScratchGateway()
        let whole = try tarball(scratch, "cut.v1.tar.gz", "head -c 100000 /dev/urandom > f; tar czf \"$1\" f")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
        try bytes.prefix(bytes.count - 100).write(to: URL(fileURLWithPath: whole))
        #expect(try PackageInspection.check(whole).map(\.level) == [.fail])
        let text = scratch.root.appending(path: "notes.txt").path
        try scratch.write("hello", to: text)
        #expect(try PackageInspection.check(text).map(\.subject) == ["name", "archive"])
        #expect(throws: SystemError.self) { try PackageInspection.check("/nowhere/a.v1.tar.gz") }
    }

    @Test("a package under one top folder is read as a gateway reads it, with the programs in it")
    func topFolder() throws {
        let scratch = try ScratchGateway()
        defer { withExtendedLifetime(scratch) {} }
        let path = try tarball(
            scratch, "logs.v1.tar.gz",
            "mkdir logs.v1; printf '#!/bin/sh\\n' > logs.v1/install.sh; cp /bin/true logs.v1/tool; tar czf \"$1\" logs.v1"
        )
        let findings = try PackageInspection.check(path, machine: "mips")
        #expect(findings.contains { $0.message == "2 files under the folder 'logs.v1'" })
        #expect(findings.contains { $0.subject == "install.sh" && $0.message.contains("the x bit is missing") })
        #expect(findings.contains { $0.subject == "binaries" && $0.level == .fail && $0.message.contains("for mips") })
    }

    @Test("a buildfile is checked without running its commands")
    func checkBuildfile() throws {
        let (scratch, file, folder) = try project()
        defer { withExtendedLifetime(scratch) {} }
        let findings = try PackageInspection.checkBuildfile(file)
        #expect(findings.filter { $0.level == .warn }.count == 2, "install.sh and supervisor.conf are made by make.sh")
        #expect(!findings.contains { $0.level == .fail })
        #expect(!FileManager.default.fileExists(atPath: folder + "/install.sh"))
        let (other, wrong, _) = try project("{\"name\": \"a\"}")
        defer { withExtendedLifetime(other) {} }
        #expect(try PackageInspection.checkBuildfile(wrong).map(\.level) == [.fail, .fail])
    }
}
