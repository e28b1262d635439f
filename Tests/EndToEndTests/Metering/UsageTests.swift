import DeviceClient
import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `usage_report`, `gwe usage` and `gwe report`, with counts that the test put into usage.db.
@Suite("Usage") struct UsageTests {
    /// A gateway that has passed once, and on which somebody has sent so many bytes since.
    private func gateway(sent byteCount: Int64) throws -> GatewayFixture {
        let gateway = try GatewayFixture()
        let ran = try gateway.gwe("reconcile")
        try #require(ran.code == 0, "\(ran)")
        try add(byteCount, to: gateway)
        return gateway
    }

    private func add(_ byteCount: Int64, to gateway: GatewayFixture, at time: Int64? = nil) throws {
        var record = UsageRecord(
            interface: "ppp7", identity: "an app", method: .record, resources: ["temperature"],
            sentByteCount: byteCount, receivedByteCount: 2_048, duration: .milliseconds(250))
        record.sentWithHeaders = byteCount + 1_024
        record.receivedWithHeaders = 3_072
        let store = try UsageStore.open(stateFolder: gateway.stateFolder)
        try store.add([record], at: time ?? Int64(Date().timeIntervalSince1970))
    }

    /// What the cloud has of ppp7: number of requests and bytes sent.
    private func reported(_ gateway: GatewayFixture) throws -> [Int64] {
        guard let text = try gateway.resource("usage_report") else { return [] }
        let report = try JSON.parse(Array(text.utf8), source: "usage_report").json
        guard let metrics = report["ppp7"]?["an app"]?["record:['temperature']"] else { return [] }
        return [metrics["num"]?.int ?? -1, metrics["tot_tx"]?.int ?? -1]
    }

    @Test(
        "a kill at any point of the report's way counts nothing twice and loses nothing",
        arguments: [
            "usage.frozen", "exchange.done", "exchange.recorded", "usage.arrived", "usage.acknowledged",
            "usage.forgotten",
        ])
    func kill(point: String) throws {
        let gateway = try gateway(sent: 1_000)
        #expect(try gateway.gwe("reconcile", environment: ["GWE_FAULT": point]).signal == SIGKILL)
        // Counted after the kill: never mixed into the interval that was frozen before.
        try add(20, to: gateway)
        var seen: [[Int64]] = [try reported(gateway)]
        for _ in 0..<3 {
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0, "\(pass)")
            let now = try reported(gateway)
            if seen.last != now { seen.append(now) }
        }
        #expect(seen.filter { !$0.isEmpty } == [[1, 1_000], [1, 20]], "\(seen)")
    }

    @Test("a gateway that only looks for work reports its own traffic once; what gdc sends is due at the next loop")
    func quiet() throws {
        let gateway = try GatewayFixture()
        func stamp() throws -> Int64? { try gateway.sandbox.read(gateway.id, "usage_report")?.timestamp }
        for _ in 0..<3 { #expect(try gateway.gwe("reconcile").code == 0) }
        let first = try JSON.parse(Array(try #require(try gateway.resource("usage_report")).utf8), source: "report")
            .json
        let activation = first["lo"]?[gateway.id]?["actvt:['provision/activate']"]
        #expect(activation?["num"]?.int == 1, "\(first.text())")
        #expect((activation?["tot_tx"]?.int ?? 0) > 100)
        #expect(first["lo"]?["top_consumer"]?.string == gateway.id)
        let told = try stamp()
        for _ in 0..<3 { #expect(try gateway.gwe("reconcile").code == 0) }
        #expect(try stamp() == told)

        try #require(symlink("\(Repository.products)/gwe", gateway.root + "/gdc") == 0)
        let gdc = try TestProcess(
            gateway.root + "/gdc", ["-f", "gwe", "http", "write", "temperature", "21"], environment: gateway.variables,
            scratch: gateway.root + "/scratch"
        ).wait()
        #expect(gdc.code == 0, "\(gdc)")
        #expect(try gateway.gwe("reconcile").code == 0)
        let second = try JSON.parse(Array(try #require(try gateway.resource("usage_report")).utf8), source: "report")
            .json
        let methods = second["lo"]?[gateway.id]
        #expect(methods?["write:['temperature']"]?["num"]?.int == 1, "\(second.text())")
        #expect(methods?["actvt:['provision/activate']"] == nil, "sent already")
        // The loops since the second one, which sent the first report, are told with it, each once.
        let loops = (methods?.members ?? []).filter { $0.0.hasPrefix("read") }.reduce(0) {
            $0 + ($1.1["num"]?.int ?? 0)
        }
        #expect(loops == 5, "\(second.text())")
    }

    @Test("a dry run sends and freezes nothing")
    func dryRun() throws {
        let gateway = try gateway(sent: 1_000)
        let before = try gateway.resource("usage_report")
        #expect(try gateway.gwe("reconcile", "--dry-run").code == 0)
        #expect(try gateway.resource("usage_report") == before)
        #expect(try UsageStore.openReadOnly(stateFolder: gateway.stateFolder)?.frozen() == nil)
    }

    @Test("gwe usage shows days, months and budgets; as a table and as JSON")
    func table() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let nothing = try gateway.gwe("usage")
        #expect(nothing.code == 0 && nothing.out.isEmpty && nothing.err.contains("nothing was counted"), "\(nothing)")
        #expect(!FileTree.exists(gateway.stateFolder), "looking makes no folder")
        try FileManager.default.createDirectory(atPath: gateway.stateFolder, withIntermediateDirectories: true)
        try gateway.manifest("schema: gwe/v1\npolicy: {data_budget: {ppp7: 10KiB/day, eth9: 1MiB/month}}\n")
        let now = Int64(Date().timeIntervalSince1970)
        try add(1_536, to: gateway, at: now - 40 * 86_400)
        for _ in 0..<2 { try add(512, to: gateway, at: now) }

        let usage = try gateway.gwe("usage")
        #expect(usage.code == 0 && usage.err.isEmpty, "\(usage)")
        let lines = usage.out.split(separator: "\n").map(String.init)
        #expect(lines.count == 4, "\(usage)")
        #expect(
            lines[0].split(separator: " ").joined(separator: " ")
                == "DAY INTERFACE CONSUMER REQUESTS SENT RECEIVED WITH HEADERS")
        #expect(
            lines[1].split(separator: " ").dropFirst().joined(separator: " ")
                == "ppp7 an app 2 1.0 KiB 4.0 KiB 9.0 KiB")
        #expect(lines[2].hasPrefix("budget of eth9: 0 B of 1MiB/month used, 1.0 MiB left until "))
        #expect(lines[3].hasPrefix("budget of ppp7: 9.0 KiB of 10KiB/day used, 1.0 KiB left until "))

        let days = try gateway.gwe("usage", "--json", "--days", "60")
        let rows = try #require(days.json?["usage"]?.elements)
        #expect(rows.map { $0["sent_bytes"]?.int } == [1_536, 1_024])
        #expect(rows.map { $0["received_bytes_with_headers"]?.int } == [3_072, 6_144])
        #expect(days.json?["budgets"]?.elements?.last?["left_bytes"]?.int == 1_024)
        let months = try gateway.gwe("usage", "--months", "--json")
        #expect(months.json?["usage"]?.elements?.count == 2, "\(months)")
        #expect(months.json?["usage"]?.elements?.first?["month"]?.string?.count == 7)
        for wrong in [["--days", "0"], ["--days", "3", "--months"], ["--weeks"]] {
            #expect(try gateway.start(["usage"] + wrong).wait().code == 64)
        }
    }

    @Test("gwe report prints all four reports, and sends them now")
    func report() throws {
        let gateway = try gateway(sent: 1_000)
        let shown = try gateway.gwe("report", "--print")
        #expect(shown.code == 0, "\(shown)")
        #expect(
            shown.json?.members?.map(\.0) == ["engine_report", "fetch_status", "device_info", "usage_report"])
        #expect(shown.json?["usage_report"]?["ppp7"]?["top_consumer"]?.string == "an app")
        #expect(try reported(gateway).isEmpty)
        let sent = try gateway.gwe("report")
        #expect(sent.code == 0, "\(sent)")
        #expect(sent.out == "sent engine_report, fetch_status, device_info, usage_report\n")
        #expect(try reported(gateway) == [1, 1_000])
    }

    @Test("with a daemon, it is the daemon that reports")
    func daemonReports() throws {
        let gateway = try gateway(sent: 1_000)
        let daemon = try gateway.startDaemon()
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
        }
        try gateway.eventually("the first pass has reported") { try reported(gateway) == [1, 1_000] }
        try add(20, to: gateway)
        let shown = try gateway.gwe("report", "--print", "--json")
        #expect(shown.json?["usage_report"]?["ppp7"] != nil, "\(shown)")
        var sent = try gateway.gwe("report")
        // The first pass may not have ended.
        try gateway.eventually("the daemon has reported") {
            if sent.code == 75 { sent = try gateway.gwe("report") }
            return sent.code != 75
        }
        #expect(sent.code == 0 && sent.out.hasPrefix("sent engine_report"), "\(sent)")
        #expect(try reported(gateway) == [1, 20])
    }

    @Test("while a pass is under way, gwe report says so and does not wait for its end")
    func reportDuringPass() throws {
        let gateway = try GatewayFixture()
        let installer = "touch \"$GWE_DATA_DIR/begun\"; while [ ! -e \"$GWE_DATA_DIR/go\" ]; do sleep 0.05; done"
        try gateway.withDaemon { (_) throws in
            try gateway.services([.quickService("slow", "1", extra: ["install.sh": .script(installer)])])
            let pass = try gateway.start(["reconcile"])
            let data = gateway.stateFolder + "/data/slow"
            try gateway.eventually("the installer runs") { FileTree.exists(data + "/begun") }
            let sent = try gateway.gwe("report")
            #expect(sent.code == 75 && sent.err.contains("a pass is under way"), "\(sent)")
            try gateway.write("", to: data + "/go")
            #expect(pass.wait().code == 0)
        }
    }

    @Test("without a cloud there is nothing to send to")
    func noCloud() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let sent = try gateway.gwe("report")
        #expect(sent.code == 78, "\(sent)")
        #expect(try gateway.gwe("report", "--print").code == 0)
    }
}
