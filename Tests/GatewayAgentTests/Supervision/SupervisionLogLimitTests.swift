import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// The policy's limits: lines a second of an app, and bytes of all logs.
@Suite struct SupervisionLogLimitTests {
    private func numbers(_ text: String) -> [Int] { text.split(separator: "\n").compactMap { Int($0) } }

    private func dropped(_ text: String) -> Int {
        text.split(separator: "\n").filter { $0.hasPrefix("gwe: dropped ") }
            .compactMap { Int($0.split(separator: " ")[2]) }.reduce(0, +)
    }

    @Test("too many lines are dropped, counted and told in the log; the app does not wait")
    func rate() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        bench.supervisor.setLogPolicy(LogPolicy(linesPerSecond: 100), installed: [])
        try bench.supervisor.apply([
            bench.definition(
                "web", "seq 50000; touch done; until [ -e go ]; do sleep 0.02; done; echo 50001; sleep 1000"
            ) {
                $0.output.maxByteCount = 0
            }
        ])
        #expect(eventually { FileManager.default.fileExists(atPath: bench.folder + "/done") })
        // The number is told as soon as the app is quiet, without another line of its own.
        #expect(eventually { dropped(bench.log("web")) > 0 })
        #expect(bench.status("web")?.state == .running && bench.status("web")?.logProblem == nil)
        let kept = numbers(bench.log("web")).count
        #expect(kept >= 1_000 && kept < 5_000)
        #expect(kept + dropped(bench.log("web")) == 50_000)
        #expect(bench.log("web").contains(" lines: more than 100 a second (policy.log_rate)\n"))
        #expect(bench.status("web")?.logCounters.droppedLines == Int64(50_000 - kept))
        try bench.write("", to: "go")
        #expect(eventually { bench.log("web").hasSuffix("\n50001\n") })
        // What is kept is in order, and the gap is where the line about it stands.
        #expect(numbers(bench.log("web")) == numbers(bench.log("web")).sorted())
    }

    @Test("a new rate is in force at once, and nothing is restarted; no limit is no limit")
    func newRate() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        bench.supervisor.setLogPolicy(LogPolicy(linesPerSecond: 1), installed: [])
        try bench.supervisor.apply([
            bench.definition(
                "web",
                "seq 1000; touch done; until [ -e go ]; do sleep 0.02; done; seq 2001 40000; touch all; sleep 1000"
            ) { $0.output.maxByteCount = 0 }
        ])
        #expect(eventually { dropped(bench.log("web")) > 0 })
        let pid = bench.status("web")?.pid
        bench.supervisor.setLogPolicy(LogPolicy(linesPerSecond: nil), installed: [])
        try bench.write("", to: "go")
        #expect(eventually { bench.log("web").hasSuffix("\n40000\n") })
        #expect(numbers(bench.log("web")).filter { $0 > 2_000 }.elementsEqual(2_001...40_000))
        #expect(bench.status("web")?.pid == pid && bench.status("web")?.restarts == 0)
    }

    @Test("what was written while the agent was away is under no rate")
    func backlog() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let script = "until [ -e go ]; do sleep 0.02; done; seq 30000; touch done; sleep 1000"
        do {
            let first = try SupervisionBench(folder: folder)
            try first.supervisor.apply([first.definition("web", script) { $0.output.maxByteCount = 0 }])
            #expect(eventually { first.status("web")?.pid != nil })
            first.abandon()
            _ = eventually { !first.loop.isRunning }
            try first.write("", to: "go")
            #expect(eventually { FileManager.default.fileExists(atPath: folder + "/done") })
        }
        let second = try SupervisionBench(folder: folder)
        defer { second.end() }
        second.supervisor.setLogPolicy(LogPolicy(linesPerSecond: 10), installed: [])
        #expect(eventually { second.log("web").hasSuffix("\n30000\n") })
        #expect(numbers(second.log("web")).elementsEqual(1...30_000))
    }

    @Test("lines that come one by one are written in batches")
    func batches() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done; touch done; sleep 1000")
            {
                $0.output.maxByteCount = 0
            }
        ])
        #expect(eventually { bench.log("web").hasSuffix("\n20000\n") })
        let writes = bench.status("web")?.logCounters.writes ?? .max
        // About a hundred lines a write on an idle machine. A loaded one pauses the loop itself, and each pause begins the
        // pace anew.
        #expect(writes > 0 && writes < 20_000 / 10, "\(writes) writes for 20000 lines")
    }

    // MARK: budget

    /// The bytes of everything in the log folder.
    private func total(_ folder: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.reduce(0) { sum, name in
            var info = stat()
            return sum + (lstat("\(folder)/\(name)", &info) == 0 ? Int(info.st_size) : 0)
        }
    }

    @Test("over the budget the greediest app loses its oldest, the others lose nothing", arguments: [0, 100_000])
    func budget(_ maxByteCount: Int) throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let apps: Set = [try bench.app("big"), try bench.app("small")]
        bench.supervisor.setLogPolicy(LogPolicy(byteBudget: 1_000_000), installed: apps)
        try bench.supervisor.apply([
            bench.definition("small", "seq 10000; sleep 1000"),
            bench.definition("big", "seq 1000000; touch done; sleep 1000") {
                $0.output.maxByteCount = Int64(maxByteCount)
                $0.output.backups = 100
            },
        ])
        #expect(eventually { FileManager.default.fileExists(atPath: bench.folder + "/done") })
        // A cut moves the current file away: what is left may be in an old one.
        let kept = { () -> String in
            let names = ((try? FileManager.default.contentsOfDirectory(atPath: bench.folder + "/log")) ?? []).filter {
                $0.hasPrefix("big")
            }
            let ordered = names.sorted {
                (Int($0.split(separator: ".").last ?? "") ?? 0) > (Int($1.split(separator: ".").last ?? "") ?? 0)
            }
            return ordered.map { (try? String(contentsOfFile: "\(bench.folder)/log/\($0)", encoding: .utf8)) ?? "" }
                .joined()
        }
        #expect(eventually { kept().hasSuffix("\n1000000\n") })
        #expect(eventually { total(bench.folder + "/log") <= 1_000_000 }, "\(total(bench.folder + "/log"))")
        #expect(eventually { numbers(bench.log("small")).elementsEqual(1...10_000) })
        // What is left of the big one is its end, without a gap and in whole lines, once no file is moved while they are
        // being read.
        var left: [Int] = []
        let isWhole = eventually {
            let text = kept()
            left = numbers(text)
            return left.count > 30_000 && left.elementsEqual((1_000_001 - left.count)...1_000_000)
                && text.split(separator: "\n").count == left.count
        }
        #expect(isWhole, "\(left.count) lines from \(left.first ?? 0) to \(left.last ?? 0)")
    }

    @Test("logs of removed apps count, and go first, also after a new start")
    func removedApps() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        do {
            let first = try SupervisionBench(folder: folder)
            try first.supervisor.apply([
                first.definition("old", "seq 20000; exit 0"),
                first.definition("web", "seq 50000; exit 0") { $0.output.maxByteCount = 0 },
            ])
            #expect(
                eventually { first.log("old").hasSuffix("\n20000\n") && first.log("web").hasSuffix("\n50000\n") })
            first.supervisor.remove(try first.app("old"))
            first.supervisor.remove(try first.app("web"))
            first.end()
        }
        #expect(FileManager.default.fileExists(atPath: folder + "/logs/old.json"))
        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        let web = try bench.app("web")
        bench.supervisor.setLogPolicy(LogPolicy(byteBudget: 300_000), installed: [web])
        #expect(
            eventually {
                bench.log("old") == "" && !FileManager.default.fileExists(atPath: folder + "/log/old.log")
            })
        #expect(eventually { !FileManager.default.fileExists(atPath: folder + "/logs/old.json") })
        #expect(numbers(bench.log("web")).elementsEqual(1...50_000))
    }
}
