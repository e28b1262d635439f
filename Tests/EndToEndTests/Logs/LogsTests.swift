import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// `gwe logs`, and what the daemon does about logs.
@Suite("Logs") struct LogsTests {
    /// A service whose script is `body`, with more lines of supervisor.conf.
    private func package(_ name: String, _ body: String, conf: String = "") -> TestPackage {
        TestPackage(
            name, "1",
            files: [
                "supervisor.conf": .init("[supervisord]\ncommand=bin/run\nautorestart=false\nstartsecs=0\n\(conf)"),
                "bin/run": .script(body),
            ])
    }

    private func install(_ gateway: GatewayFixture, _ packages: [TestPackage], policy: String = "{}") throws {
        var manifest = "schema: gwe/v1\npolicy: \(policy)\napps:\n"
        for package in packages {
            let path = "\(gateway.root)/scratch/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            manifest += "  \(package.name): {version: \"1\", artifact: {path: \(path)}}\n"
        }
        try gateway.manifest(manifest)
        #expect(try gateway.gwe("reconcile", "--offline").code == 0)
    }

    @Test("the end of a log, as many lines as are asked for, from rotated files too")
    func tail() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let conf = "stdout_logfile_maxbytes=1000\nstdout_logfile_backups=3\n"
        try install(
            gateway,
            [package("web", "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo $i; done; exec sleep 1000", conf: conf)])
        try gateway.withDaemon { _ in
            try gateway.eventually("all is written") { try gateway.gwe("logs", "web").out.hasSuffix("\n1000\n") }
            func lines(_ count: String) throws -> [String] {
                let ran = try gateway.gwe("logs", "web", "-n", count)
                #expect(ran.code == 0 && ran.err == "", "\(ran)")
                return ran.out.split(separator: "\n").map(String.init)
            }
            #expect(try gateway.gwe("logs", "web").out == (991...1000).map { "\($0)\n" }.joined())
            #expect(try lines("0") == [])
            #expect(try lines("1") == ["1000"])
            #expect(try lines("500") == (501...1000).map { "\($0)" })
            let all = try lines("all")
            #expect(all.count > 700 && all == (1_001 - all.count...1000).map { "\($0)" })
            #expect(try lines("99999999") == all)
            #expect(try gateway.gwe("logs", "web", "-n", "x").code == 64)
            let unknown = try gateway.gwe("logs", "nobody")
            #expect(unknown.code == 4 && unknown.err == "gwe: no such app: nobody\n", "\(unknown)")
        }
    }

    @Test("following waits for the log, and goes on across rotation, truncation, removal of the file and of its folder")
    func follow() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let conf = "stdout_logfile_maxbytes=2000\nstdout_logfile_backups=5\n"
        let body = """
            i=0; n=0
            while :; do
                n=$((n+1)); until [ -e "$GWE_DATA_DIR/go$n" ]; do sleep 0.02; done
                j=0; while [ $j -lt 500 ]; do j=$((j+1)); i=$((i+1)); echo $i; done
            done
            """
        try install(gateway, [package("web", body, conf: conf)])
        let follower = try gateway.start(["logs", "web", "-f", "-n", "all"])
        #expect(
            eventually { follower.err.contains("gwe: no log yet: \(gateway.logFolder)/web.log; waiting") })
        try gateway.withDaemon { _ in
            func go(_ number: Int) throws {
                try gateway.write("", to: "\(gateway.stateFolder)/data/web/go\(number)")
                try gateway.eventually("the follower shows line \(number * 500)") {
                    follower.out.hasSuffix("\n\(number * 500)\n")
                }
            }
            try go(1)
            // A follower that sees a file shorter than what it has read begins it anew.
            let before = try #require(try wakeUps(follower.pid))
            #expect(truncate(gateway.logFolder + "/web.log", 0) == 0)
            try gateway.eventually("the follower looks at the cut file") {
                try wakeUps(follower.pid).map { $0 > before } == true
            }
            try go(2)
            #expect(unlink(gateway.logFolder + "/web.log") == 0)
            try go(3)
            try FileManager.default.removeItem(atPath: gateway.logFolder)
            try go(4)
            #expect(rename(gateway.logFolder, gateway.logFolder + ".old") == 0)
            try go(5)
            #expect(follower.out.split(separator: "\n").elementsEqual((1...2_500).map { "\($0)"[...] }))
            // Nothing is to happen: it sleeps while nothing comes.
            let asleep = try #require(try wakeUps(follower.pid))
            usleep(1_000_000)
            #expect(try #require(try wakeUps(follower.pid)) - asleep <= 2)
        }
        follower.send(SIGINT)
        #expect(follower.wait().signal == SIGINT)
    }

    private func wakeUps(_ pid: Int32) throws -> Int? {
        let text = String(decoding: try AtomicFile.read("/proc/\(pid)/status", limit: 1 << 16), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
        return line?.split(separator: "\t").last.flatMap { Int($0) }
    }

    @Test("a follower ends when nobody reads what it shows, though the app says nothing")
    func head() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try install(gateway, [package("web", "seq 100; exec sleep 1000")])
        try gateway.withDaemon { _ in
            try gateway.eventually("all is written") { try gateway.gwe("logs", "web").out.hasSuffix("\n100\n") }
            let shell = try TestProcess(
                "/bin/bash",
                ["-c", "\"$0\" logs web -f | head -n 1; echo \"${PIPESTATUS[0]}\"", Repository.products + "/gwe"],
                environment: [
                    "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "GWE_CONFIG_DIR": gateway.configFolder,
                    "GWE_STATE_DIR": gateway.stateFolder, "GWE_LOG_DIR": gateway.logFolder,
                ], scratch: gateway.root + "/scratch")
            #expect(shell.wait().out == "91\n141\n")
        }
    }

    @Test("both streams are shown under their names, or one of them")
    func streams() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try install(
            gateway,
            [
                package("web", "echo out; echo err >&2; exec sleep 1000", conf: "redirect_stderr=false\n"),
                package("one", "echo x; exec sleep 1000"),
            ])
        try gateway.withDaemon { _ in
            let out = gateway.logFolder + "/web.log"
            let err = gateway.logFolder + "/web.stderr.log"
            try gateway.eventually("both are written") {
                try gateway.gwe("logs", "web").out == "==> \(out) <==\nout\n\n==> \(err) <==\nerr\n"
            }
            #expect(try gateway.gwe("logs", "web", "--stdout").out == "out\n")
            #expect(try gateway.gwe("logs", "web", "--stderr").out == "err\n")
            let none = try gateway.gwe("logs", "one", "--stderr")
            #expect(none.code == 66 && none.err == "gwe: one has no log of its own for that stream\n", "\(none)")
        }
    }

    @Test("every user who may read the file may use gwe logs, and sees no secret")
    func otherUsers() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let elsewhere = gateway.root + "/elsewhere.log"
        try install(
            gateway,
            [
                package(
                    "web", "echo hello; exec sleep 1000",
                    conf: "stdout_logfile=\(elsewhere)\nenvironment=TOKEN=\"geheim\"\n")
            ])
        try gateway.withDaemon { _ in
            try gateway.eventually("it is written") { try gateway.gwe("logs", "web").out == "hello\n" }
            func asNobody(_ command: String) throws -> Ran {
                try TestProcess(
                    "/bin/sh",
                    [
                        "-c", "exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c \"$1\" \"$0\"",
                        Repository.products + "/gwe", command,
                    ],
                    environment: [
                        "PATH": "/usr/sbin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "GWE_CONFIG_DIR": gateway.configFolder,
                        "GWE_STATE_DIR": gateway.stateFolder, "GWE_LOG_DIR": gateway.logFolder,
                    ], scratch: gateway.root + "/scratch"
                ).wait()
            }
            let ran = try asNobody("$0 logs web")
            #expect(ran.code == 0 && ran.out == "hello\n", "\(ran)")
            #expect(try asNobody("cat \(gateway.stateFolder)/services/web.json").code != 0)
            #expect(try asNobody("! grep -rqs geheim \(gateway.stateFolder)/logs").code == 0)
            chmod(elsewhere, 0o600)
            let refused = try asNobody("$0 logs web")
            #expect(refused.code == 77 && refused.err.contains("permission denied (13)"), "\(refused)")
        }
    }

    @Test("log_rate comes from the manifest, and a change of it restarts nothing; status tells what is dropped")
    func rate() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let body = "seq 500; until [ -e \"$GWE_DATA_DIR/go\" ]; do sleep 0.02; done; seq 30000; exec sleep 1000"
        try install(gateway, [package("web", body, conf: "stdout_logfile_maxbytes=0\n")], policy: "{log_rate: 10}")
        try gateway.withDaemon { _ in
            try gateway.eventually("what is too much is dropped and told") {
                try gateway.gwe("logs", "web").out.contains("lines: more than 10 a second (policy.log_rate)\n")
            }
            let pid = try gateway.pid(of: "web")
            let manifest = (gateway.read(gateway.configFolder + "/manifest.yaml") ?? "")
            try gateway.manifest(manifest.replacingOccurrences(of: "log_rate: 10", with: "log_rate: unlimited"))
            #expect(try gateway.gwe("reconcile", "--offline").code == 0)
            try gateway.write("", to: "\(gateway.stateFolder)/data/web/go")
            try gateway.eventually("all lines come") {
                try gateway.gwe("logs", "web", "-n", "30000").out == (1...30_000).map { "\($0)\n" }.joined()
            }
            #expect(try gateway.pid(of: "web") == pid)
        }
    }

    @Test("gwe status says by name why a log is not written, and how much is lost")
    func trouble() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try install(gateway, [package("web", "while :; do echo line; sleep 0.05; done")])
        try FileManager.default.createDirectory(
            atPath: gateway.logFolder + "/web.log", withIntermediateDirectories: true)
        try gateway.withDaemon { _ in
            let words = "cannot open log \(gateway.logFolder)/web.log: is a directory (21); dropped "
            try gateway.eventually("status tells") { try gateway.gwe("status", "web").out.contains(words) }
            #expect(try gateway.row("web")["state"]?.string == "RUNNING")
            try FileManager.default.removeItem(atPath: gateway.logFolder + "/web.log")
            try gateway.eventually("it is over") {
                try !gateway.gwe("status", "web").out.contains("is a directory (21);")
            }
            #expect(try gateway.gwe("logs", "web", "-n", "all").out.hasPrefix("gwe: dropped "))
        }
    }

    @Test("a log may be the daemon's own output")
    func devStdout() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try install(
            gateway,
            [
                package(
                    "web", "echo through; exec sleep 1000",
                    conf: "stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\n")
            ])
        try gateway.withDaemon { daemon in
            try gateway.eventually("the line comes out of the daemon") { daemon.out.contains("through\n") }
        }
    }
}
