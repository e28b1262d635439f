import Testing

@testable import GatewayModel

@Suite("After a lack of space or the like") struct MachineRetryTests {
    @Test("tried again after 1, 5 and 15 minutes, then at the polls; and from the beginning once all was well")
    func pauses() {
        var retry = MachineRetry()
        let expected: [Duration?] = [.seconds(60), .seconds(300), .seconds(900), nil, nil]
        #expect((0..<5).map { _ in retry.failed() } == expected)
        retry.succeeded()
        #expect(retry.failures == 0 && retry.failed() == .seconds(60))
    }

    @Test("what a removal gives back counts before space is judged, but where all is done or nothing")
    func removalCounts() throws {
        let (old, web) = (try #require(AppName("old")), try #require(AppName("web")))
        let version = try #require(Version("1"))
        let wish = ReleaseWish(version: version, location: .content("web.v1.tar.gz"), size: 1_000)
        let digest = try #require(Digest(String(repeating: "0", count: 64)))
        let there = InstalledRelease(
            version: version, digest: digest, folder: "1-0", kind: .oneOff, artifactByteCount: 10, unpackedByteCount: 10
        )
        var observed = ObservedState(apps: [old: ObservedApp(current: there)], freeByteCount: 3_000)
        observed.apps[old]?.reclaimableByteCount = 1_000
        var desired = DesiredState(apps: [web: DesiredApp(name: web, release: Sourced(wish, from: .builtin))])
        desired.dropped = [old]
        #expect(Plan.make(desired: desired, observed: observed).shortfall == nil)
        observed.apps[old]?.reclaimableByteCount = 999
        let shortfall = Plan.make(desired: desired, observed: observed).shortfall
        #expect(shortfall == Plan.Shortfall(neededByteCount: 4_000, freeByteCount: 3_999))
        #expect(shortfall?.description == "not enough space: about 4000 B needed, 3999 B free")
        observed.apps[old]?.reclaimableByteCount = 1_000
        desired.policy.atomic = .all
        #expect(Plan.make(desired: desired, observed: observed).shortfall != nil)
    }
}
