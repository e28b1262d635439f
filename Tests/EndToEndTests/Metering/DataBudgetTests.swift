import DeviceClient
import Documents
import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// `policy.data_budget` on the loopback interface, over which the sandbox is reached.
@Suite("A data budget") struct DataBudgetTests {
    private static let name = "web.v1.tar.gz"

    /// A gateway that wants one package of about 45 KiB.
    private func gateway(budget: String, app: String = "") throws -> GatewayFixture {
        let gateway = try GatewayFixture()
        var random = SeededGenerator(state: 4)
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-".utf8)
        let text = String(
            decoding: (0..<60_000).map { _ in letters[Int.random(in: 0..<64, using: &random)] }, as: UTF8.self)
        try gateway.upload(.service("web", "1", extra: ["data": .init(text)]))
        try manifest(gateway, budget: budget, app: app)
        return gateway
    }

    private func manifest(_ gateway: GatewayFixture, budget: String, app: String = "") throws {
        try gateway.manifest(
            """
            schema: gwe/v1
            policy:
              data_budget: {lo: \(budget)}
            apps:
              web: {version: "1"\(app)}

            """)
    }

    @Test("that a download does not fit in: the plan says so with figures, 22, nothing downloaded, reports go out")
    func exhausted() throws {
        let gateway = try gateway(budget: "20KiB/month")
        let dry = try gateway.gwe("reconcile", "--dry-run")
        #expect(dry.code == 2, "\(dry)")
        let offered = try gateway.gwe("reconcile")
        #expect(offered.code == 22, "\(offered)")
        #expect(try gateway.downloads(of: DataBudgetTests.name).isEmpty)
        #expect(gateway.current("web") == nil)
        #expect(
            offered.out.contains("deferred: web: does not fit in data_budget") || offered.err.contains("deferred: web"))
        #expect(try gateway.resource("engine_report")?.contains("\"desired\":\"1\"") == true)

        #expect(try gateway.resource("fetch_status")?.contains("waits for data_budget") == true)

        // Activated by now, so that the dry run knows the size.
        let told = try gateway.gwe("reconcile", "--dry-run")
        #expect(told.code == 2, "\(told)")
        let line = try #require(told.out.split(separator: "\n").first { $0.contains("waits: ") })
        #expect(line.contains("does not fit in data_budget: about "))
        #expect(line.contains(" KiB to transfer, "))
        #expect(line.contains(" left of 20KiB/month on lo until "))
        let json = try gateway.gwe("reconcile", "--dry-run", "--json")
        let plan = try #require(json.jsonLines.first { $0["type"]?.string == "plan" })
        let app = try #require(plan["apps"]?.elements?.first)
        #expect(app["deferred"]?.string.map { line.hasSuffix($0) } == true)
        #expect(app["download_deferred"]?.bool == true)

        let again = try gateway.gwe("reconcile", "--until", "download")
        #expect(again.code == 22, "\(again)")
        #expect(try gateway.downloads(of: DataBudgetTests.name).isEmpty)
    }

    @Test("that is used up leaves the loop one request, and its reports as they are")
    func quiet() throws {
        let gateway = try gateway(budget: "0B/day")
        for _ in 0..<3 { #expect(try gateway.gwe("reconcile").code == 22) }
        try gateway.sandbox.clearRequestLog()
        let told = try gateway.sandbox.read(gateway.id, "fetch_status")?.timestamp
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 22 && pass.out.contains("data_budget is used up: 0 B left of 0B/day on lo"), "\(pass)")
        #expect(try gateway.sandbox.requestLog().count == 1)
        #expect(try gateway.sandbox.read(gateway.id, "fetch_status")?.timestamp == told)
    }

    @Test("does not hold up what is urgent")
    func urgent() throws {
        let gateway = try gateway(budget: "20KiB/month", app: ", urgent: true")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(gateway.current("web") != nil)
    }

    @Test("that is used up comes back with the next month", arguments: ["month", "day"])
    func nextPeriod(period: String) throws {
        let gateway = try gateway(budget: "300KiB/\(period)")
        // The last second of 2026-12.
        let end = WallTime(milliseconds: 1_798_761_599_000)
        try FileManager.default.createDirectory(atPath: gateway.stateFolder, withIntermediateDirectories: true)
        let store = try UsageStore.open(stateFolder: gateway.stateFolder)
        var used = UsageRecord(interface: "lo", identity: "an app", method: .write, resources: ["x"])
        used.sentWithHeaders = 200 << 10
        used.receivedWithHeaders = 90 << 10
        try store.add([used], at: end.milliseconds / 1_000 - 3_600)

        func pass(at time: WallTime) throws -> PassResult {
            let configuration = ConfigurationStore(
                folders: Folders(
                    configFolder: gateway.configFolder, stateFolder: gateway.stateFolder, logFolder: gateway.logFolder))
            let context = GatewayContext(
                folders: configuration.folders, configuration: try configuration.load(), clock: { time })
            return LocalPass.reconcile(context, PassOptions(), emit: { _ in })
        }
        let before = try pass(at: end)
        #expect(before.exit == .deferred, "\(before)")
        #expect(before.summary.contains("until 2027-01-01 (UTC)"), "\(before)")
        #expect(try gateway.downloads(of: DataBudgetTests.name).isEmpty)
        let after = try pass(at: end.advanced(by: .seconds(1)))
        #expect(after.exit == .success, "\(after)")
        #expect(try gateway.downloads(of: DataBudgetTests.name).count == 1)
    }

    @Test("counts of what is partly here only the rest")
    func partial() throws {
        let gateway = try gateway(budget: "1GiB/month")
        let size = try #require(try gateway.sandbox.contents().first { $0.name == DataBudgetTests.name }).byteCount
        gateway.sandbox.cutNextDownloads(after: [size - 1_000])
        let first = try gateway.start(["reconcile"])
        try gateway.eventually("the cut is noticed") { first.err.contains("trying again in") }
        first.send(9)
        _ = first.wait()
        // What was used so far, and 15 KiB: enough for the rest, and not for the whole.
        let store = try UsageStore.openReadOnly(stateFolder: gateway.stateFolder)
        let days = try store?.days() ?? []
        let used = days.reduce(0) { $0 + $1.sentWithHeaders + $1.receivedWithHeaders }
        try manifest(gateway, budget: "\(used + (15 << 10))B/month")
        let second = try gateway.gwe("reconcile")
        #expect(second.code == 0, "\(second)")
        let ranges = try gateway.downloads(of: DataBudgetTests.name).map(\.range)
        #expect(ranges.last??.hasPrefix("bytes=") == true, "\(ranges)")
    }

    @Test("of another interface limits nothing")
    func otherInterface() throws {
        let gateway = try gateway(budget: "1GiB/month")
        try gateway.manifest(
            "schema: gwe/v1\npolicy: {data_budget: {ppp0: 1B/day}}\napps:\n  web: {version: \"1\"}\n")
        #expect(try gateway.gwe("reconcile").code == 0)
    }

    @Test("leaves what is installed alone: a pass that has nothing to download is in sync")
    func installed() throws {
        let gateway = try gateway(budget: "1GiB/month")
        #expect(try gateway.gwe("reconcile").code == 0)
        try manifest(gateway, budget: "0B/month")
        #expect(try gateway.gwe("reconcile").code == 0)
        // A repair from the kept tarball costs no byte.
        try FileManager.default.removeItem(atPath: gateway.currentFolder(of: "web") + "/data")
        let repair = try gateway.gwe("reconcile")
        #expect(repair.code == 0, "\(repair)")
    }
}
