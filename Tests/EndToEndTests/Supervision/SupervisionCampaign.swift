import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Kills the daemon at random moments while ten apps write numbered lines as fast as they can.
final class SupervisionCampaign {
    struct Outcome: CustomStringConvertible {
        var kills = 0
        /// Kills after which an app stood in write(2) on its full pipe before the next daemon came.
        var blocked = 0
        var lines = 0
        var bytes = 0
        var files = 0
        var defects: [String] = []

        var description: String {
            "campaign: \(kills) kills, 10 apps, \(lines) lines, \(bytes >> 20) MiB in \(files) files, "
                + "\(blocked) times blocked on a full pipe, \(defects.count) defects"
        }
    }

    static let kills = ProcessInfo.processInfo.environment["GWE_SUPERVISION_KILLS"].flatMap { Int($0) } ?? 15
    /// The `gwe` to be killed; the one of this build unless the environment names another.
    static let program = ProcessInfo.processInfo.environment["GWE_SUPERVISION_PROGRAM"] ?? "gwe"

    let gateway: GatewayFixture
    private let apps = (0..<10).map { "app\($0)" }
    private var pids: [String: Int32] = [:]
    private var outcome = Outcome()

    init() throws { gateway = try GatewayFixture(hasCloud: false) }

    /// Five write without a pause, five in bursts. Each line is its number, the app's name and a word that a torn line would
    /// lack; the last one tells that it is the last. No process is started after the first line, so that nothing dies in between.
    private func script(_ app: String, _ index: Int) -> String {
        let pause = index < 5 ? "" : "[ $((i % 3000)) = 0 ] && sleep 0.05"
        return """
            trap stop=1 TERM
            i=0
            while [ -z "$stop" ]; do i=$((i+1)); echo "$i \(app) line"; \(pause)
            done
            echo "$((i+1)) \(app) end"
            """
    }

    private func start() throws -> TestProcess {
        try TestProcess(
            SupervisionCampaign.program, ["run"],
            environment: [
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": gateway.root, "TZ": "UTC", "LC_ALL": "C.UTF-8",
                "GWE_CONFIG_DIR": gateway.configFolder, "GWE_STATE_DIR": gateway.stateFolder,
                "GWE_LOG_DIR": gateway.logFolder,
            ], scratch: gateway.root + "/scratch")
    }

    func run() throws -> Outcome {
        defer { gateway.killApps() }
        try install()
        var daemon = try start()
        try gateway.eventually("all apps run") { records().count == apps.count }
        pids = records()
        for kill in 1...SupervisionCampaign.kills {
            usleep(.random(in: 0...300_000))
            look("before kill \(kill)")
            daemon.send(SIGKILL)
            _ = daemon.wait()
            outcome.kills += 1
            // Now and then nobody moves anything for so long that the pipes fill.
            if kill % 5 == 0, waitUntilBlocked() { outcome.blocked += 1 }
            daemon = try start()
        }
        let isUp = eventually { daemon.err.contains("is up, socket") || daemon.out.contains("is up, socket") }
        if !isUp { defect("the last daemon does not come up: \(daemon.err)") }
        look("at the end")
        for app in apps where try gateway.row(app)["state"]?.string != "RUNNING" { defect("\(app) is not RUNNING") }
        daemon.send(SIGTERM)
        let ran = daemon.wait()
        if ran.code != 0 { defect("the last daemon ends with \(ran)") }
        for app in apps { try verify(app) }
        return outcome
    }

    private func defect(_ text: String) { outcome.defects.append(text) }

    private func install() throws {
        var manifest = "schema: gwe/v1\npolicy: {log_rate: unlimited, log_budget: 900GiB}\napps:\n"
        for (index, app) in apps.enumerated() {
            let conf = """
                [supervisord]
                command=bin/run
                startsecs=0
                stdout_logfile_maxbytes=1MB
                stdout_logfile_backups=1000

                """
            let package = TestPackage(
                app, "1", files: ["supervisor.conf": .init(conf), "bin/run": .script(script(app, index))])
            let path = "\(gateway.root)/scratch/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            manifest += "  \(app): {version: \"1\", artifact: {path: \(path)}}\n"
        }
        try gateway.manifest(manifest)
        let ran = try gateway.gwe("reconcile", "--offline")
        guard ran.code == 0 else { throw TestFailure("\(ran)") }
    }

    // MARK: while it runs

    /// Who runs by the records that the processes wrote themselves.
    private func records() -> [String: Int32] {
        var found: [String: Int32] = [:]
        for app in apps {
            found[app] = ProcessRecord("\(gateway.stateFolder)/run/\(app)\(ProcessRecord.suffix)")?.process?.pid
        }
        return found
    }

    /// Every process of an app of this gateway that leads a session: what a supervisor starts.
    private func leaders() -> [String: [Int32]] {
        var found: [String: [Int32]] = [:]
        for name in (try? FileTree.list("/proc")) ?? [] {
            guard let pid = Int32(name), getsid(pid) == pid,
                let bytes = try? AtomicFile.read("/proc/\(pid)/environ", limit: 1 << 20)
            else { continue }
            let mark = "GWE_DATA_DIR=\(gateway.stateFolder)/data/"
            let entry = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.first {
                $0.hasPrefix(mark)
            }
            if let entry { found[String(entry.dropFirst(mark.count)), default: []].append(pid) }
        }
        return found
    }

    private func look(_ moment: String) {
        let now = leaders()
        for app in apps where now[app] != pids[app].map({ [$0] }) {
            defect("\(moment): \(app) is \(now[app] ?? []), and was \(pids[app] ?? 0)")
        }
    }

    private func waitUntilBlocked() -> Bool {
        eventually(within: .seconds(5)) {
            apps.prefix(5).allSatisfy { app in
                let stat = (try? AtomicFile.read("/proc/\(pids[app] ?? 0)/stat", limit: 4_096)) ?? []
                let state = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
                    .first
                return state == "S" && waitsInWrite(pids[app] ?? 0)
            }
        }
    }

    /// Its system call is write, as /proc/PID/syscall says it: number 1 on x86-64, 64 on arm64.
    private func waitsInWrite(_ pid: Int32) -> Bool {
        let call = (try? AtomicFile.read("/proc/\(pid)/syscall", limit: 4_096)) ?? []
        return ["1", "64"].contains(String(decoding: call, as: UTF8.self).split(separator: " ").first.map(String.init))
    }

    // MARK: afterwards

    /// Every number once, in order, in whole lines, over all files of an app.
    private func verify(_ app: String) throws {
        let names = gateway.names(gateway.logFolder).filter { $0 == "\(app).log" || $0.hasPrefix("\(app).log.") }
        let numbered = names.map { name in (Int(name.dropFirst("\(app).log.".count)) ?? 0, name) }.sorted {
            $0.0 > $1.0
        }
        outcome.files += names.count
        for name in names { outcome.bytes += Int(FileTree.byteCount(ofFile: "\(gateway.logFolder)/\(name)") ?? 0) }
        let program = """
            $1 != NR || $2 != "\(app)" || NF != 3 || ($3 != "line" && $3 != "end") { bad++; if (bad == 1) first = NR ": " $0 }
            { last = $3 }
            END { print NR, bad + 0, last, first }
            """
        let files = numbered.map { "\(gateway.logFolder)/\($0.1)" }
        let ran = try TestProcess(
            "/usr/bin/awk", [program] + files, environment: ["LC_ALL": "C"], scratch: gateway.root + "/scratch"
        ).wait()
        let words = ran.out.split(separator: " ", maxSplits: 3).map {
            $0.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard ran.code == 0, words.count >= 3, let lines = Int(words[0]) else { return defect("\(app): \(ran)") }
        outcome.lines += lines
        if words[1] != "0" {
            defect("\(app): \(words[1]) of \(lines) lines are wrong, the first is line \(words.last ?? "")")
        }
        if words[2] != "end" { defect("\(app): its last line is missing") }
        for path in files {
            let fd = open(path, O_RDONLY)
            defer { close(fd) }
            var last: UInt8 = 0
            if pread(fd, &last, 1, max(0, lseek(fd, 0, SEEK_END) - 1)) == 1, last != 10 {
                defect("\(path) ends inside a line")
            }
        }
    }
}

@Suite("The daemon is killed while apps log") struct SupervisionCampaignTests {
    @Test("no line is missing or torn, no app is restarted, and there are never two copies")
    func campaign() throws {
        let outcome = try SupervisionCampaign().run()
        print(outcome)
        #expect(outcome.defects.isEmpty, "\(outcome.defects.prefix(20).joined(separator: "\n"))")
        #expect(outcome.kills == SupervisionCampaign.kills && outcome.lines > 10_000)
        #expect(outcome.blocked == SupervisionCampaign.kills / 5, "no full pipe was seen")
    }
}
