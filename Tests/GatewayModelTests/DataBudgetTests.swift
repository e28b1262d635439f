import Documents
import GatewayModel
import Testing
import Wire

@Suite("Data budgets in a plan") struct DataBudgetTests {
    private struct Wanted {
        var name: String
        /// nil: not known.
        var size: Int64?
        var partial: Int64 = 0
        var isUrgent = false
        var isPresent = false
    }

    private static let kibibyte: Int64 = 1_024
    private static let budget = DataBudget(byteCount: 100 * kibibyte, period: .month)

    /// A plan of new apps, with so much of 100 KiB a month used.
    private func plan(_ wanted: [Wanted], used: Int64, free: Int64? = nil, policy: Policy = Policy()) throws -> Plan {
        var desired = DesiredState(policy: policy)
        var observed = ObservedState(freeByteCount: free, minuteOfDay: 600)
        observed.allowance = DataAllowance(
            interface: "ppp0", budget: DataBudgetTests.budget, usedByteCount: used, renewal: "2026-12-01")
        for one in wanted {
            let name = try #require(AppName(one.name))
            let wish = ReleaseWish(version: try #require(Version("1")), location: .content("\(one.name).v1.tar.gz"))
            desired.apps[name] = DesiredApp(name: name, release: .init(wish, from: .cloud), urgent: one.isUrgent)
            observed.artifactByteCounts[wish] = one.size
            observed.partialByteCounts[wish] = one.partial
            if one.isPresent { observed.presentArtifacts.insert(wish) }
        }
        return Plan.make(desired: desired, observed: observed)
    }

    private func waiting(_ plan: Plan) -> [String] { plan.apps.filter(\.defersDownload).map(\.app.text) }

    @Test("what fits is downloaded, what does not waits and says so with figures")
    func fits() throws {
        let fits = try plan([Wanted(name: "a", size: 80 * 1_024)], used: 0)
        #expect(fits.apps.map(\.deferral) == [nil])
        let waits = try plan([Wanted(name: "a", size: 80 * 1_024)], used: 20 * 1_024)
        #expect(
            waits.apps.map(\.deferral) == [
                "does not fit in data_budget: about 93.0 KiB to transfer, "
                    + "80.0 KiB left of 100KiB/month on ppp0 until 2026-12-01 (UTC)"
            ])
        #expect(PlannedApp(waits.apps[0]).json["deferred"]?.string == waits.apps[0].deferral)
        #expect(PlannedApp(waits.apps[0]).json["download_deferred"]?.bool == true)
        #expect(PlannedApp(fits.apps[0]).json["download_deferred"] == nil)
    }

    @Test("what is over budget leaves nothing, not less")
    func exhausted() throws {
        let plan = try plan([Wanted(name: "a", size: 1)], used: 500 * 1_024)
        #expect(plan.apps[0].deferral?.contains(" 0 B left of 100KiB/month") == true)
        let unknown = try self.plan([Wanted(name: "a", size: nil)], used: 95 * 1_024)
        #expect(
            unknown.apps[0].deferral
                == "data_budget is used up: 5.0 KiB left of 100KiB/month on ppp0 until 2026-12-01 (UTC)")
    }

    @Test(
        "without a size there is no saying that it fits; what is here, or nearly, costs little",
        arguments: [
            (nil, 0, false, true), (92_160, 0, false, true), (92_160, 81_920, false, false), (92_160, 0, true, false),
            (nil, 0, true, false), (Int64.max, 0, false, true), (0, 0, false, false),
        ] as [(Int64?, Int64, Bool, Bool)])
    func sizes(size: Int64?, partial: Int64, isPresent: Bool, waits: Bool) throws {
        let app = Wanted(name: "a", size: size, partial: partial, isPresent: isPresent)
        let plan = try plan([app], used: 50 * 1_024)
        #expect(waiting(plan) == (waits ? ["a"] : []), "\(plan.apps[0].deferral ?? "")")
        if size == nil, waits { #expect(plan.apps[0].deferral?.contains("'artifact.size'") == true) }
        if partial > 0 { #expect(plan.apps[0].downloadByteCount == 10_240) }
    }

    @Test("what is urgent is downloaded whatever is left, and first; the others share the rest in their order")
    func urgent() throws {
        let apps = [
            Wanted(name: "a", size: 30 * 1_024), Wanted(name: "b", size: 40 * 1_024),
            Wanted(name: "c", size: 1_024), Wanted(name: "u", size: 30 * 1_024, isUrgent: true),
        ]
        // Costs: 39.9, 50.5, 9.1 and 39.9 KiB.
        #expect(waiting(try plan(apps, used: 0)) == ["b"])
        #expect(waiting(try plan(apps, used: 50 * 1_024)) == ["a", "b"])
        #expect(waiting(try plan(apps, used: 60 * 1_024)) == ["a", "b", "c"])
        #expect(waiting(try plan(apps, used: 900 * 1_024)) == ["a", "b", "c"])
    }

    @Test("what waits needs no disk yet, and waits for the window too")
    func space() throws {
        let plan = try plan([Wanted(name: "a", size: 1_000_000)], used: 0, free: 1)
        #expect(plan.shortfall == nil)
        #expect(waiting(plan) == ["a"])
    }

    @Test("an app that is held or blocked has no download to wait with")
    func held() throws {
        var policy = Policy()
        policy.requireSignature = true
        let plan = try plan([Wanted(name: "a", size: 1_000_000)], used: 0, policy: policy)
        #expect(plan.apps.map(\.action) == [.blocked])
        #expect(plan.apps[0].deferral == nil)
    }

    @Test(
        "periods are days and months of the calendar in UTC",
        arguments: [
            (Int64(1_793_500_000), "2026-11-01", "2026-11", "2026-11-02", "2026-12-01"),
            (1_798_761_599, "2026-12-31", "2026-12", "2027-01-01", "2027-01-01"),
            (1_709_164_800, "2024-02-29", "2024-02", "2024-03-01", "2024-03-01"),
            (0, "1970-01-01", "1970-01", "1970-01-02", "1970-02-01"),
        ] as [(Int64, String, String, String, String)])
    func periods(seconds: Int64, day: String, month: String, tomorrow: String, nextMonth: String) {
        let time = WallTime(milliseconds: seconds * 1_000)
        #expect(DataBudget.Period.day.name(at: time) == day)
        #expect(DataBudget.Period.month.name(at: time) == month)
        #expect(DataBudget.Period.day.renewal(after: time) == tomorrow)
        #expect(DataBudget.Period.month.renewal(after: time) == nextMonth)
    }

    @Test(
        "amounts for people", arguments: [(Int64(0), "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_536, "1.5 KiB")])
    func amounts(byteCount: Int64, text: String) { #expect(Quantities.about(byteCount: byteCount) == text) }

    @Test("what cannot be judged defers downloads in words, and nothing that is urgent")
    func doubt() throws {
        var desired = DesiredState(policy: Policy())
        var observed = ObservedState(freeByteCount: nil, minuteOfDay: 600)
        var allowance = DataAllowance(
            interface: "ppp0", budget: DataBudgetTests.budget, usedByteCount: DataBudgetTests.budget.byteCount,
            renewal: "2026-12-01")
        allowance.doubt = "no route"
        observed.allowance = allowance
        for (name, isUrgent) in [("web", false), ("fix", true)] {
            let app = try #require(AppName(name))
            let wish = ReleaseWish(version: try #require(Version("1")), location: .content("\(name).v1.tar.gz"))
            desired.apps[app] = DesiredApp(name: app, release: .init(wish, from: .cloud), urgent: isUrgent)
        }
        let plan = Plan.make(desired: desired, observed: observed, only: nil)
        let deferred = plan.apps.filter(\.defersDownload)
        #expect(deferred.map(\.app.text) == ["web"])
        #expect(deferred.first?.deferral == "data_budget cannot be judged: no route")
    }
}
