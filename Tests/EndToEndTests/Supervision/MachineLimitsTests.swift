import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Limits of the machine that a daemon comes to: descriptors, inotify. By public reports of other programs.
@Suite("Limits of the machine") struct MachineLimitsTests {
    /// Forty processes that say what limit they have.
    private func many(_ gateway: GatewayFixture) throws {
        let conf = """
            [program:web]
            command=bin/run
            process_name=%(program_name)s_%(process_num)02d
            numprocs=40
            startsecs=0
            startretries=1

            """
        let files: [String: TestPackage.File] = [
            "supervisor.conf": .init(conf), "bin/run": .script("ulimit -Sn; exec sleep 1000"),
        ]
        try gateway.services([.quickService("web", "1", extra: files)])
    }

    /// Runs `gwe run` below another program.
    private func run(
        _ gateway: GatewayFixture, _ program: String, _ arguments: [String], _ body: (TestProcess) throws -> Void
    ) throws {
        let daemon = try TestProcess(
            program, arguments, environment: gateway.variables, scratch: gateway.root + "/scratch")
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            gateway.killApps()
        }
        let isUp = eventually { (daemon.out + daemon.err).contains("is up, socket") }
        #expect(isUp, "\(daemon.out)\(daemon.err)")
        try body(daemon)
    }

    private var gwe: String { "\(Repository.products)/gwe" }

    private func states(_ gateway: GatewayFixture) throws -> [String] {
        try gateway.row("web")["processes"]?.elements?.compactMap { $0["state"]?.string } ?? []
    }

    /// The lines of all logs.
    private func said(_ gateway: GatewayFixture) -> [Substring] {
        gateway.names(gateway.logFolder).flatMap { name in
            (gateway.read("\(gateway.logFolder)/\(name)") ?? "").split(separator: "\n")
        }
    }

    @Test("Supervisor/supervisor#1082, twisted/twisted#5368: a low soft limit is raised, and the apps get it back")
    func softLimit() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try many(gateway)
        try run(gateway, "prlimit", ["--nofile=64:4096", gwe, "run"]) { daemon in
            try gateway.eventually("all run") {
                let states = try self.states(gateway)
                return states.count == 40 && states.allSatisfy { $0 == "RUNNING" }
            }
            try gateway.eventually("each has said its limit") {
                let said = self.said(gateway)
                return said.count == 40 && said.allSatisfy { $0 == "64" }
            }
            // A new program in place of this one gives the same on.
            daemon.send(SIGUSR1)
            try gateway.eventually("it was replaced") {
                (daemon.out + daemon.err).components(separatedBy: "is up, socket").count == 3
            }
            let restart = try gateway.gwe("restart", "web")
            #expect(restart.code == 0, "\(restart)")
            try gateway.eventually("each has said it again") {
                let said = self.said(gateway)
                return said.count == 80 && said.allSatisfy { $0 == "64" }
            }
        }
    }

    @Test("Supervisor/supervisor#26, nanomsg/nanomsg#152: at the limit what fits runs, the rest says why, all answers")
    func hardLimit() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        try run(gateway, "prlimit", ["--nofile=4096:4096", gwe, "run"]) { daemon in
            try gateway.eventually("its first pass is over") { try gateway.status().code == 0 }
            // Only the soft limit, which anybody may raise again.
            func limit(_ count: Int) throws {
                let ran = try TestProcess.run("prlimit", ["--pid", "\(daemon.pid)", "--nofile=\(count):"])
                #expect(ran.code == 0, "\(ran)")
            }
            try limit(64)
            try many(gateway)
            try gateway.eventually("some run, and some cannot") {
                let states = try self.states(gateway)
                return states.contains("RUNNING") && states.contains("BACKOFF") && !states.contains("STARTING")
            }
            let text = try gateway.gwe("status")
            #expect(text.out.contains("of 64 descriptors are open, and 16 stay free for gwe itself"), "\(text)")
            let waiting = try gateway.row("web")["processes"]?.elements?.first { $0["state"]?.string == "BACKOFF" }
            let why = waiting?["last_error"]?.string ?? ""
            #expect(why.contains("of 64 descriptors are open") && why.contains("LimitNOFILE="), "\(why)")
            let doctor = try gateway.gwe("doctor", "descriptors")
            #expect(doctor.code == 0 && doctor.out.contains("of 64 are open"), "\(doctor)")
            // The reserve is there: many at once are answered, and the journal is written.
            let held = try (0..<8).map { _ in try gateway.start(["status", "--json"]) }
            for command in held { #expect(command.wait().json?["apps"] != nil) }
            let hold = try gateway.gwe("hold", "web")
            #expect(hold.code == 0, "\(hold)")
            // None was given up: there is room, and the rest comes by itself.
            try limit(4_096)
            try gateway.eventually("all run") {
                let states = try self.states(gateway)
                return states.count == 40 && states.allSatisfy { $0 == "RUNNING" }
            }
            #expect(try gateway.gwe("doctor", "descriptors").out.contains("of 4096 are open"))
        }
    }

    @Test("joyent/libuv#690, krylosov-aa/pg-status#32: a connection that cannot be taken waits, and nothing spins")
    func noDescriptorForConnections() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        try gateway.withDaemon { daemon in
            try gateway.eventually("its first pass is over") { try gateway.status().code == 0 }
            // What the last command had open is closed: nothing changes any more.
            var (taken, unchanged) = (Set<String>(), 0)
            while unchanged < 20 {
                let now = Set(gateway.names("/proc/\(daemon.pid)/fd"))
                unchanged = now == taken ? unchanged + 1 : 0
                taken = now
                usleep(50_000)
            }
            let free = (0...).first { !taken.contains("\($0)") } ?? 0
            func limit(_ count: Int) throws {
                let ran = try TestProcess.run("prlimit", ["--pid", "\(daemon.pid)", "--nofile=\(count):"])
                #expect(ran.code == 0, "\(ran)")
            }
            try limit(free)
            let status = try gateway.start(["status", "--json"])
            let before = ticks(daemon.pid)
            // How much of a core it takes in this time, not a wait for anything.
            usleep(1_000_000)
            #expect(ticks(daemon.pid) - before < 30)
            #expect(status.isRunning)
            try limit(1_024)
            let answer = status.wait()
            #expect(answer.code == 0 && answer.json?["apps"] != nil, "\(answer)")
        }
    }

    /// Hundredths of a second that a process has computed (utime and stime, proc(5)).
    private func ticks(_ pid: Int32) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        let fields = text.components(separatedBy: ") ").last?.split(separator: " ").map(String.init) ?? []
        return fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
    }

    /// Starts a program for whose user the kernel has no inotify instance left.
    private func withoutInotify(_ arguments: String...) -> [String] {
        let script = "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\""
        return ["-Ur", "/bin/sh", "-c", script, "sh"] + arguments
    }

    @Test("openclaw/openclaw#92851, rsyslog/rsyslog#726: without an inotify instance a changed manifest is noticed")
    func manifest() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        try run(gateway, "unshare", withoutInotify(gwe, "run")) { daemon in
            let said = (daemon.out + daemon.err).components(separatedBy: "max_user_instances")
            #expect(said.count == 2, "one warning: \(daemon.out)\(daemon.err)")
            #expect((daemon.out + daemon.err).contains("manifest.yaml is looked at every 3 s only"))
            try gateway.services([.oneOff("tool", "1")])
            try gateway.eventually("it is installed") { gateway.current("tool") != nil }
        }
    }

    @Test("without an inotify instance logs are followed all the same")
    func followedLog() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.write("one\n", to: gateway.logFolder + "/web.log")
        let following = try TestProcess(
            "unshare", withoutInotify(gwe, "logs", "web", "-f"), environment: gateway.variables,
            scratch: gateway.root + "/scratch")
        try gateway.eventually("the first line") { following.out == "one\n" }
        let file = try #require(FileHandle(forWritingAtPath: gateway.logFolder + "/web.log"))
        try file.seekToEnd()
        try file.write(contentsOf: Data("two\n".utf8))
        try gateway.eventually("the next line") { following.out == "one\ntwo\n" }
        following.kill()
    }

    @Test("under any umask of the daemon, apps and installers have 022")
    func umasks() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let files: [String: TestPackage.File] = [
            "bin/run": .script("umask; exec sleep 1000"), "install.sh": .script("umask >$GWE_DATA_DIR/installer"),
        ]
        try gateway.services([.quickService("web", "1", extra: files)])
        try run(gateway, "/bin/sh", ["-c", "umask 000; exec \"$0\" run", gwe]) { _ in
            try gateway.eventually("the app has said it") { said(gateway) == ["0022"] }
            #expect(gateway.read(gateway.stateFolder + "/data/web/installer") == "0022\n")
        }
    }
}
