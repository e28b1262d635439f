import DeviceClient
import Documents
import Foundation
@testable import GatewayAgent
import GatewayModel
import GatewaySystem
import Testing

@Suite("The ledger of data budgets") struct DataBudgetLedgerTests {
    private let scratch: ScratchGateway

    init() throws { scratch = try ScratchGateway() }

    private func ledger(_ settings: String) throws -> DataBudgetLedger {
        try scratch.write("schema: gwe/v1\n\(settings)\n", to: scratch.folders.gatewayFile)
        return DataBudgetLedger(
            context: GatewayContext(folders: scratch.folders, configuration: try scratch.load()) {
                WallTime(milliseconds: 1_793_500_000_000)
            })
    }

    private var policy: Policy {
        var policy = Policy()
        policy.dataBudget = ["ppp0": DataBudget(byteCount: 1_000_000, period: .month)]
        return policy
    }

    @Test("forged totals beyond all sums leave nothing, and end nothing")
    func saturation() throws {
        let day = UsageDay(unixSeconds: 1_793_500_000)
        let total = UsageTotal(
            day: day, interface: "ppp0", identity: "a", sentWithHeaders: .max, receivedWithHeaders: .max)
        let budget = DataBudget(byteCount: 1_000, period: .month)
        let allowance = try ledger("bind_interface: ppp0").allowance(of: "ppp0", budget, [total, total])
        #expect(allowance.usedByteCount == .max && allowance.remainingByteCount == 0)
    }

    @Test("counts that cannot be read leave nothing, with the reason")
    func unreadable() throws {
        let ledger = try ledger("bind_interface: ppp0")
        #expect(ledger.allowance(policy) { Issue.record("\($0)") }?.remainingByteCount == 1_000_000)
        try FileManager.default.createDirectory(
            atPath: scratch.folders.usageFile, withIntermediateDirectories: true)
        var problems: [String] = []
        let allowance = try #require(ledger.allowance(policy) { problems.append($0) })
        #expect(allowance.isUsedUp && allowance.doubt == "what was counted on ppp0 cannot be read")
        #expect(problems.count == 1)
    }

    @Test("a cloud that no interface leads to leaves nothing; none at all limits nothing")
    func noRoute() throws {
        let allowance = try #require(
            try ledger("cloud: https://cloud.gwe.invalid").allowance(policy) { Issue.record("\($0)") })
        #expect(allowance.isUsedUp && allowance.doubt?.contains("cloud.gwe.invalid") == true)
        #expect(try ledger("").allowance(policy) { Issue.record("\($0)") } == nil)
        #expect(try ledger("cloud: https://cloud.gwe.invalid").allowance(Policy()) { Issue.record("\($0)") } == nil)
    }

    @Test("no_proxy and the environment's proxies count as libcurl counts them")
    func proxies() throws {
        let cloud = try #require(WebAddress("https://api.example.com"))
        let variables = ["https_proxy": "http://proxy:3128"]
        #expect(TransferProxy.inForce(nil, variables, for: cloud)?.url == "http://proxy:3128")
        #expect(TransferProxy.inForce("http://own:1", variables, for: cloud)?.url == "http://own:1")
        #expect(TransferProxy.inForce("http://own:1", ["no_proxy": "example.com"], for: cloud) == nil)
    }
}
