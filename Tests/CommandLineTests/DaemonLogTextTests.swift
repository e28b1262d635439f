import GatewayAgent
import GatewayModel
import Testing

@testable import gwe

@Suite("The daemon's log") struct DaemonLogTextTests {
    @Test("a plan is told by its footer and by the reason of each blocked app, and not at all when in sync")
    func plans() throws {
        let app = try #require(AppName("web"))
        #expect(DaemonLogText.line(.plan(Plan())) == nil)
        var plan = Plan()
        plan.apps = [AppPlan(app: app, action: .blocked, reason: "requires db", origin: .cloud)]
        #expect(DaemonLogText.line(.plan(plan)) == "gwe: web: blocked: requires db")
        plan.apps.append(AppPlan(app: app, action: .restart, reason: "not running", origin: .cloud, steps: [.start]))
        #expect(DaemonLogText.line(.plan(plan))?.hasSuffix("\ngwe: \(plan.footer)") == true)
    }
}
