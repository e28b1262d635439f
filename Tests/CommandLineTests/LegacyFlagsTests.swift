import Testing

@testable import gwe

@Suite struct LegacyFlagsTests {
    private func commands(_ line: String...) -> [[String]]? {
        guard case .commands(let commands, _) = LegacyFlags.translate(line) else { return nil }
        return commands
    }

    private func notes(_ line: String...) -> [String] {
        guard case .commands(_, let notes) = LegacyFlags.translate(line) else { return [] }
        return notes
    }

    @Test("no argument runs the engine, as supervisord starts it")
    func none() { #expect(LegacyFlags.translate([]) == .commands([["run"]], notes: [])) }

    @Test(
        "gwe's own commands are left alone",
        arguments: [
            ["status"], ["reconcile", "--dry-run"], ["--help"], ["-h"], ["--version"],
            ["config", "set", "poll", "long"],
            ["logs", "app", "-n", "5"], ["package", "build", "f", "-o", "dir"], ["--state-dir", "/x", "status"],
            ["--unknown"], ["-ov"], ["-t", "60", "--help"],
        ])
    func modern(line: [String]) { #expect(LegacyFlags.translate(line) == .modern) }

    @Test(
        "each old flag does what its successor does, and names it once",
        arguments: [
            (["-v"], [["--version"]], "--version"),
            (["--build-id"], [["--version"]], "--version"),
            (["-p"], [["config", "program-path"]], "config program-path"),
            (["-e"], [["config", "show"]], "config show"),
            (["--gateway-cfg"], [["config", "show"]], "config show"),
            (["-C"], [["config", "get", "token", "--default", "''"]], "config get token"),
            (["-o"], [["reconcile"]], "reconcile"),
            (["-x"], [["package", "init", "--ask"]], "package init --ask"),
            (["-x", "my.json"], [["package", "init", "my.json", "--ask"]], "package init my.json --ask"),
            (["-y", "f.json"], [["package", "build", "f.json"]], "package build f.json"),
            (["--build-app-tarball", "f.json"], [["package", "build", "f.json"]], "package build f.json"),
            (
                ["-I", "a.v1.tar.gz", "b.v2.tar.gz"], [["install", "a.v1.tar.gz", "b.v2.tar.gz"]], "install a.v1.tar.gz"
            ),
            (["-w", "f.json"], [["package", "check", "f.json"]], "package check f.json"),
            (["--check-tarfile", "t"], [["package", "check", "t"]], "package check t"),
            (["-z", "t"], [["package", "check", "t"]], "package check t"),
            (["--mac-address", "eth0"], [["config", "mac-address", "eth0"]], "config mac-address eth0"),
        ])
    func actions(line: [String], expected: [[String]], successor: String) {
        guard case .commands(let commands, let notes) = LegacyFlags.translate(line) else {
            Issue.record("\(line) was not translated")
            return
        }
        #expect(commands == expected)
        #expect(notes.count == 1)
        #expect(notes.first?.contains("is now 'gwe \(successor)") == true, "\(notes)")
    }

    @Test(
        "each setter writes its key and shows the configuration afterwards",
        arguments: [
            (["-t", "60"], ["update_interval", "60"]), (["-t60"], ["update_interval", "60"]),
            (["--set-update-interval=60"], ["update_interval", "60"]), (["-P", "pid"], ["product", "pid"]),
            (["--product-id", "pid"], ["product", "pid"]), (["-m", "pid"], ["product", "pid"]),
            (["-m", "pid", "-r", "pid"], ["product", "pid"]), (["-u", "x y!$"], ["identity", "x y!$"]),
            (["-u", "''"], ["identity", ""]), (["-i", "eth0"], ["interface", "eth0"]),
            (["-a", "My/1"], ["user_agent", "My/1"]), (["-d", "DEBUG"], ["log_level", "debug"]),
            (
                ["-P", "pid", "-u", "''", "-i", "eth0", "-t", "60"],
                ["product", "pid", "identity", "", "interface", "eth0", "update_interval", "60"]
            ),
        ])
    func setters(line: [String], pairs: [String]) {
        guard case .commands(let commands, let notes) = LegacyFlags.translate(line) else {
            Issue.record("\(line) was not translated")
            return
        }
        #expect(commands == [["config", "set"] + pairs, ["config", "show"]])
        #expect(notes.allSatisfy { $0.hasPrefix("gwe: note: -") && $0.contains("is now 'gwe config ") })
    }

    @Test("the documented note is worded as documented")
    func wording() { #expect(notes("-t", "60") == ["gwe: note: -t is now 'gwe config set update_interval 60'"]) }

    @Test("setters come before what the same call does; a level for that call is not kept")
    func mixed() {
        #expect(commands("-P", "pid", "-o") == [["config", "set", "product", "pid"], ["reconcile"]])
        #expect(commands("-d", "DEBUG", "-I", "t") == [["install", "t"]])
        #expect(commands("-y", "f.json", "-d", "DEBUG") == [["package", "build", "f.json"]])
        #expect(
            commands("-n", "web", "-s", "2", "-y", "f.json")
                == [["package", "build", "f.json", "--app-name", "web", "--app-version", "2"]])
    }

    @Test("the folders go to every command that has them")
    func folders() {
        #expect(
            commands("--state-dir", "/s", "-t", "60")
                == [
                    ["config", "set", "update_interval", "60", "--state-dir", "/s"],
                    ["config", "show", "--state-dir", "/s"],
                ])
    }

    @Test("a token goes on, but no note shows it")
    func token() {
        let cik = String(repeating: "c0ffee00", count: 5)
        #expect(commands("-c", cik)?.first == ["config", "set", "--allow-token-argument", "token", cik])
        #expect(notes("-c", cik).contains { $0.contains("config set token -") })
        #expect(!notes("-c", cik).contains { $0.contains(cik) })
        #expect(commands("-c", "''")?.first == ["config", "unset", "token"])
    }

    @Test("what has no successor says so")
    func gone() {
        #expect(LegacyFlags.translate(["-l", "60"]) == .commands([], notes: notes("-l", "60")))
        #expect(notes("-l", "60").first?.contains("-l is gone") == true)
        guard case .error(let message) = LegacyFlags.translate(["--download-latest", "gmq-master"]) else {
            Issue.record("--download-latest should be refused")
            return
        }
        #expect(message.contains("--download-latest is gone"))
    }

    @Test(
        "a call that cannot be meant is refused",
        arguments: [
            (["-t"], "-t needs a value"), (["-I"], "-I needs a value"), (["-o", "status"], "cannot combine"),
            (["-m", "a", "-r", "b"], "model, vendor and product id are one thing now"),
            (["-u", "a", "-u", "b"], "identity is given twice"), (["-n", "web"], "which is missing"),
        ])
    func refused(line: [String], message: String) {
        guard case .error(let text) = LegacyFlags.translate(line) else {
            Issue.record("\(line) should be refused")
            return
        }
        #expect(text.contains(message), "\(text)")
    }
}
