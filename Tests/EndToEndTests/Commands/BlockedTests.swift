import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// A removal of what another app requires, and how that is told: in the plan, by the exit, and in the history.
@Suite("Removing what another app requires") struct BlockedTests {
    @Test(
        "the plan names who requires it; the dry run ends with 2, the pass with 1, and the history does not say converged"
    )
    func removal() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let (web, api) = (TestPackage.quickService("web", "1"), TestPackage.quickService("api", "1"))
        try gateway.services([web, api], requires: ["api": "web"])
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.services([api], requires: ["api": "web"])
        let plan = try gateway.dryRun()
        #expect(plan.code == 2, "\(plan)")
        #expect(plan.out.contains("no layer names it any more; api requires it"), "\(plan)")
        #expect(plan.out.contains("requires web, which is not part of the desired state"), "\(plan)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 1, "\(pass)")
        #expect(pass.out.contains("blocked: api"), "\(pass)")
        let history = try gateway.gwe("history", "--json")
        #expect(history.json?.elements?.first?["outcome"]?.string == "blocked", "\(history)")
        let after = try gateway.dryRun()
        #expect(after.code == 1, "nothing is to be done, and an app is blocked: \(after)")
    }

    @Test("a report without a product ends as activate does")
    func noProduct() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        #expect(try gateway.gwe("activate").code == 78)
        let report = try gateway.gwe("report")
        #expect(report.code == 78 && report.err.contains("no product is set"), "\(report)")
        try gateway.withDaemon { _ in
            let report = try gateway.gwe("report")
            #expect(report.code == 78 && report.err.contains("no product is set"), "\(report)")
        }
    }

    @Test(
        "what is wrong with the manifest is told to whoever asks the daemon for a pass, each time, and to its log once")
    func rejectedManifest() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { daemon in
            #expect(try gateway.gwe("reconcile").code == 0)
            try gateway.manifest("schema: gwe/v1\napps: {web: {versio: \"1\"}}\n")
            let words = "manifest.yaml:2"
            try gateway.eventually("the daemon has heard of it") { daemon.err.contains(words) }
            for _ in 0..<2 {
                let pass = try gateway.gwe("reconcile")
                #expect(pass.code == 65, "\(pass)")
                #expect(pass.err.contains(words) && pass.err.contains("versio"), "\(pass)")
                #expect(pass.err.components(separatedBy: words).count == 2, "once: \(pass)")
            }
            let log = daemon.err.split(separator: "\n").filter { $0.contains(words) }
            #expect(log.count == 1, "\(log)")
        }
    }
}
