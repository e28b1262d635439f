import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// One command for several apps, or for all of them.
@Suite("Several apps at once") struct SeveralAppsTests {
    private func gateway() throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        // What requires comes before what is required, by name.
        try gateway.services(["a", "b", "c"].map { .quickService($0, "1") }, requires: ["a": "b"])
        return gateway
    }

    private func states(_ gateway: GatewayFixture) throws -> [String?] {
        let (_, document) = try gateway.status()
        return (document["apps"]?.elements ?? []).map { $0["state"]?.string }
    }

    @Test(
        "stop, start, restart, hold and unhold take several apps and --all; what fails for one is done for the others")
    func verbs() throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            try gateway.eventually("all run") { try states(gateway) == ["RUNNING", "RUNNING", "RUNNING"] }
            let two = try gateway.gwe("stop", "a", "c")
            #expect(two.code == 0 && two.out == "a: STOPPED\nc: STOPPED\n", "\(two)")
            let odd = try gateway.gwe("start", "nobody", "c")
            #expect(odd.code == 4 && odd.err.contains("no such app: nobody"), "\(odd)")
            #expect(odd.out == "c: RUNNING\n", "\(odd)")
            // As supervisorctl has it.
            let word = try gateway.gwe("restart", "all")
            #expect(word.code == 0 && word.out.split(separator: "\n").count == 3, "\(word)")
            let stop = try gateway.gwe("stop", "--all")
            #expect(stop.code == 0 && stop.out == "a: STOPPED\nc: STOPPED\nb: STOPPED\n", "\(stop)")
            #expect(try states(gateway) == ["STOPPED", "STOPPED", "STOPPED"])
            // In the order of their names a would have to wait for b, and the command would end with 1.
            let start = try gateway.gwe("start", "--all")
            #expect(start.code == 0, "\(start)")
            #expect(try states(gateway) == ["RUNNING", "RUNNING", "RUNNING"])
            #expect(try gateway.gwe("restart", "--all").code == 0)
            #expect(try gateway.gwe("hold", "--all").code == 0)
            #expect(try ["a", "b", "c"].allSatisfy { try gateway.row($0)["held_by"]?.string == "operator" })
            let free = try gateway.gwe("unhold", "--all")
            #expect(free.code == 0 && free.out.split(separator: "\n").count == 3, "\(free)")
            #expect(try gateway.row("a")["held_by"] == nil)
        }
    }

    @Test("without a daemon too; which app, and --all with a name, are errors of the command line")
    func here() throws {
        let gateway = try gateway()
        #expect(try gateway.gwe("reconcile").code == 0)
        let stop = try gateway.gwe("stop", "a", "b", "a")
        #expect(stop.code == 0 && stop.out.split(separator: "\n").count == 2, "\(stop)")
        for arguments in [["stop"], ["stop", "--all", "a"], ["logs"], ["logs", "--all", "a"]] {
            let ran = try gateway.start(arguments).wait()
            #expect(ran.code == 64 && ran.err.hasPrefix("gwe: "), "\(ran)")
        }
        let none = try gateway.gwe("unhold", "--all")
        #expect(none.code == 0 && none.err.contains("no app to unhold"), "\(none)")
    }

    @Test("an app whose removal waits is told as such, and not as one that nobody knows")
    func waiting() throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            try gateway.eventually("all run") { try states(gateway) == ["RUNNING", "RUNNING", "RUNNING"] }
            try gateway.manifest("schema: gwe/v1\npolicy: {window: \"\(Self.otherWindow)\"}\napps: {}\n")
            _ = try gateway.gwe("reconcile")
            let stop = try gateway.gwe("stop", "a")
            #expect(stop.code != 0 && stop.err.contains("nothing wants a any more: it is to be removed"), "\(stop)")
        }
    }

    /// An hour of the day that is far from now.
    private static var otherWindow: String {
        var now = time(nil)
        var local = tm()
        localtime_r(&now, &local)
        let hour = (Int(local.tm_hour) + 12) % 24
        return String(format: "%02d:00-%02d:30", hour, hour)
    }

    @Test("logs of several apps have the path of each before its lines")
    func logs() throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            try gateway.eventually("all have said something") {
                try ["a", "b", "c"].allSatisfy { try gateway.gwe("logs", $0).out.contains("\($0) 1 is up") }
            }
            let two = try gateway.gwe("logs", "a", "c")
            #expect(two.code == 0, "\(two)")
            #expect(two.out.contains("a 1 is up") && two.out.contains("c 1 is up") && !two.out.contains("b 1 is up"))
            #expect(two.out.components(separatedBy: "==> ").count == 3, "\(two)")
            let all = try gateway.gwe("logs", "--all", "-n", "1")
            #expect(all.code == 0 && all.out.components(separatedBy: "==> ").count == 4, "\(all)")
            #expect(try gateway.gwe("logs", "a", "nobody").code == 4)
        }
    }

    @Test("validate reads standard input, and tells places as members too")
    func validate() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        func check(_ text: String, _ more: String...) throws -> Ran {
            try TestProcess(
                "gwe", ["validate", "-"] + more, environment: gateway.variables, input: text,
                scratch: gateway.root + "/scratch"
            ).wait()
        }
        let good = try check("schema: gwe/v1\napps: {web: {version: \"1\"}}\n")
        #expect(good.code == 0 && good.out == "-: good\n", "\(good)")
        let update = #"{"version": "2", "name": "n", "type": "FILE", "payload": "#
        #expect(try check(update + #""web.v1.tar.gz"}"#).code == 0)
        let wrong = try check(update + #""no/name"}"#)
        #expect(wrong.code == 65 && wrong.err.contains("standard input:1:58: payload"), "\(wrong)")
        let bad = try check("schema: gwe/v1\napps: {web: {versio: \"1\"}}\n", "--json")
        #expect(bad.code == 65, "\(bad)")
        let detail = bad.json?["details"]?.elements?.first
        #expect(detail?["source"]?.string == "standard input" && detail?["line"]?.int == 2, "\(bad)")
        #expect(detail?["column"]?.int == 14 && detail?["path"]?.string == "apps.web", "\(bad)")
        #expect(detail?["message"]?.string?.contains("versio") == true, "\(bad)")
        let apps = (0..<30).map { "  a\($0): {version: 1.10}\n" }.joined()
        let many = try check("schema: gwe/v1\napps:\n" + apps, "--json").json
        let counts = ["problems", "details"].map { many?[$0]?.elements?.count }
        #expect(counts == [21, 21], "\(counts)")
        let endless = try check(String(repeating: "# much\n", count: 200_000))
        #expect(endless.code == 66 && endless.err.contains("cannot read standard input"), "\(endless)")
    }
}
