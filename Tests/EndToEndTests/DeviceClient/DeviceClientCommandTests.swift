import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `gdc` as shell scripts use it: the real program under its other name, with the sandbox as the cloud.
@Suite("gdc") struct DeviceClientCommandTests {
    let gateway: GatewayFixture
    let gdc: String
    /// 40 characters that no device has.
    static let foreignToken = String(repeating: "f", count: 40)

    init() throws {
        gateway = try GatewayFixture()
        gdc = gateway.root + "/gdc"
        try #require(symlink("\(Repository.products)/gwe", gdc) == 0)
    }

    private var url: String { gateway.sandbox.url }

    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Ran {
        try TestProcess(
            gdc, arguments, environment: gateway.variables.merging(environment) { $1 },
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    private func run(_ arguments: String...) throws -> Ran { try run(arguments) }

    /// A line of shell in the gateway's folder, in which `gdc` is on the path.
    private func shell(_ line: String, environment: [String: String] = [:]) throws -> Ran {
        var variables = gateway.variables.merging(environment) { $1 }
        variables["PATH"] = gateway.root + ":" + (variables["PATH"] ?? "")
        return try TestProcess(
            "/bin/sh", ["-c", "cd \"$0\" && \(line)", gateway.root], environment: variables,
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    /// Activates the gateway's own device; its token.
    private func activate() throws -> String {
        let ran = try run("-f", "gwe", "http", "activate")
        try #require(ran.code == 0, "\(ran)")
        return try #require(try gateway.sandbox.token(of: gateway.id))
    }

    private func mode(_ path: String) -> mode_t {
        var facts = stat()
        return lstat(path, &facts) == 0 ? facts.st_mode & 0o777 : 0
    }

    // MARK: http

    @Test("every call, with each status that the API documents: what is printed, and how it ends")
    func calls() throws {
        let token = try activate()
        try gateway.sandbox.uploadContent("app.v1.tar.gz", Array("content".utf8))
        try gateway.sandbox.uploadContent("b.txt", Array("b".utf8))
        let bad = ["-H", url, "-k", Self.foreignToken]
        let own = ["-f", "gwe"]
        func ini(_ name: String, _ text: String) throws -> [String] {
            try gateway.write("[device]\n" + text, to: gateway.root + "/" + name)
            return ["-f", gateway.root + "/" + name]
        }
        // The two forms of a state file, and the host on the command line.
        let state = try ini("state.ini", "murano_host = \(url)/\nmurano_id = x\nmurano_token = \(token)\n")
        let old = try ini("Gateway.cfg", "cik = \(token)\nmodel = no\nvendor = no\nuuid = ''\niface = ''\n")
        let foreignProduct = old + ["-H", url]
        let rows: [(arguments: [String], out: String, code: Int32)] = [
            (own + ["http", "read", "a"], "[204] \n", 0),
            (own + ["http", "write", "a", "x y&=%+ü"], "[204] \n", 0),
            (own + ["http", "read", "a", "none"], "[200] a=x y&=%+ü\n", 0),
            (state + ["http", "write", "b", "-7"], "[204] \n", 0),
            (["-k", token, "-H", url, "http", "read", "b"], "[200] b=-7\n", 0),
            (foreignProduct + ["http", "read", "b"], "[200] b=-7\n", 0),
            (own + ["http", "write", "", "x"], "[400] expected an alias of 1 to 255 bytes\n", 1),
            (bad + ["http", "read", "a"], "[401] \n", 77),
            (bad + ["http", "write", "a", "1"], "[401] \n", 77),
            (bad + ["http", "record", "1", "a", "1"], "[401] \n", 77),
            (bad + ["http", "poll", "a", "10"], "[401] \n", 77),
            (bad + ["http", "content", "list"], "[401] \n", 77),
            (bad + ["http", "content", "info", "b.txt"], "[401] \n", 77),
            (["-H", url, "http", "read", "a"], "[401] \n", 77),
            (own + ["http", "poll", "a", "50"], "[304] \n", 0),
            (own + ["http", "poll", "b", "5000", "1"], "[200] b=-7\n", 0),
            (own + ["http", "poll", "b", "5000", "Thu, 01 Jan 1970 00:00:01 GMT"], "[200] b=-7\n", 0),
            (own + ["http", "record", "1000", "r", "5"], "[204] \n", 0),
            (own + ["http", "record", "1000", "r", "6"], "[409] r=1000\n", 1),
            (own + ["http", "content", "list"], "app.v1.tar.gz\nb.txt\n", 0),
            (foreignProduct + ["http", "content", "list"], "[403] \n", 77),
            (own + ["http", "content", "info", "none"], "[400] \n", 1),
            (own + ["http", "activate"], "[409] \n", 1),
            (["-H", url, "-u", "nobody", "http", "activate"], "[404] \n", 1),
            (["-H", url, "-u", "", "http", "activate"], "", 64),
            (["-H", url, "http", "activate"], "", 64),
        ]
        for row in rows {
            let ran = try run(row.arguments)
            #expect(ran.out == row.out, "\(ran)")
            #expect(ran.code == row.code, "\(ran)")
            if row.code != 64 { #expect(ran.err.isEmpty, "\(ran)") }
        }
        let info = try run(own + ["http", "content", "info", "b.txt"])
        #expect(info.out.hasPrefix("[200] ") && info.out.contains(",1,"), "\(info)")
        #expect(info.out.filter { $0 == "," }.count == 3, "\(info)")
        let clock = try run("-H", url, "http", "timestamp")
        let seconds = try #require(Int64(clock.out.dropLast()), "\(clock)")
        #expect(abs(seconds - Int64(time(nil))) < 600)
    }

    @Test(
        "trouble of the cloud: the status and the exit that says what to do",
        arguments: [
            (Fault.Kind.answer(status: 403, retryAfter: nil), "[403] ", 77),
            (.answer(status: 429, retryAfter: 5), "[429] ", 75), (.answer(status: 503, retryAfter: nil), "[503] ", 75),
            (.captivePortal, "[0] \n", 69), (.garbage, "[0] \n", 69), (.huge(byteCount: 9 << 20), "[0] \n", 69),
            (.silent, "[0] \n", 69), (.cut(afterByteCount: 1), "[0] \n", 69),
        ] as [(Fault.Kind, String, Int32)])
    func trouble(kind: Fault.Kind, out: String, code: Int32) throws {
        _ = try activate()
        #expect(try run("-f", "gwe", "http", "write", "a", "some value").code == 0)
        gateway.sandbox.addFault(Fault(kind))
        let ran = try run("-f", "gwe", "-t", kind == .silent ? "1" : "30", "http", "read", "a")
        #expect(ran.out.hasPrefix(out), "\(ran)")
        #expect(ran.code == code, "\(ran)")
        if code == 69 { #expect(ran.err.hasPrefix("gdc: cannot read a: "), "\(ran)") }
    }

    @Test("plain http is for this machine only; nothing listens: 69; a wrong line: 64, before anything is sent")
    func refused() throws {
        let remote = try run("-H", "http://192.0.2.1", "http", "timestamp")
        #expect(remote.code == 78)
        #expect(remote.err.contains("plain http is for loopback only"), "\(remote)")
        // A server that has stopped knows its address no more.
        let gone = url
        gateway.sandbox.stop()
        let nobody = try run("-H", gone, "http", "timestamp")
        #expect(nobody.code == 69, "\(nobody)")
        let wrong: [[String]] = [
            [], ["htpp"], ["http"], ["http", "reed", "a"], ["http", "read"], ["http", "write", "a"],
            ["http", "poll", "a", "soon"], ["http", "poll", "a", "300001"], ["http", "record", "now", "a", "1"],
            ["http", "content", "download", "../x"], ["http", "content", "download", "/etc/passwd"],
            ["http", "content", "download", ".."], ["http", "content", "download", ""], ["cfg"],
            ["write", "a", "b"], ["write", "short", "a", "b"], ["-k", "short", "http", "read", "a"],
            ["-P", "0", "http", "read", "a"], ["-t", "never", "http", "read", "a"], ["-x", "http", "read", "a"],
            ["-d", "LOUD", "http", "read", "a"], ["-H", "mqtt://x", "http", "read", "a"],
        ]
        for line in wrong {
            let ran = try run(line.contains("-H") ? line : ["-H", url] + line)
            #expect(ran.code == 64, "\(ran)")
            #expect(ran.out.isEmpty, "\(ran)")
            #expect(ran.err.hasPrefix("gdc: "), "\(ran)")
        }
        #expect(try run("http", "timestamp").err.contains("-H https://PRODUCT.m2.exosite.io"))
    }

    @Test("'-' writes each line of standard input as it comes")
    func lines() throws {
        _ = try activate()
        let ran = try shell("printf '1\\n-2\\n\\nlast' | gdc -f gwe http write temperature -")
        #expect(ran.out == String(repeating: "[204] \n", count: 4), "\(ran)")
        #expect(ran.code == 0)
        #expect(try gateway.resource("temperature") == "last")
        let failed = try shell("echo 1 | gdc -H \(url) -k \(Self.foreignToken) http write temperature -")
        #expect(failed.out == "[401] \n")
        #expect(failed.code == 77)
    }

    @Test("a content is downloaded under its own name, and a cut download goes on where it was")
    func download() throws {
        _ = try activate()
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: ($0 &* 7919) >> 3) }
        try gateway.sandbox.uploadContent("big.bin", bytes)
        gateway.sandbox.cutNextDownloads(after: [1_000_000])
        let ran = try shell("mkdir d && cd d && gdc -f gwe http content download big.bin")
        #expect(ran.out == "[200] big.bin\n", "\(ran)")
        #expect(ran.code == 0)
        #expect(FileManager.default.contents(atPath: gateway.root + "/d/big.bin") == Data(bytes))
        #expect(gateway.names(gateway.root + "/d") == ["big.bin"])
        #expect(try gateway.downloads(of: "big.bin").count == 2)
        let missing = try shell("cd d && gdc -f gwe http content download none")
        #expect(missing.out == "[400] \n")
        #expect(missing.code == 1)
        #expect(gateway.names(gateway.root + "/d") == ["big.bin"])
        let refused = try shell("cd d && gdc -H \(url) -k \(Self.foreignToken) http content download big.bin")
        #expect(refused.out == "[401] \n", "\(refused)")
        #expect(refused.code == 77)
    }

    // MARK: Tokens

    @Test("activate prints the token; with -f it keeps it, for its owner only, and prints the file")
    func activation() throws {
        try gateway.sandbox.addDevice("plain")
        let plain = try run("-H", url, "-u", "plain", "http", "activate")
        #expect(plain.code == 0)
        #expect(try plain.out == #require(try gateway.sandbox.token(of: "plain")) + "\n")

        for (name, id, text, key) in [
            ("state.ini", "one", "; kept\n[device]\nmurano_host = \(url)\nmurano_id = one\n", "murano_token"),
            (
                "Gateway.cfg", "two",
                "[device]\ncik = ''\nmodel = \(GatewayFixture.product)\nvendor = \(GatewayFixture.product)\nuuid = two\n\n",
                "cik"
            ),
        ] {
            try gateway.sandbox.addDevice(id)
            let path = gateway.root + "/" + name
            try gateway.write(text, to: path)
            try #require(chmod(path, 0o644) == 0)
            let ran = try run("-f", path, "-H", url, "http", "activate")
            #expect(ran.code == 0, "\(ran)")
            let token = try #require(try gateway.sandbox.token(of: id))
            let lines = text.split(separator: "\n").map(String.init)
            let expected = lines.contains("cik = ''") ? [] : ["\(key) = \(token)"]
            let kept = lines.map { $0 == "cik = ''" ? "cik = \(token)" : $0 } + expected
            #expect(ran.out == kept.joined(separator: "\n") + "\n", "\(ran)")
            #expect(gateway.read(path)?.hasPrefix(kept.joined(separator: "\n") + "\n") == true)
            #expect(mode(path) == 0o600)
            #expect(try run("-f", path, "-H", url, "http", "read", "a").out == "[204] \n")
        }
        // The token would be lost if it had nowhere to go: it is not asked for.
        try gateway.sandbox.addDevice("three")
        let nowhere = try run("-f", gateway.root + "/none.ini", "-H", url, "-u", "three", "http", "activate")
        #expect(nowhere.code == 66, "\(nowhere)")
        #expect(try gateway.sandbox.token(of: "three") == nil)
    }

    @Test("-f gwe: the gateway's own token, for gwe and for gdc alike")
    func ownToken() throws {
        let before = try run("-f", "gwe", "http", "read", "a")
        #expect(before.out == "[401] \n", "\(before)")
        let token = try activate()
        #expect(gateway.read(gateway.stateFolder + "/token") == token + "\n")
        #expect(mode(gateway.stateFolder + "/token") == 0o600)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.sandbox.requestLog().filter { $0.path == "/provision/activate" }.count == 1)
        let empty = try run(["-f", "gwe", "http", "read", "a"], environment: ["GWE_CONFIG_DIR": "/nonexistent"])
        #expect(empty.code == 78, "\(empty)")
    }

    @Test(
        "a token given by file, environment or '-' is never on the command line, and one by -k is taken off it",
        arguments: ["--token-file", "GDC_TOKEN", "GDC_TOKEN_FILE", "-f gwe", "-k"])
    func commandLine(way: String) throws {
        let token = try activate()
        let file = gateway.root + "/token.txt"
        try gateway.write(token + "\n", to: file)
        var environment: [String: String] = [:]
        var options = ["-H", url]
        switch way {
        case "--token-file": options += ["--token-file", file]
        case "GDC_TOKEN": environment["GDC_TOKEN"] = token
        case "GDC_TOKEN_FILE": environment["GDC_TOKEN_FILE"] = file
        case "-k": options += ["-k", token]
        default: options = ["-f", "gwe"]
        }
        let process = try TestProcess(
            gdc, options + ["http", "poll", "a", "60000"], environment: gateway.variables.merging(environment) { $1 },
            scratch: gateway.root + "/scratch")
        defer { process.send(SIGKILL) }
        func commandLine() -> String { gateway.read("/proc/\(process.pid)/cmdline") ?? "" }
        #expect(
            eventually {
                let line = commandLine()
                return line.contains("60000") && !line.contains(token)
            }, "\(commandLine())")
        if way != "-k" { #expect(!commandLine().contains(token)) }
        // It does use the token: the write of an operator ends the wait.
        var last = ContinuousClock.now - .seconds(1)
        let answered = try eventually {
            if ContinuousClock.now - last > .milliseconds(300) {
                try gateway.sandbox.write(gateway.id, "a", "came")
                last = .now
            }
            return process.out == "[200] a=came\n"
        }
        #expect(answered, "\(process.out) \(process.err)")
        #expect(process.wait().code == 0)
    }

    @Test("-d DEBUG prints a curl command without the token; run by a shell, it gets the same answer")
    func debug() throws {
        let token = try activate()
        let calls = [
            ["write", "a", "it's $HOME & \"more\""], ["read", "a"], ["record", "1000", "r", "x=y"],
            ["content", "list"], ["timestamp"],
        ]
        for call in calls {
            let ran = try run(["-f", "gwe", "-d", "DEBUG", "http"] + call)
            #expect(ran.code == 0, "\(ran)")
            #expect(!ran.err.contains(token), "\(ran)")
            let line = try #require(
                ran.err.split(separator: "\n").first { $0.hasPrefix("gdc: DEBUG: curl ") }, "\(ran)")
            let command = line.dropFirst("gdc: DEBUG: ".count)
            if call[0] == "write" { try gateway.sandbox.write(gateway.id, "a", "other") }
            if call[0] == "read" { #expect(command.contains("-H \"X-Exosite-CIK: $GDC_TOKEN\"")) }
            let curl = try shell(command + " -w '[%{http_code}]'", environment: ["GDC_TOKEN": token])
            #expect(curl.code == 0, "\(curl)")
            switch call[0] {
            case "write": #expect(try gateway.resource("a") == call[2])
            case "read":
                // gdc shows the value as it is, curl the body: application/x-www-form-urlencoded.
                let body = curl.out.replacingOccurrences(of: "[200]", with: "\n")
                #expect(ran.out == "[200] " + (body.removingPercentEncoding ?? ""))
            case "record": #expect(curl.out == "r=1000[409]", "the same record again: \(curl)")
            default: #expect(curl.out.hasSuffix("[200]"), "\(curl)")
            }
        }
    }

    // MARK: write and cfg

    @Test("the older 'gdc write CIK ALIAS VALUE' writes to this gateway's cloud and prints itself as it did")
    func oldWrite() throws {
        let token = try activate()
        let ran = try run("write", token, "temperature", "21.5")
        #expect(ran.out == "Response code: 204, Response body: u'', success: True\n", "\(ran)")
        #expect(ran.code == 0)
        #expect(try gateway.resource("temperature") == "21.5")
        let hidden = try run(["write", "-", "temperature", "22"], environment: ["GDC_TOKEN": token])
        #expect(hidden.code == 0, "\(hidden)")
        let refused = try run("write", Self.foreignToken, "temperature", "0", "-H", url)
        #expect(refused.out == "Response code: 401, Response body: u'', success: False\n")
        #expect(refused.code == 77)
        #expect(try gateway.resource("temperature") == "22")
    }

    @Test("cfg gets and sets as murano-client did, with 255 for what is missing")
    func configuration() throws {
        let path = gateway.root + "/app.ini"
        let text = "# mine\n[device]\nCase = 1\nflag\n"
        try gateway.write(text, to: path)
        try gateway.write("", to: gateway.root + "/atomic-left-cfg")
        let rows: [(arguments: [String], out: String, code: Int32, after: String)] = [
            ([], text, 0, text),
            (["get", "device", "Case"], "1\n", 0, text),
            (["get", "device", "flag"], "True\n", 0, text),
            (["get", "device", "case"], "", 255, text),
            (["get", "nothing", "Case"], "", 255, text),
            (["set", "nothing", "a", "b"], "", 255, text),
            (["set", "device", "none", "-U"], "", 255, text),
            (["set", "nothing", "--unset"], "", 255, text),
            (["get", "device"], "", 64, text),
            (["set", "device", "a", "b\nc"], "", 64, text),
            (["set", "device", "a", "b", "-U"], "", 64, text),
            (["set", "device", "Case", "-2"], "", 0, "# mine\n[device]\nCase = -2\nflag\n"),
            (["set", "more"], "", 0, "# mine\n[device]\nCase = -2\nflag\n\n[more]\n"),
            (["set", "more", "a", "b c"], "", 0, "# mine\n[device]\nCase = -2\nflag\n\n[more]\na = b c\n"),
            (["set", "device", "flag", "-U"], "", 0, "# mine\n[device]\nCase = -2\n\n[more]\na = b c\n"),
            (["set", "device", "-U"], "", 0, "# mine\n[more]\na = b c\n"),
        ]
        for row in rows {
            let ran = try run(["cfg", path] + row.arguments)
            #expect(ran.out == row.out, "\(ran)")
            #expect(ran.code == row.code, "\(ran)")
            #expect(ran.err.isEmpty == (row.code == 0), "\(ran)")
            #expect(gateway.read(path) == row.after, "\(ran)")
        }
        #expect(!gateway.names(gateway.root).contains { $0.hasPrefix("atomic-") }, "leftovers go")
        for line in [[], ["get", "a", "b"], ["set", "a", "b", "c"]] {
            #expect(try run(["cfg", gateway.root + "/none.ini"] + line).code == 255)
        }
        #expect(gateway.read(gateway.root + "/none.ini") == nil)
        // The other readers of such files are Python programs.
        let python = try shell(
            "python3 -c 'import configparser; c = configparser.ConfigParser(allow_no_value=True); "
                + "c.optionxform = str; c.read(\"app.ini\"); print(dict(c[\"more\"]))'")
        #expect(python.out == "{'a': 'b c'}\n", "\(python)")
    }

    @Test("gdc is a name of gwe's executable, and a command of it")
    func name() throws {
        let version = try run("-v")
        #expect(version.code == 0 && version.out.hasPrefix("gdc "), "\(version)")
        #expect(try gateway.gwe("gdc", "-v").out == version.out)
        #expect(try run("http", "-h").out.hasPrefix("EXAMPLES:\n"))
    }
}
