import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// Packages from a developer's desk to a gateway (docs/packages.md).
@Suite("Packages on a gateway") struct PackageTests {
    /// Runs a program of the system to its end.
    private func run(_ program: String, _ arguments: [String], on gateway: GatewayFixture) throws -> Ran {
        try TestProcess(
            program, arguments, environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"],
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    /// Installs a package by the cloud's command.
    private func install(_ package: TestPackage, on gateway: GatewayFixture) throws -> Ran {
        try gateway.upload(package)
        try gateway.command("{\"install\":[{\"name\":\"\(package.fileName)\"}]}")
        return try gateway.gwe("reconcile")
    }

    private func fetchState(_ package: TestPackage, of gateway: GatewayFixture) throws -> JSONValue? {
        let text = try #require(try gateway.resource("fetch_status"))
        return try JSON.parse(Array(text.utf8), source: "fetch_status").json[package.fileName]
    }

    @Test("a buildfile of Gateway Engine's documentation is built, checked, uploaded, installed and runs")
    func story() throws {
        let gateway = try GatewayFixture()
        let desk = gateway.root + "/desk"
        try gateway.write("#!/bin/sh\nmkdir -p installed\n", to: desk + "/install.sh")
        try gateway.write("#!/bin/sh\necho reporting; exec sleep 1000\n", to: desk + "/report_coffee.sh")
        try gateway.write("[supervisord]\ncommand=sh report_coffee.sh\nstartsecs=0\n", to: desk + "/supervisor.conf")
        try gateway.write(
            #"""
            {"app": {"name": "coffee_reporter", "version": "1",
             "includes": ["install.sh", "report_coffee.sh", "supervisor.conf"], "excludes": [],
             "pre_build_cmds": ["chmod +x install.sh"], "post_build_cmds": []}}
            """#, to: desk + "/build.json")
        var built = try gateway.gwe("package", "build", desk + "/build.json", "--output", gateway.root)
        if built.code != 0 {
            // The other form of buildfile: its keys at the top.
            try gateway.write(
                #"""
                {"name": "coffee_reporter", "version": "1",
                 "includes": ["install.sh", "report_coffee.sh", "supervisor.conf"], "excludes": [],
                 "pre_build_cmds": ["chmod +x install.sh"], "post_build_cmds": []}
                """#, to: desk + "/build.json")
            built = try gateway.gwe("package", "build", desk + "/build.json", "--output", gateway.root)
        }
        #expect(built.code == 0, "\(built)")
        let path = built.out.split(separator: "\n").last.map(String.init) ?? ""
        #expect(path.hasSuffix("/coffee_reporter.v1.tar.gz"), "\(built)")
        #expect(try gateway.gwe("package", "check", path).code == 0)
        let bytes = try #require(FileManager.default.contents(atPath: path))
        try gateway.sandbox.uploadContent("coffee_reporter.v1.tar.gz", Array(bytes))
        try gateway.command(#"{"install":[{"name":"coffee_reporter.v1.tar.gz"}]}"#)
        try gateway.withDaemon { (daemon) throws in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.row("coffee_reporter")["state"]?.string == "RUNNING")
            try gateway.eventually("it writes its log") {
                gateway.read(gateway.logFolder + "/coffee_reporter.log") == "reporting\n"
            }
        }
    }

    @Test("install.sh runs in the release with its variables, and its output is told")
    func contract() throws {
        let gateway = try GatewayFixture()
        let script = """
            pwd
            echo "$GWE_APP/$GWE_VERSION/$GWE_PREVIOUS_VERSION"
            [ "$PWD" = "$GWE_RELEASE_DIR" ] && echo "release folder"
            [ -d "$GWE_DATA_DIR" ] && echo "data folder"
            echo "current $(readlink "$GWE_CURRENT_DIR")"
            [ "$(ps -o pgid= -p $$ | tr -d ' ')" = $$ ] && echo "own process group"
            """
        for version in ["1", "2"] {
            let package = TestPackage.oneOff("tool", version, extra: ["install.sh": .script(script)])
            let pass = try install(package, on: gateway)
            #expect(pass.code == 0, "\(pass)")
            let output = try #require(try fetchState(package, of: gateway)?["output"]?.string)
            let lines = output.split(separator: "\n").map(String.init)
            let folder = try #require(gateway.current("tool"))
            let previous = version == "1" ? "" : "1"
            #expect(lines.first == "\(gateway.stateFolder)/releases/tool/\(folder)", "\(output)")
            #expect(lines.contains("tool/\(version)/\(previous)"), "\(output)")
            for line in ["release folder", "data folder", "own process group"] {
                #expect(lines.contains(line), "\(output)")
            }
        }
    }

    @Test("of an installer's output the last 4 KiB are told")
    func longOutput() throws {
        let gateway = try GatewayFixture()
        let script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exit 5"
        let package = TestPackage.oneOff("tool", "1", extra: ["install.sh": .script(script)])
        #expect(try install(package, on: gateway).code == 1)
        let state = try fetchState(package, of: gateway)
        #expect(state?["state"]?.string == "install_error")
        #expect(state?["info"]?.string?.contains("exit code 5") == true)
        let output = try #require(state?["output"]?.string)
        #expect(output.utf8.count <= 4_096 && output.utf8.count > 3_000)
        #expect(output.hasSuffix("line 2999\n"))
    }

    @Test(
        "a package that a gateway cannot take is refused with its reason, and nothing of it is in force",
        arguments: [
            (
                "no x bit", TestPackage("tool", "1", files: ["install.sh": "#!/bin/sh\n"]),
                "install.sh is not executable"
            ),
            ("other name", TestPackage("tool", "1", files: ["app.yaml": "name: other\nversion: \"1\"\n"]), "other"),
            ("other version", TestPackage("tool", "1", files: ["app.yaml": "name: tool\nversion: \"2\"\n"]), "2"),
            (
                "other machine",
                TestPackage("tool", "1", files: ["app.yaml": "name: tool\nversion: \"1\"\narch: mips\n"]), "mips"
            ),
            (
                "two programs", TestPackage("tool", "1", files: ["supervisor.conf": "[program:x]\n[program:y]\n"]),
                "program"
            ),
            ("no section", TestPackage("tool", "1", files: ["supervisor.conf": "command=x\n"]), "supervisord"),
            ("reserved name", TestPackage("gwe", "1", files: ["install.sh": .script("exit 0")]), "gwe"),
        ])
    func refused(name: String, package: TestPackage, reason: String) throws {
        let gateway = try GatewayFixture()
        let pass = try install(package, on: gateway)
        #expect(pass.code == 1 || pass.code == 65, "\(pass)")
        #expect(pass.err.contains(reason), "\(pass)")
        #expect(gateway.current(package.name) == nil)
        #expect(gateway.names(gateway.stateFolder + "/releases").isEmpty, "a failed package leaves no empty folder")
        // The check on the developer's desk says the same before it is uploaded, but for which gateway it is.
        guard name != "other machine" else { return }
        let path = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        #expect(try gateway.gwe("package", "check", path).code == 65)
    }

    @Test(
        "an archive that leads out is refused with its entry named, and leaves nothing behind",
        arguments: [
            "dot-dot", "absolute", "symlink", "hard link", "device",
        ])
    func escape(way: String) throws {
        let gateway = try GatewayFixture()
        let desk = gateway.root + "/desk"
        try gateway.write("x", to: desk + "/inside")
        try gateway.write("evil", to: gateway.root + "/evil")
        let path = gateway.root + "/tool.v1.tar.gz"
        var entry = ""
        var arguments = ["-c", "-z", "-P", "-f", path, "-C", desk]
        switch way {
        case "dot-dot":
            entry = "../../../evil-twin"
            arguments += ["--transform", "s,inside,\(entry),", "inside"]
        case "absolute":
            entry = gateway.root + "/evil-twin"
            arguments += ["--transform", "s,inside,\(entry),", "inside"]
        case "symlink":
            entry = "way-out"
            try #require(symlink("../../../..", desk + "/" + entry) == 0)
            arguments += [entry, "inside", "--transform", "s,inside,way-out/evil-twin,S"]
        case "hard link":
            entry = "inside"
            // The second name of a file outside: tar writes the first as a file and the second as a link to it.
            try #require(link(gateway.root + "/evil", desk + "/linked") == 0)
            arguments += [
                "--transform", "s,^linked$,link-out,;s,.*/evil,../../../evil,", gateway.root + "/evil", "linked",
            ]
            entry = "evil"
        default:
            entry = "null"
            // 1, 3 is /dev/null; mknod(2) is not permitted in every container.
            guard mknod(desk + "/null", S_IFCHR | 0o666, 0x103) == 0 else { return }
            arguments += [entry]
        }
        let tar = try run("/bin/tar", arguments, on: gateway)
        #expect(tar.code == 0, "\(tar)")
        let bytes = try #require(FileManager.default.contents(atPath: path))
        try gateway.sandbox.uploadContent("tool.v1.tar.gz", Array(bytes))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 1, "\(pass)")
        #expect(pass.err.contains(entry), "\(pass)")
        #expect(!FileTree.exists(gateway.root + "/evil-twin"))
        #expect(gateway.read(gateway.root + "/evil") == "evil")
        #expect(gateway.current("tool") == nil)
        #expect(gateway.names(gateway.stateFolder + "/releases/tool").isEmpty)
    }

    @Test("setup.py alone is run with python3 setup.py install; files under one top folder are taken as at the root")
    func setup() throws {
        let gateway = try GatewayFixture()
        let package = TestPackage(
            "lib", "0.3",
            files: ["lib-0.3/setup.py": "import sys\nprint('setup', sys.argv[1:])\n", "lib-0.3/lib.py": "x = 1\n"])
        let pass = try install(package, on: gateway)
        #expect(pass.code == 0, "\(pass)")
        #expect(try fetchState(package, of: gateway)?["output"]?.string == "setup ['install']\n")
        #expect(gateway.read(gateway.currentFolder(of: "lib") + "/lib.py") == "x = 1\n")
        #expect(try gateway.row("lib")["kind"]?.string == "library")
    }

    @Test("packages in zstd and xz are as good as in gzip", arguments: [TarWriter.Compression.zstd, .xz])
    func compressions(compression: TarWriter.Compression) throws {
        let gateway = try GatewayFixture()
        var package = TestPackage.oneOff("tool", "1")
        package.compression = compression
        let pass = try install(package, on: gateway)
        #expect(pass.code == 0, "\(pass)")
        #expect(try gateway.row("tool", "--deep")["sync"]?.string == "synced")
    }

    @Test("content that is not what its digest says is refused, and a damaged archive too", arguments: [true, false])
    func wrongContent(byDigest: Bool) throws {
        let gateway = try GatewayFixture()
        var bytes = try TestPackage.oneOff("tool", "1").bytes(scratch: gateway.root + "/scratch")
        let digest = byDigest ? ",\"sha256\":\"\(String(repeating: "0", count: 64))\"" : ""
        if !byDigest { bytes[bytes.count / 2] ^= 0xFF }
        try gateway.sandbox.uploadContent("tool.v1.tar.gz", bytes)
        try gateway.command("{\"install\":[{\"name\":\"tool.v1.tar.gz\"\(digest)}]}")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 1, "\(pass)")
        #expect(gateway.current("tool") == nil)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == nil)
        #expect(try gateway.row("tool")["last_error"]?.string?.isEmpty == false)
    }
}
