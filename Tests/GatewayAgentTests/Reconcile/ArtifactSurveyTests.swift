import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@testable import GatewayAgent

/// What is known of artifacts before they are fetched, and what is asked for it.
@Suite("Artifacts before they are fetched") struct ArtifactSurveyTests {
    private let gateway: ScratchGateway
    private let context: GatewayContext
    private let cloud = ScriptedCloudLink()
    private let app: AppName
    private let version: Version

    init() throws {
        gateway = try ScratchGateway()
        context = GatewayContext(folders: gateway.folders, configuration: try gateway.load())
        app = try #require(AppName("web"))
        version = try #require(Version("1"))
        let content = gateway.root.path + "/content"
        try gateway.write("12345", to: content)
        cloud.contents["web.v1.tar.gz"] = content
    }

    private func plan(_ wish: ReleaseWish, _ steps: Step...) -> Plan {
        Plan(apps: [
            AppPlan(app: app, action: .install, reason: "a test", origin: .builtin, wish: wish, steps: steps)
        ])
    }

    private func wish(_ location: ArtifactLocation, digest: Digest? = nil) -> ReleaseWish {
        ReleaseWish(version: version, location: location, sha256: digest)
    }

    private func survey(
        _ plan: Plan, _ records: [AppName: AppRecord] = [:], used: Int64? = nil, urgent: Set<AppName> = []
    ) throws -> ObservedState {
        var observed = ObservedState()
        if let used {
            let budget = DataBudget(byteCount: 100_000, period: .month)
            observed.allowance = DataAllowance(
                interface: "ppp0", budget: budget, usedByteCount: used, renewal: "2026-12-01")
        }
        ArtifactSurvey(context: context, records: records, cloud: cloud).survey(plan, urgent: urgent, into: &observed)
        return observed
    }

    @Test("the cloud says how large content is; what nothing downloads is not asked for")
    func content() throws {
        let wish = wish(.content("web.v1.tar.gz"))
        #expect(try survey(plan(wish, .download)).artifactByteCounts == [wish: 5])
        let observed = try survey(plan(wish, .configure, .start))
        #expect(observed.artifactByteCounts.isEmpty && observed.presentArtifacts.isEmpty)
        let unknown = self.wish(.content("none.v1.tar.gz"))
        #expect(try survey(plan(unknown, .download)).artifactByteCounts.isEmpty)
    }

    @Test("with the data budget used up no size is asked for, but of an app that is urgent")
    func budget() throws {
        let wish = wish(.content("web.v1.tar.gz"))
        #expect(try survey(plan(wish, .download), used: 0).artifactByteCounts == [wish: 5])
        #expect(try survey(plan(wish, .download), used: 100_000).artifactByteCounts.isEmpty)
        #expect(try survey(plan(wish, .download), used: 100_000, urgent: [app]).artifactByteCounts == [wish: 5])
    }

    @Test("an artifact that lies here under its digest needs no download; without a digest the name proves nothing")
    func present() throws {
        let digest = try #require(Digest(String(repeating: "a", count: 64)))
        let exact = wish(.content("web.v1.tar.gz"), digest: digest)
        let store = ReleaseStore(folders: gateway.folders)
        try gateway.write("123", to: store.artifactPath(store.artifactName(app, exact)))
        let observed = try survey(plan(exact, .download))
        #expect(observed.presentArtifacts == [exact] && observed.artifactByteCounts == [exact: 3])
        let vague = wish(.content("web.v1.tar.gz"))
        try gateway.write("123", to: store.artifactPath(store.artifactName(app, vague)))
        #expect(try survey(plan(vague, .download)).presentArtifacts.isEmpty)
    }

    @Test("a repair takes the artifact that the release in force came from")
    func kept() throws {
        let digest = try #require(Digest(String(repeating: "b", count: 64)))
        let release = InstalledRelease(
            version: version, digest: digest, folder: "1-bbbbbbbb", kind: .oneOff, artifactByteCount: 4,
            unpackedByteCount: 4)
        let current = ReleaseRecord(
            app: app, installed: release, artifact: "kept.tar.gz", inventory: "", state: .installed, bootID: "")
        let record = AppRecord(name: app, current: current, others: [])
        let wish = wish(.content("web.v1.tar.gz"))
        #expect(try survey(plan(wish, .download), [app: record]).presentArtifacts.isEmpty, "it is gone")
        try gateway.write("1234", to: gateway.folders.downloadsFolder + "/kept.tar.gz")
        let observed = try survey(plan(wish, .download), [app: record])
        #expect(observed.presentArtifacts == [wish] && observed.artifactByteCounts == [wish: 4])
        // Another version is another artifact.
        let newer = ReleaseWish(version: try #require(Version("2")), location: .content("web.v2.tar.gz"))
        #expect(try survey(plan(newer, .download), [app: record]).presentArtifacts.isEmpty)
    }

    @Test("a file of this machine is present, and costs the network nothing")
    func path() throws {
        let file = gateway.root.path + "/web.v1.tar.gz"
        try gateway.write("123456", to: file)
        let wish = wish(.path(file))
        let observed = try survey(plan(wish, .download))
        #expect(observed.presentArtifacts == [wish] && observed.artifactByteCounts == [wish: 6])
        #expect(cloud.requestCount == 0)
    }
}
