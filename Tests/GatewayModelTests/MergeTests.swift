import GatewayModel
import Testing

@Suite("The merge")
struct MergeTests {
    private func wish(_ label: String, run: Int64 = 0) throws -> ReleaseWish {
        ReleaseWish(version: try version(label), location: .content("x"), commandNumber: run)
    }

    private func layer(_ text: String, _ kind: ManifestDecoder.Kind) throws -> Layer {
        try decodeManifest("schema: gwe/v1\n" + text, source: "manifest.yaml", kind: kind)
    }

    @Test("keys come from both layers, the cloud first unless the local policy says local")
    func keyByKey() throws {
        let local = """
            apps:
              web:
                version: "1"
                service: {command: bin/web, environment: {SITE: berlin, LEVEL: info}}
                requires: [api]
            """
        let cloud = try layer(
            "apps:\n  web: {version: \"2\", service: {environment: {LEVEL: debug}}, state: stopped}", .cloud)
        let name = try app("web")
        let merged = DesiredState.merge(local: try layer(local, .local), cloud: cloud).apps[name]
        #expect(merged?.release?.value.version.text == "2")
        #expect(merged?.release?.origin == .cloud)
        #expect(merged?.state == Sourced(.stopped, from: .cloud))
        #expect(merged?.requires == Sourced([try app("api")], from: .manifest(file: "manifest.yaml", line: 6)))
        #expect(merged?.service?.value.command == "bin/web")
        #expect(merged?.service?.value.environment == ["SITE": "berlin", "LEVEL": "debug"])

        let first = try layer(local + "\npolicy: {precedence: local}", .local)
        let turned = DesiredState.merge(local: first, cloud: cloud).apps[name]
        #expect(turned?.release?.origin == .manifest(file: "manifest.yaml", line: 4))
        #expect(turned?.service?.value.environment == ["SITE": "berlin", "LEVEL": "info"])
    }

    @Test("the digest of one layer is never put to the version of another")
    func oneUnit() throws {
        let digest = String(repeating: "ab", count: 32)
        let local = try layer("apps:\n  web: {version: \"1\", artifact: {sha256: \(digest)}}", .local)
        let cloud = try layer("apps:\n  web: {version: \"2\"}", .cloud)
        #expect(DesiredState.merge(local: local, cloud: cloud).apps[try app("web")]?.release?.value.sha256 == nil)
    }

    @Test("an app that its layer names no more is dropped; without apps, or unreadable, a layer drops nothing")
    func dropping() throws {
        let web = try app("web")
        let installed = [web: try wish("1")]
        let named = NamedApps(local: [web])
        func merge(_ local: Layer?) -> DesiredState {
            .merge(local: local, cloud: nil, named: named, installed: installed)
        }
        #expect(merge(try layer("apps: {}", .local)).dropped == [web])
        #expect(merge(try layer("apps: {api: {version: \"1\"}}", .local)).dropped == [web])
        for silent in [nil, try layer("update_interval: 4h", .local)] {
            #expect(merge(silent).dropped.isEmpty)
            #expect(merge(silent).apps[web]?.release == Sourced(try wish("1"), from: .installed))
        }
    }

    @Test("`remove` of the cloud vetoes no local wish, and a silent layer keeps what it named")
    func twoLayers() throws {
        let web = try app("web")
        let both = NamedApps(local: [web], cloud: [web])
        let none = Layer()
        let local = try layer("apps: {web: {version: \"1\"}}", .local)
        let kept = DesiredState.merge(local: local, cloud: none, named: both, installed: [web: try wish("1")])
        #expect(kept.dropped.isEmpty && kept.apps[web]?.release?.origin == .manifest(file: "manifest.yaml", line: 2))
        let unreadable = DesiredState.merge(local: nil, cloud: none, named: both, installed: [web: try wish("1")])
        #expect(unreadable.dropped.isEmpty && unreadable.apps[web] != nil)
        let gone = DesiredState.merge(local: none, cloud: none, named: both, installed: [web: try wish("1")])
        #expect(gone.dropped == [web])
    }

    @Test("after a rebuilt journal what is installed stays, also when a fresh layer names other apps")
    func rebuilt() throws {
        let web = try app("web")
        for local in [nil, try layer("apps: {api: {version: \"1\"}}", .local)] {
            let state = DesiredState.merge(local: local, cloud: nil, installed: [web: try wish("3")])
            #expect(state.dropped.isEmpty)
            #expect(state.apps[web]?.release == Sourced(try wish("3"), from: .installed))
        }
    }

    @Test("a rollback holds until the cloud wants something else, and does not come back afterwards")
    func rollback() throws {
        let web = try app("web")
        let two = try layer("apps: {web: {version: \"2\", artifact: {content: x}}}", .cloud)
        let three = try layer("apps: {web: {version: \"3\", artifact: {content: x}}}", .cloud)
        var spoken = OperatorLayer(apps: [web: OperatorEntry(release: try wish("1"), base: try wish("2"))])
        let back = DesiredState.merge(local: nil, cloud: two, operator: spoken)
        #expect(back.apps[web]?.release == Sourced(try wish("1"), from: .operatorCommand))
        let newer = DesiredState.merge(local: nil, cloud: three, operator: spoken)
        #expect(newer.apps[web]?.release == Sourced(try wish("3"), from: .cloud))
        spoken.forgetSuperseded(in: newer)
        #expect(spoken.apps.isEmpty)
        #expect(DesiredState.merge(local: nil, cloud: two, operator: spoken).apps[web]?.release?.origin == .cloud)
    }

    @Test("an app installed by hand is desired, until the operator takes it back")
    func byHand() throws {
        let web = try app("web")
        let spoken = OperatorLayer(apps: [web: OperatorEntry(release: try wish("1"))])
        let state = DesiredState.merge(local: Layer(), cloud: Layer(), operator: spoken, named: NamedApps(cloud: [web]))
        #expect(state.apps[web]?.release == Sourced(try wish("1"), from: .operatorCommand))
        let named = NamedApps(operatorCommand: [web])
        let gone = DesiredState.merge(local: Layer(), cloud: Layer(), named: named, installed: [web: try wish("1")])
        #expect(gone.dropped == [web])
    }

    @Test("the operator stops and holds what others want, but wishes no app by that")
    func stopAndHold() throws {
        let (web, api) = (try app("web"), try app("api"))
        let local = try layer("apps: {web: {version: \"1\"}}", .local)
        let entry = OperatorEntry(state: .stopped, hold: true)
        let state = DesiredState.merge(
            local: local, cloud: nil, operator: OperatorLayer(apps: [web: entry, api: entry]))
        #expect(state.apps[web]?.state == Sourced(.stopped, from: .operatorCommand))
        #expect(state.apps[web]?.hold == Sourced(true, from: .operatorCommand))
        #expect(state.apps[api] == nil && state.dropped.isEmpty)
    }

    @Test("an app that layers name without a version has none, unless it is installed")
    func withoutVersion() throws {
        let web = try app("web")
        let local = try layer("apps: {web: {hold: true}}", .local)
        let bare = try #require(DesiredState.merge(local: local, cloud: nil).apps[web])
        #expect(bare.release == nil)
        let kept = DesiredState.merge(local: local, cloud: nil, installed: [web: try wish("1")])
        #expect(kept.apps[web]?.release?.origin == .installed)
    }

    @Test("a looser policy of the cloud is ignored and named, a tighter one is in force")
    func policy() throws {
        let local = try layer("policy: {window: \"01:00-05:00\", data_budget: {ppp0: 31MiB/month}}", .local)
        let cloud = try layer(
            """
            policy:
              allow_downgrade: true
              require_signature: true
              window: "02:00-03:00"
              data_budget: {ppp0: 1MiB/day, wlan0: 1GiB/month}
              bandwidth: 100KiB/s
              log_rate: 5000
            """, .cloud)
        let state = DesiredState.merge(local: local, cloud: cloud)
        #expect(state.policy.requireSignature && !state.policy.allowDowngrade)
        #expect(state.policy.window == DailyWindow(start: 120, end: 180))
        #expect(state.policy.bandwidth == 100 << 10)
        #expect(state.policy.dataBudget["ppp0"] == DataBudget(byteCount: 1 << 20, period: .day))
        #expect(state.policy.dataBudget["wlan0"] != nil)
        #expect(
            state.notes == [
                "the cloud's policy.allow_downgrade would loosen the local policy and is ignored",
                "the cloud's policy.log_rate would loosen the local policy and is ignored",
            ])
    }
}
