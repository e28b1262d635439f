import DeviceClient
import Documents
import GatewayModel
import GatewaySystem
import Synchronization
import Testing
import Wire

@testable import GatewayAgent

/// Counts of a gateway whose clock cannot be believed for a while.
@Suite("Usage with a clock in doubt") struct UsageDoubtTests {
    private final class Now: Sendable { let time = Lock(WallTime(milliseconds: 0)) }

    @Test("days are right once the clock is believed; until then usage and budgets show what was counted")
    func days() throws {
        let scratch = try ScratchGateway()
        try scratch.write("schema: gwe/v1\nidentity: gw-7\n", to: scratch.folders.gatewayFile)
        try scratch.write("", to: scratch.folders.stateFolder + "/x")
        let now = Now()
        let believed: Int64 = 1_795_348_800
        let context = GatewayContext(folders: scratch.folders, configuration: try scratch.load()) {
            now.time.withLock { $0 }
        }
        func set(_ seconds: Int64) { now.time.withLock { $0 = WallTime(milliseconds: seconds * 1_000) } }
        func count(_ byteCount: Int64) {
            let meter = context.usageMeter()
            var record = UsageRecord(
                interface: "ppp0", identity: "gw-7", method: .read, resources: ["a"], sentByteCount: byteCount)
            record.sentWithHeaders = byteCount
            meter.count(record)
            meter.flush()
        }
        func shown() throws -> [String] {
            let rows = try UsageSummary.make(context, .days(7)).json["usage"]?.elements ?? []
            return rows.map { "\($0["day"]?.string ?? "-") \($0["sent_bytes"]?.int ?? 0)" }
        }
        func used() throws -> Int64 {
            let days = try UsageStore.openReadOnly(stateFolder: context.folders.stateFolder)?.days() ?? []
            let budget = DataBudget(byteCount: 1_000_000, period: .month)
            return DataBudgetLedger(context: context).allowance(of: "ppp0", budget, days).usedByteCount
        }
        // Never believed so far, as at the first boot: 1970.
        set(100)
        #expect(context.clock().isInDoubt)
        count(1)
        #expect(try shown() == ["- 1"] && used() == 1)
        // Believed.
        set(believed)
        count(10)
        #expect(try shown() == ["2026-11-22 11"] && used() == 11)
        // A boot without a clock, a week later by the sun; and one that shows the year 2090.
        set(100)
        count(100)
        set(believed + 64 * 365 * 86_400)
        count(1_000)
        #expect(try shown() == ["- 1100", "2026-11-22 11"], "what is known is shown")
        #expect(try used() == 1_111)
        set(believed + 7 * 86_400)
        count(10_000)
        #expect(try shown() == ["2026-11-29 11100"])
        #expect(try used() == 11_111)
        #expect(try UsageSummary.make(context, .months).json["usage"]?.elements?.count == 1)
    }
}
