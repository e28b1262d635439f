import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@Suite struct SupervisionLogTests {
    private func files(_ bench: SupervisionBench, _ app: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: bench.folder + "/log")) ?? []
        return names.filter { $0.hasPrefix("\(app).log") }.sorted()
    }

    private func text(_ bench: SupervisionBench, _ name: String) throws -> String {
        try String(contentsOfFile: "\(bench.folder)/log/\(name)", encoding: .utf8)
    }

    @Test("a log is rotated by size between lines, and keeps as many old files as it shall")
    func rotation() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition(
                "web", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo \"line $i of many\"; done; exit 0"
            ) {
                $0.output.maxByteCount = 100_000
                $0.output.backups = 2
            }
        ])
        #expect(eventually { bench.status("web")?.state == .exited })
        #expect(files(bench, "web") == ["web.log", "web.log.1", "web.log.2"])
        var lines: [Substring] = []
        for name in ["web.log.2", "web.log.1", "web.log"] {
            let text = try text(bench, name)
            #expect(text.utf8.count <= 100_000 && text.hasSuffix("\n"))
            if name != "web.log" { #expect(text.utf8.count > 99_900) }
            lines += text.split(separator: "\n")
        }
        #expect(lines.last == "line 20000 of many")
        let first = 20_000 - lines.count + 1
        #expect(lines == (first...20_000).map { "line \($0) of many"[...] })
    }

    @Test("without backups a full log begins anew")
    func noBackups() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "i=0; while [ $i -lt 999 ]; do i=$((i+1)); echo \"line $i\"; done; exit 0") {
                $0.output.maxByteCount = 1_000
                $0.output.backups = 0
            }
        ])
        #expect(eventually { bench.status("web")?.state == .exited })
        #expect(files(bench, "web") == ["web.log"])
        #expect(bench.log("web").utf8.count <= 1_000 && bench.log("web").hasSuffix("\nline 999\n"))
    }

    @Test("a line longer than the log may be gets a file of its own, whole")
    func longLine() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "echo short; head -c 5000 /dev/zero | tr '\\0' x; echo; echo after; exit 0") {
                $0.output.maxByteCount = 1_000
                $0.output.backups = 5
            }
        ])
        #expect(eventually { bench.status("web")?.state == .exited })
        #expect(try text(bench, "web.log.2") == "short\n")
        #expect(try text(bench, "web.log.1") == String(repeating: "x", count: 5_000) + "\n")
        #expect(bench.log("web") == "after\n")
    }

    @Test("an unfinished line waits for its end, and is written when the app ends")
    func partialLine() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition(
                "web", "echo one; printf tw; until [ -e go ]; do sleep 0.02; done; echo o; printf end; exit 0")
        ])
        #expect(eventually { bench.log("web") == "one\n" })
        try bench.write("", to: "go")
        #expect(eventually { bench.log("web") == "one\ntwo\nend" })
    }

    @Test("a log that cannot be written stops no app, is said in the status, and goes on when it can")
    func unwritable() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        // A file where the folder should be: not even root can write there.
        try bench.write("", to: "log")
        try bench.supervisor.apply([
            bench.definition(
                "web",
                "head -c 3000000 /dev/zero | tr '\\0' '\\n'; touch done; until [ -e go ]; do sleep 0.02; done; while :; do echo back; sleep 0.05; done"
            )
        ])
        #expect(eventually { FileManager.default.fileExists(atPath: bench.folder + "/done") })
        #expect(bench.status("web")?.state == .running)
        #expect(
            bench.status("web")?.logProblem?.hasPrefix(
                "cannot open log \(bench.folder)/log/web.log: not a directory (20); dropped ") == true)
        try FileManager.default.removeItem(atPath: bench.folder + "/log")
        try bench.write("", to: "go")
        #expect(eventually { bench.log("web").hasSuffix("back\n") })
        #expect(eventually { bench.status("web")?.logProblem == nil })
    }

    @Test("a log that somebody moved or removed is made anew")
    func movedLog() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([bench.definition("web", "while :; do echo line; sleep 0.02; done")])
        #expect(eventually { bench.log("web").hasPrefix("line\n") })
        rename(bench.folder + "/log/web.log", bench.folder + "/log/old")
        #expect(eventually { bench.log("web").hasPrefix("line\n") })
        try FileManager.default.removeItem(atPath: bench.folder + "/log")
        #expect(eventually { bench.log("web").hasPrefix("line\n") })
    }

    @Test("errors have a file of their own when they shall, and a log of none drops the lines")
    func separateErrors() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "echo out; echo err >&2; exit 0") { definition in
                definition.errorOutput = .init(path: definition.output.path.map { $0 + ".err" })
                definition.output.path = nil
            }
        ])
        #expect(eventually { bench.status("web")?.state == .exited })
        #expect(try text(bench, "web.log.err") == "err\n")
        #expect(files(bench, "web") == ["web.log.err"])
    }
}
