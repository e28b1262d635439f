import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Who may tell the daemon what, and what becomes of apps that require each other.
@Suite("Control of the daemon") struct DaemonControlTests {
    private func isAlive(_ pid: Int32) -> Bool { kill(pid, 0) == 0 && ProcessFacts(pid) != nil }

    private func curl(_ gateway: GatewayFixture, _ arguments: String...) throws -> Ran {
        try TestProcess(
            "/usr/bin/curl", ["-sS", "--unix-socket", gateway.socketFile] + arguments, environment: [:],
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    // MARK: requires

    @Test(
        "start waits for what an app requires, a stop names who requires it, a restart that cannot succeed stops nothing"
    )
    func requires() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("db", "1"), .quickService("web", "1")], requires: ["web": "db"])
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("both run") { try gateway.status().code == 0 }
            let web = try #require(try gateway.pid(of: "web"))
            let stop = try gateway.gwe("stop", "db")
            #expect(stop.code == 0 && stop.out == "db: STOPPED\n", "\(stop)")
            #expect(stop.err == "gwe: note: web requires db, and goes on without it\n", "\(stop)")
            let restart = try gateway.gwe("restart", "web")
            #expect(restart.code == 1, "\(restart)")
            #expect(
                restart.err == "gwe: web: not restarted: it waits for db, which is STOPPED: gwe start db\n",
                "\(restart)")
            #expect(try gateway.pid(of: "web") == web)
            #expect(try gateway.gwe("stop", "web").code == 0)
            let start = try gateway.gwe("start", "web")
            #expect(start.code == 1, "\(start)")
            #expect(start.err == "gwe: web: waits for db, which is STOPPED: gwe start db\n", "\(start)")
            #expect(try gateway.pid(of: "web") == nil)
            // It was meant: web comes up by itself when db does.
            #expect(try gateway.gwe("start", "db").code == 0)
            try gateway.eventually("web runs again") { try gateway.pid(of: "web") != nil }
        }
    }

    @Test("SIGTERM stops apps in the reverse order of requires, each wave when the one before is down")
    func stopOrder() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let body = { (name: String) in
            """
            trap 'sleep 0.2; echo "\(name)" >>"$GWE_DATA_DIR/../order"; exit 0' TERM
            while :; do sleep 0.05; done
            """
        }
        try gateway.services(
            ["aaa", "mmm", "zzz"].map { .quickService($0, "1", extra: ["bin/run": .script(body($0))]) },
            requires: ["aaa": "mmm", "mmm": "zzz"])
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("all run") { try gateway.status().code == 0 }
        }
        #expect(gateway.read(gateway.stateFolder + "/data/order") == "aaa\nmmm\nzzz\n")
    }

    // MARK: the end

    @Test("SIGTERM during a long installer stops the apps at once, and who waits for the pass is told")
    func stopWhileInstalling() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let daemon = try gateway.startDaemon()
        defer { gateway.killApps() }
        try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
        let web = try #require(try gateway.pid(of: "web"))
        let installer = "touch \"$GWE_DATA_DIR/begun\"; while [ ! -e \"$GWE_DATA_DIR/go\" ]; do sleep 0.05; done"
        try gateway.services([
            .quickService("web", "1"), .quickService("slow", "1", extra: ["install.sh": .script(installer)]),
        ])
        let pass = try gateway.start(["reconcile"])
        let data = gateway.stateFolder + "/data/slow"
        try gateway.eventually("the installer runs") { FileTree.exists(data + "/begun") }
        daemon.send(SIGTERM)
        try gateway.eventually("web has ended") { !isAlive(web) }
        #expect(isAlive(daemon.pid), "the installer still has its time")
        try gateway.write("", to: data + "/go")
        #expect(daemon.wait().code == 0)
        let ran = pass.wait()
        #expect(ran.code == 75, "\(ran)")
        #expect((ran.out + ran.err).contains("the daemon is stopping"), "\(ran)")
        // Nothing of it counts as a failure of the app.
        try gateway.withDaemon { (_) throws in
            try gateway.eventually("slow runs") { try gateway.status().code == 0 }
        }
    }

    @Test(
        "SIGTERM to a pass of the command line ends the installer with all its children", arguments: [SIGTERM, SIGINT])
    func localPass(signal: Int32) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let installer = "sleep 1000 & echo $! >\"$GWE_DATA_DIR/child\"; echo $$ >\"$GWE_DATA_DIR/installer\"; wait"
        try gateway.services([.quickService("slow", "1", extra: ["install.sh": .script(installer)])])
        let pass = try gateway.start(["reconcile"])
        let pid = { (name: String) in
            gateway.read(gateway.stateFolder + "/data/slow/\(name)").flatMap { Int32($0.dropLast()) }
        }
        try gateway.eventually("the installer runs") { pid("installer") != nil }
        let processes = [try #require(pid("child")), try #require(pid("installer"))]
        pass.send(signal)
        let ran = pass.wait()
        #expect(ran.signal == signal, "\(ran)")
        try gateway.eventually("all are gone") { processes.allSatisfy { !isAlive($0) } }
    }

    // MARK: who may

    @Test("an app can be stopped while the disk is full, and who stops it is told that it may not last")
    func stopOnFullDisk() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try FileManager.default.createDirectory(atPath: gateway.stateFolder, withIntermediateDirectories: true)
        try #require(mount("tmpfs", gateway.stateFolder, "tmpfs", 0, "size=4m") == 0)
        defer { umount2(gateway.stateFolder, Int32(MNT_DETACH)) }
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("web runs, and the pass is over") { try gateway.status().code == 0 }
            let pid = try #require(try gateway.pid(of: "web"))
            // Without the reserve, which whoever fills the disk may have taken.
            try #require(unlink(gateway.stateFolder + "/ballast") == 0)
            let path = gateway.stateFolder + "/full"
            let fd = open(path, O_WRONLY | O_CREAT, 0o600)
            try #require(fd >= 0)
            let page = [UInt8](repeating: 0, count: 4_096)
            while write(fd, page, page.count) > 0 {}
            close(fd)
            let stop = try gateway.gwe("stop", "web")
            #expect(stop.code == 1, "\(stop)")
            let words = "gwe: web: STOPPED, but the next pass may start it again: the disk of "
            #expect(stop.err.hasPrefix(words), "\(stop)")
            #expect(!isAlive(pid))
            try #require(unlink(path) == 0)
            #expect(try gateway.gwe("stop", "web").out == "web: STOPPED\n")
        }
    }

    @Test("the socket is for root, not for the token's group; others end with 77 in words, also without the socket")
    func permissions() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.write("schema: gwe/v1\ntoken_group: daemon\n", to: gateway.configFolder + "/gateway.yaml")
        let program = gateway.root + "/gwe"
        let copy = try TestProcess(
            "/bin/cp", [Repository.products + "/gwe", program], environment: [:], scratch: gateway.root + "/scratch"
        )
        try #require(copy.wait().code == 0)
        func asUser(_ options: [String], _ arguments: String...) throws -> Ran {
            try TestProcess(
                "/usr/bin/setpriv", options + ["--", program] + arguments, environment: gateway.variables,
                scratch: gateway.root + "/scratch"
            ).wait()
        }
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]
        let member = ["--reuid=65534", "--regid=65534", "--groups=1"]
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
            var facts = stat()
            try #require(stat(gateway.socketFile, &facts) == 0)
            #expect(facts.st_mode & 0o777 == 0o660 && facts.st_uid == 0 && facts.st_gid == 0)
            for ran in try [asUser(nobody, "stop", "web"), asUser(nobody, "reconcile"), asUser(member, "stop", "web")] {
                #expect(ran.code == 77, "\(ran)")
                #expect(ran.err.contains("cannot connect to \(gateway.socketFile): permission denied"), "\(ran)")
            }
        }
        // The state folder is root's.
        chmod(gateway.stateFolder + "/journal.db", 0o600)
        for arguments in [["status"], ["history"], ["reconcile", "--dry-run"]] {
            let ran = try TestProcess(
                "/usr/bin/setpriv", nobody + ["--", program] + arguments, environment: gateway.variables,
                scratch: gateway.root + "/scratch"
            ).wait()
            #expect(ran.code == 77, "\(ran)")
            #expect((ran.out + ran.err).contains("permission denied"), "\(ran)")
        }
    }

    @Test("a socket in a folder that everybody may write to is neither made nor trusted")
    func distrust() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            try #require(chmod(gateway.stateFolder + "/run", 0o777) == 0)
            let ran = try gateway.gwe("stop", "web")
            #expect(ran.code == 77 && ran.err.contains("everybody may write to its folder"), "\(ran)")
            try #require(chmod(gateway.stateFolder + "/run", 0o755) == 0)
            #expect(try gateway.gwe("stop", "web").code == 0)
        }
        try #require(chmod(gateway.stateFolder + "/run", 0o777) == 0)
        let ran = try gateway.gwe("run")
        #expect(ran.code == 77 && ran.err.contains("everybody may write to its folder"), "\(ran)")
    }

    @Test("names that are no app names and unknown phases are refused with 400, an unknown app with 404")
    func badRequests() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            let url = "http://localhost/v1"
            let names = try curl(gateway, "-w", "%{http_code}", "-d", #"{"apps": ["web", "a b"]}"#, url + "/reconcile")
            #expect(names.out.hasSuffix("400") && names.out.contains(#"a b\" is no app name"#), "\(names)")
            let phase = try curl(gateway, "-w", "%{http_code}", "-d", #"{"until": "never"}"#, url + "/reconcile")
            #expect(phase.out.hasSuffix("400"), "\(phase)")
            let app = try curl(gateway, "-w", "%{http_code}", "-d", "", url + "/apps/nobody/start")
            #expect(app.out.hasSuffix("404") && app.out.contains("no such app: nobody"), "\(app)")
            let verb = try curl(gateway, "-w", "%{http_code}", "-d", "", url + "/apps/web/dance")
            #expect(verb.out.hasSuffix("404"), "\(verb)")
            for query in ["=", "&=&", "==1", "deep", "?"] {
                let status = try curl(gateway, "-w", "%{http_code}", url + "/status?" + query)
                #expect(status.out.hasSuffix("200"), "\(query): \(status)")
            }
        }
    }

    @Test("a reader that goes away in the middle of a pass leaves nothing behind, and the pass goes on")
    func readerGone() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let installer = "touch \"$GWE_DATA_DIR/begun\"; while [ ! -e \"$GWE_DATA_DIR/go\" ]; do sleep 0.05; done"
        try gateway.withDaemon { (daemon) throws in
            try gateway.services([.quickService("slow", "1", extra: ["install.sh": .script(installer)])])
            let pass = try gateway.start(["reconcile"])
            let data = gateway.stateFolder + "/data/slow"
            try gateway.eventually("the installer runs") { FileTree.exists(data + "/begun") }
            pass.send(SIGKILL)
            _ = pass.wait()
            try gateway.write("", to: data + "/go")
            try gateway.eventually("slow runs") { try gateway.status().code == 0 }
        }
    }

    // MARK: idle

    @Test(
        "with ten quiet apps at most one wake-up in ten seconds, over all threads",
        .disabled(if: Sanitizer.isOn, "the sanitizer's own thread wakes ten times a second"))
    func idle() throws {
        let gateway = try GatewayFixture(hasCloud: true)
        try gateway.services((0..<10).map { .quickService("app\($0)", "1") })
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("all run") { try gateway.status().document["summary"]?["synced"]?.int == 10 }
            let threads = "/proc/\(daemon.pid)/task"
            func switches() -> [String: Int] {
                var counts: [String: Int] = [:]
                for thread in gateway.names(threads) {
                    let lines = (gateway.read("\(threads)/\(thread)/status") ?? "").split(separator: "\n")
                    let line = lines.first { $0.hasPrefix("voluntary_ctxt_switches:") }
                    counts[thread] = line.flatMap { Int($0.split(separator: "\t").last ?? "") } ?? 0
                }
                return counts
            }
            // The last connection and the lines of the start have been dealt with when nothing happens for a second.
            var before = switches()
            try gateway.eventually("it is quiet") {
                usleep(1_000_000)
                defer { before = switches() }
                return switches() == before
            }
            // Nothing is to happen, for ten seconds.
            usleep(10_000_000)
            let after = switches()
            let wakeUps = after.reduce(0) { $0 + $1.value - (before[$1.key] ?? 0) }
            #expect(wakeUps <= 1, "before \(before), after \(after)")
        }
    }
}
