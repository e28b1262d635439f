import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// Lines whose end does not come: prompts, dots, progress bars.
@Suite struct SupervisionUnfinishedLineTests {
    private let wait = "until [ -e go ]; do sleep 0.02; done; "

    @Test("Supervisor/supervisor#751: a prompt is in the log though its line has no end, and once only when that comes")
    func prompt() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "echo up; printf 'waiting for modem...'; \(wait)echo there; exec sleep 1000")
        ])
        #expect(eventually { bench.log("web") == "up\nwaiting for modem..." }, "\(bench.log("web"))")
        try bench.write("", to: "go")
        #expect(eventually { bench.log("web") == "up\nwaiting for modem...there\n" }, "\(bench.log("web"))")
    }

    @Test("Supervisor/supervisor#803: a progress bar is seen while it goes on, and whole when it is over")
    func progress() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let bar = "i=0; until [ -e go ]; do i=$((i+1)); printf 'p %d%%\\r' $i; sleep 0.05; done; echo \"end $i\"; "
        try bench.supervisor.apply([bench.definition("web", bar + "exec sleep 1000")])
        #expect(eventually { bench.log("web").hasPrefix("p 1%\rp 2%\r") }, "\(bench.log("web"))")
        // Later pieces come as well.
        let before = bench.log("web").utf8.count
        #expect(eventually { bench.log("web").utf8.count > before })
        try bench.write("", to: "go")
        #expect(eventually { bench.log("web").hasSuffix("\n") })
        let last = try #require(Int(bench.log("web").split(separator: " ").last?.dropLast() ?? ""))
        #expect(bench.log("web") == (1...last).map { "p \($0)%\r" }.joined() + "end \(last)\n")
    }

    @Test("what the next process of an app writes begins on a line of its own")
    func nextProcess() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "printf 'run...'; \(wait)rm go; exit 1") { $0.restart = .always }
        ])
        for run in 1...2 {
            let text = Array(repeating: "run...", count: run).joined(separator: "\n")
            #expect(eventually { bench.log("web") == text }, "\(bench.log("web"))")
            try bench.write("", to: "go")
        }
        #expect(eventually { bench.log("web") == "run...\nrun...\nrun..." }, "\(bench.log("web"))")
    }

    @Test("an agent that comes later goes on with the line that the one before has begun")
    func nextAgent() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let first = try SupervisionBench(folder: folder)
        try first.supervisor.apply([
            first.definition("web", "printf 'one, '; \(wait)printf 'two, '; rm go; \(wait)echo three; exec sleep 1000")
            {
                $0.output.maxByteCount = 8
                $0.output.backups = 3
            }
        ])
        #expect(eventually { first.log("web") == "one, " }, "\(first.log("web"))")
        first.abandon()
        // While no agent is there, and again while one is.
        try first.write("", to: "go")
        #expect(eventually { !FileManager.default.fileExists(atPath: folder + "/go") })
        let bench = try SupervisionBench(folder: folder)
        defer { bench.end() }
        #expect(bench.status("web")?.adopted == true)
        #expect(eventually { bench.log("web") == "one, two, " }, "\(bench.log("web"))")
        try bench.write("", to: "go")
        #expect(eventually { bench.log("web") == "one, two, three\n" }, "\(bench.log("web"))")
    }

    @Test("two processes that write to one file do not write into each other's lines")
    func sharedFile() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "printf 'waiting...'; exec sleep 1000"),
            bench.definition("other", "\(wait)echo whole; exec sleep 1000") {
                $0.output.path = $0.output.path?.replacingOccurrences(of: "other", with: "web")
            },
        ])
        #expect(eventually { bench.log("web") == "waiting..." }, "\(bench.log("web"))")
        try bench.write("", to: "go")
        #expect(eventually { bench.log("web") == "waiting...\nwhole\n" }, "\(bench.log("web"))")
    }
}
