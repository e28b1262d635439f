import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// Packages as people write them: what `gwe package check`, `gwe package build` and `gwe install` say of them, and that they
/// take what a pass takes.
@Suite("Packages as people write them") struct WrittenPackagesTests {
    private let gateway: GatewayFixture

    init() throws { gateway = try GatewayFixture(hasCloud: false) }

    /// The tarball in the gateway's folder.
    private func write(_ package: TestPackage) throws -> String {
        let path = gateway.root + "/" + package.fileName
        try Data(package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func service(_ conf: String, _ more: [String: TestPackage.File] = [:], version: String = "1") -> TestPackage
    {
        TestPackage("a1", version, files: more.merging(["supervisor.conf": TestPackage.File(conf)]) { $1 })
    }

    private func check(_ package: TestPackage) throws -> Ran { try gateway.gwe("package", "check", write(package)) }

    private let open = """
        [supervisord]
        command=/bin/sh -c 'echo "$SSL $H %(ENV_GWE_APP)s"; exec sleep 1000'
        numprocs=%(ENV_N)s
        process_name=%(program_name)s_%(process_num)02d
        autostart=%(ENV_ON)s
        priority=%(ENV_RANK)s
        environment=SSL=%(ENV_SSL)s,H=%(ENV_H)s
        """

    // MISP/misp-docker, Supervisor/supervisor#750, Supervisor/supervisor#1381
    @Test("variables of the gateway's environment may stand for every value: noted by the check, and used at install")
    func variables() throws {
        let package = service(open)
        let ran = try check(package)
        #expect(ran.code == 0 && !ran.out.contains("[FAIL]"), "\(ran)")
        for key in ["numprocs", "autostart", "priority"] {
            #expect(ran.out.contains(": \(key): its value comes from the gateway's environment"), "\(ran)")
        }
        #expect(ran.out.contains("it needs the variable SSL in the environment of gwe on the gateway"), "\(ran)")
        #expect(!ran.out.contains("GWE_APP"), "gwe gives it itself: \(ran)")

        // Not set where gwe runs: refused at once, and nothing is kept of the wish.
        let refused = try gateway.gwe("install", write(package))
        #expect(refused.code == 65 && (refused.err + refused.out).contains("the environment has no N"), "\(refused)")
        #expect(!gateway.names(gateway.stateFolder + "/releases").contains("a1"))

        gateway.environment = ["N": "2", "ON": "true", "RANK": "5", "SSL": "yes", "H": "host"]
        try gateway.withDaemon { (daemon) throws in
            let installed = try gateway.gwe("install", write(package))
            #expect(installed.code == 0, "\(installed)")
            try gateway.eventually("both processes have the values") {
                (0...1).allSatisfy {
                    gateway.read(gateway.logFolder + "/a1:a1_0\($0).log")?.hasPrefix("yes host a1\n") == true
                }
            }
        }
    }

    @Test("a program below directory= is looked for there, and not in the package where that lies elsewhere")
    func directory() throws {
        let elsewhere = try check(service("[supervisord]\ndirectory=/opt/x\ncommand=bin/run\n"))
        #expect(elsewhere.code == 0 && !elsewhere.out.contains("bin/run' is"), "\(elsewhere)")
        let script = TestPackage.File.script("exec sleep 1000")
        let inside = try check(
            service("[supervisord]\ndirectory=app\ncommand=./bin/../run\n", ["app/run": script], version: "2"))
        #expect(inside.code == 0, "\(inside)")
        let missing = try check(
            service("[supervisord]\ndirectory=app\ncommand=bin/run\n", ["bin/run": script], version: "3"))
        #expect(
            missing.code == 65
                && missing.out.contains("'app/bin/run' is the program to run, but it is not in the package"))
        let data = try check(
            service("[supervisord]\ndirectory=%(ENV_GWE_DATA_DIR)s\ncommand=bin/run\n", version: "4"))
        #expect(data.code == 0 && !data.out.contains("GWE_DATA_DIR in the environment"), "\(data)")
    }

    @Test("a supervisor.conf of over a mebibyte, and one that is a folder, fail the check as they fail a pass")
    func sizes() throws {
        // Text that does not pack into nothing: what does is refused as a bomb.
        func noise(_ count: Int) -> String { (0..<count).map { String($0 &* 2_654_435_761, radix: 36) }.joined() }
        let long = "[supervisord]\ncommand=sleep 1000\n; " + noise(150_000)
        let ran = try check(service(long))
        #expect(ran.code == 65 && ran.out.contains("[FAIL] supervisor.conf: it has more than 1 MiB"), "\(ran)")
        #expect(try gateway.gwe("install", write(service(long))).code == 65)
        // Between what the check once read and what a gateway reads.
        let middle = "[supervisord]\n; " + noise(12_000) + "\ncommand=sleep 1000\n"
        #expect(try check(service(middle, version: "2")).code == 0)
        let folder = try check(
            TestPackage("a1", "3", files: ["supervisor.conf/x": "y", "install.sh": .script("exit 0")]))
        #expect(folder.code == 65 && folder.out.contains("[FAIL] supervisor.conf: it is a folder"), "\(folder)")
    }

    // The container files of gateways: a whole supervisord.conf.
    @Test("a whole supervisord.conf installs and runs, and what is dropped or means nothing is told with its line")
    func notes() throws {
        let package = service(
            """
            [supervisord]
            nodaemon=true

            [program:gw]
            command=/bin/sh -c 'echo on; exec sleep 1000' # the program
            group=dialout
            """)
        let ran = try check(package)
        #expect(ran.code == 0, "\(ran)")
        for words in [
            "supervisor.conf:1:1: section [supervisord] is ignored",
            "supervisor.conf:5:47: command: '# the program' was taken",
            "group: no key of supervisord's either",
        ] { #expect(ran.out.contains(words), "\(words): \(ran)") }
        try gateway.withDaemon { (daemon) throws in
            let installed = try gateway.gwe("install", write(package))
            #expect(
                installed.code == 0 && (installed.out + installed.err).contains("was taken as a comment"),
                "\(installed)")
            try gateway.eventually("it runs") { gateway.read(gateway.logFolder + "/a1.log") == "on\n" }
        }
    }

    @Test("all mistakes of supervisor.conf are told at once, by the check and by the refusal")
    func mistakes() throws {
        let package = service("[supervisord]\ncommand=sleep 1\nstartsecs=1s\nautostart=ja\n")
        for ran in [try check(package), try gateway.gwe("install", write(package))] {
            #expect(ran.code == 65, "\(ran)")
            let text = ran.out + ran.err
            #expect(
                text.contains("startsecs: expected a whole number") && text.contains("autostart: expected true"),
                "\(ran)")
        }
    }

    // pypa/setuptools#4002, COVESA/ifex#115
    @Test("setup.py that needs distutils or setuptools is noted, and that what it installs stays")
    func setup() throws {
        func package(_ text: String, _ version: String) -> TestPackage {
            TestPackage("a1", version, files: ["setup.py": TestPackage.File(text)])
        }
        let old = try check(package("from distutils.core import setup\nsetup(name='x')\n", "1"))
        #expect(old.code == 0 && old.out.contains("[WARN] setup.py: it imports distutils, which Python 3.12"), "\(old)")
        #expect(old.out.contains("stays when the app is removed: take it away in uninstall.sh"), "\(old)")
        let new = try check(package("import setuptools\nsetuptools.setup()\n", "2"))
        #expect(new.out.contains("it needs setuptools"), "\(new)")
        let plain = try check(package("import os\n# distutils is not needed\nos.makedirs('x')\n", "3"))
        #expect(!plain.out.contains("distutils") && plain.out.contains("stays when the app is removed"), "\(plain)")
    }

    // MARK: buildfiles

    @Test("a buildfile that misses a key by a letter, files that are missing and a folder that is: each is named")
    func buildfile() throws {
        let desk = gateway.root + "/desk"
        try gateway.write("x", to: desk + "/a.txt")
        func build(_ text: String, _ arguments: String...) throws -> Ran {
            try gateway.write(text, to: desk + "/b.json")
            return try gateway.start(["package", "build", desk + "/b.json"] + arguments).wait()
        }
        let slip = try build(#"{"name": "a", "version": "1", "include": ["a.txt"]}"#)
        #expect(slip.code == 65, "\(slip)")
        #expect(
            slip.err.contains(#"the key includes is missing: did you mean "includes" in place of "include"?"#),
            "\(slip)")
        let missing = try build(#"{"name": "a", "version": "1", "includes": ["a.txt", "b.txt", "c*"]}"#, "-o", desk)
        #expect(missing.code == 66 && missing.err.contains("matches 'b.txt', 'c*'"), "\(missing)")
        let good = #"{"name": "a", "version": "1", "includes": ["a.txt"]}"#
        let nowhere = try build(good, "-o", gateway.root + "/nosuch/dir")
        #expect(nowhere.code == 73 && nowhere.err.contains("there is no folder in which"), "\(nowhere)")
        #expect(!FileManager.default.fileExists(atPath: gateway.root + "/nosuch"))
        #expect(try build(good, "-o", gateway.root + "/out").code == 0)
    }

    @Test("a check goes on behind a file that cannot be read")
    func checkGoesOn() throws {
        let good = try write(service("[supervisord]\ncommand=sleep 1000\n"))
        let ran = try gateway.gwe("package", "check", gateway.root + "/gone.v1.tar.gz", good)
        #expect(ran.code == 66 && ran.err.contains("gone.v1.tar.gz"), "\(ran)")
        #expect(ran.out.contains("command: sleep 1000"), "\(ran)")
    }

    // VirusTotal/yara#2088, upa/mscp#45, linuxdeepin/dde-file-manager#2311, BurntSushi/ripgrep#3259
    @Test(
        "folders that an installer has made are in force 250 levels deep; 3,000, and 17 of 250 bytes, are its failure",
        arguments: [(250, 1), (3_000, 1), (17, 250)])
    func deepTree(levels: Int, length: Int) throws {
        let step = "    os.mkdir('d' * \(length))\n    os.chdir('d' * \(length))\n"
        let package = TestPackage.oneOff(
            "deep", "1",
            extra: [
                "install.sh": .script("exec python3 make.py"),
                "make.py": .init("import os\nfor _ in range(\(levels)):\n\(step)"),
            ])
        let install = try gateway.gwe("install", try write(package))
        if levels == 250 {
            #expect(install.code == 0, "\(install)")
            let again = try gateway.gwe("reconcile", "--offline")
            #expect(again.code == 0 && again.out.contains("In sync: 1 app"), "\(again)")
            let deep = try gateway.gwe("status", "--deep")
            #expect(deep.out.contains("1 in sync"), "\(deep)")
            #expect(try gateway.gwe("remove", "deep").code == 0)
        } else {
            #expect(install.code == 1, "\(install)")
            let why = length == 1 ? "d/d/…, which has more than 256 folders one in another: " : "ddd…: "
            #expect(install.err.contains(why + "file name too long"), "\(install)")
            #expect(try gateway.row("deep")["installed"]?.string == nil)
        }
        let folder = gateway.stateFolder + "/releases"
        let left = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.contains("/d") }
        #expect(left.isEmpty, "\(left)")
    }

    @Test("gwe --create-buildfile asks, as Gateway Engine did, and takes its answers or the defaults")
    func createBuildfile() throws {
        let folder = gateway.root + "/new"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func ask(_ input: String?, _ arguments: [String]) throws -> Ran {
            try TestProcess(
                "gwe", arguments, environment: gateway.variables, directory: folder, input: input,
                scratch: gateway.root + "/scratch"
            ).wait()
        }
        let asked = try ask("mine.json\nweb\n2.1\n", ["--create-buildfile"])
        #expect(asked.code == 0 && asked.out == folder + "/mine.json\n", "\(asked)")
        #expect(asked.err.contains("file [my_app.json]: ") && asked.err.contains("version [1]: "), "\(asked)")
        let text = try #require(gateway.read(folder + "/mine.json"))
        #expect(text.contains("\"web\"") && text.contains("\"2.1\""))
        let silent = try ask(nil, ["-x"])
        #expect(silent.code == 0 && silent.out == folder + "/my_app.json\n", "\(silent)")
        let modern = try ask("no\n", ["package", "init", "other.json"])
        #expect(modern.code == 0 && !modern.err.contains("["), "\(modern)")
        #expect(try ask("third.json\nno name\n", ["-x"]).code == 64)
    }
}
