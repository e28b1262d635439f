import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What the daemon's log and the history tell afterwards.
@Suite("The daemon's log and the history") struct DaemonLogTests {
    private func isTimed(_ line: Substring) -> Bool {
        let parts = line.split(separator: " ", maxSplits: 1)
        return parts.count == 2 && parts[0].count == 20 && parts[0].hasPrefix("20") && parts[0].hasSuffix("Z")
            && parts[1].hasPrefix("gwe:")
    }

    @Test("each line has its time; a start, a stop and a hold of an operator have one, and so has a refusal")
    func lines() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { daemon in
            try gateway.eventually("web runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
            for verb in ["stop", "start", "hold", "unhold"] { #expect(try gateway.gwe(verb, "web").code == 0) }
            #expect(try gateway.gwe("stop", "nobody").code == 4)
            try gateway.manifest("schema: gwe/v1\napps: {web: {versio: \"1\"}, api: {nam: x}}\n")
            try gateway.eventually("two lines of one problem") { daemon.err.contains("\"nam\"") }
            let lines = daemon.err.split(separator: "\n")
            #expect(lines.allSatisfy(isTimed), "\(daemon.err)")
            for words in [
                "gwe: web: STOPPED (gwe stop web)", "gwe: web: RUNNING (gwe start web)", "(gwe hold web)",
                "(gwe unhold web)", "no such app: nobody (gwe stop nobody)",
            ] {
                #expect(lines.count { $0.contains(words) } == 1, "\(words): \(daemon.err)")
            }
        }
    }

    @Test("journald gives lines their time: there gwe gives none; a variable that is left over changes nothing")
    func journald() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = gateway.root + "/journal"
        try gateway.write("", to: path)
        var facts = Glibc.stat()
        try #require(stat(path, &facts) == 0)
        func log(_ variable: String) throws -> String {
            let daemon = try TestProcess(
                "/bin/sh", ["-c", "exec \(Repository.products)/gwe run 2>>\(path)"],
                environment: gateway.variables.merging(["JOURNAL_STREAM": variable]) { $1 },
                scratch: gateway.root + "/scratch")
            try gateway.eventually("it is up") { gateway.read(path)?.contains("is up, socket") == true }
            daemon.send(SIGTERM)
            #expect(daemon.wait().code == 0)
            defer { unlink(path) }
            return gateway.read(path) ?? ""
        }
        let plain = try log("\(facts.st_dev):\(facts.st_ino)")
        #expect(plain.split(separator: "\n").allSatisfy { $0.hasPrefix("gwe:") }, "\(plain)")
        let timed = try log("8:1")
        #expect(timed.split(separator: "\n").allSatisfy(isTimed), "\(timed)")
    }

    @Test("a second daemon says that it does not start, and not that a pass has ended")
    func second() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.withDaemon { _ in
            let second = try gateway.gwe("run")
            #expect(second.code == 75, "\(second)")
            #expect(
                second.err.contains("gwe: the daemon does not start: ") && !second.err.contains("pass"), "\(second)")
        }
    }

    @Test("where the clock stepped in the middle of a pass, the history has no duration; odd numbers end nothing")
    func steppedClock() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        for (start, end) in [
            ("1000000000000", "999999999000"), ("\(Int64(1) << 52)", "1000000000000"), ("1", "\(Int64.max)"),
            ("\(Int64.min)", "\(Int64.max)"),
        ] {
            try Database(path: gateway.stateFolder + "/journal.db").execute(
                "UPDATE operation SET started_at = \(start), finished_at = \(end)")
            let text = try gateway.gwe("history")
            let json = try gateway.gwe("history", "--json")
            #expect(text.code == 0 && json.code == 0 && !json.out.contains("duration_seconds"), "\(start): \(json)")
        }
    }

    @Test("the history names the apps of a pass and says how long it took, for people and as numbers")
    func history() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1"), .quickService("api", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        let passes = try gateway.gwe("history", "--json").json?.elements
        #expect(passes?.first?["apps"]?.elements?.compactMap(\.string) == ["api", "web"])
        let seconds: Double? =
            switch passes?.first?["duration_seconds"] {
            case .double(let number)?: number
            case .int(let number)?: Double(number)
            default: nil
            }
        #expect(seconds.map { $0 >= 0 } == true)
        let text = try gateway.gwe("history").out.split(separator: "\n")
        #expect(text.first?.contains("TIME") == true && text.first?.contains("APPS") == true, "\(text)")
        #expect(text.last?.contains("api, web") == true, "\(text)")
        let one = try gateway.gwe("history", "1")
        #expect(one.out.contains("converged after "), "\(one)")
    }
}
