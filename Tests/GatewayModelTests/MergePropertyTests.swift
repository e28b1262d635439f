import Documents
import GatewayModel
import Testing

@Suite("The merge, over 1,000 generated inputs")
struct MergePropertyTests {
    private func forEach(_ body: (MergeInput, DesiredState, UInt64) -> Void) {
        for seed in 0..<1_000 as Range<UInt64> {
            let input = MergeInput(seed: seed)
            body(input, input.merged(), seed)
        }
    }

    @Test("hold is an or over all layers, and no held app is dropped")
    func hold() {
        forEach { input, state, seed in
            for name in LayerGenerator.names {
                let held = [input.local, input.cloud].contains { $0?.apps[name]?.hold?.value == true }
                let byOperator = input.operatorLayer.apps[name]?.hold == true
                if let app = state.apps[name] {
                    #expect(app.hold.value == (held || byOperator), "seed \(seed), \(name)")
                }
                if held || byOperator { #expect(!state.dropped.contains(name), "seed \(seed), \(name)") }
            }
        }
    }

    @Test(
        "an app is dropped only if it is installed, was named once, and each layer that named it speaks no more of it")
    func dropped() {
        forEach { input, state, seed in
            for name in state.dropped {
                #expect(state.apps[name] == nil && input.installed[name] != nil, "seed \(seed), \(name)")
                var once = false
                for (layer, named) in [(input.local, input.named.local), (input.cloud, input.named.cloud)] {
                    #expect(layer?.apps[name] == nil, "seed \(seed), \(name)")
                    guard named.contains(name) else { continue }
                    once = true
                    #expect(layer?.namesApps == true, "seed \(seed), \(name)")
                }
                let byOperator =
                    input.named.operatorCommand.contains(name) || input.operatorLayer.apps[name]?.release != nil
                #expect(once || byOperator, "seed \(seed), \(name)")
            }
        }
    }

    @Test("what is installed is either desired or dropped, and what a layer names is desired")
    func nothingIsForgotten() {
        forEach { input, state, seed in
            for name in input.installed.keys {
                #expect((state.apps[name] != nil) != state.dropped.contains(name), "seed \(seed), \(name)")
                #expect(state.apps[name] == nil || state.apps[name]?.release != nil, "seed \(seed), \(name)")
            }
            for layer in [input.local, input.cloud].compactMap({ $0 }) {
                for name in layer.apps.keys { #expect(state.apps[name] != nil, "seed \(seed), \(name)") }
            }
        }
    }

    @Test("a release is one layer's, whole, and the higher layer's that has one")
    func releases() {
        forEach { input, state, seed in
            let ranked = state.policy.precedence == .cloud ? [input.cloud, input.local] : [input.local, input.cloud]
            for (name, app) in state.apps where app.release?.origin != .operatorCommand {
                let first = ranked.lazy.compactMap { $0?.apps[name]?.release }.first
                let kept = input.installed[name].map { Sourced($0, from: Origin.installed) }
                #expect(app.release == first ?? kept, "seed \(seed), \(name)")
            }
        }
    }

    @Test("a release of the operator is in force until the others want another than they did")
    func operatorRelease() {
        forEach { input, state, seed in
            for (name, entry) in input.operatorLayer.apps where entry.release != nil {
                var others = input
                others.operatorLayer.apps[name]?.release = nil
                let base = others.merged().apps[name]?.release.flatMap { $0.origin == .installed ? nil : $0.value }
                let inForce = state.apps[name]?.release?.origin == .operatorCommand
                if base == entry.base { #expect(inForce, "seed \(seed), \(name)") }
                if let base, base != entry.base { #expect(!inForce, "seed \(seed), \(name)") }
            }
        }
    }

    @Test("forgetting what is overtaken changes nothing now")
    func forgetting() {
        forEach { input, state, seed in
            var after = input
            after.named.record(local: input.local, cloud: input.cloud, operator: input.operatorLayer)
            after.operatorLayer.forgetSuperseded(in: state)
            #expect(after.merged() == state, "seed \(seed)")
        }
    }

    @Test("swapping the two layers and the precedence gives the same values from the other side")
    func symmetry() {
        forEach { input, _, seed in
            var one = input
            var two = input
            one.local?.policy = nil
            one.cloud?.policy = nil
            (two.local, two.cloud) = (one.cloud, one.local)
            swap(&two.named.local, &two.named.cloud)
            var local = PolicyLayer()
            local.precedence = .local
            guard two.local != nil else { return }
            two.local?.policy = local
            let (a, b) = (one.merged(), two.merged())
            #expect(a.apps == b.apps && a.dropped == b.dropped, "seed \(seed)")
            #expect(a.updateInterval == b.updateInterval, "seed \(seed)")
        }
    }

    @Test("no policy of the cloud loosens what is in force without it, but keys of operation that nobody here sets")
    func policy() {
        forEach { input, state, seed in
            let local = input.local?.policy ?? PolicyLayer()
            let (alone, _) = Policy.merge(local: local, cloud: nil)
            let merged = state.policy
            #expect(local.keepVersions == nil || merged.keepVersions >= alone.keepVersions, "seed \(seed)")
            #expect(merged.requireSignature || !alone.requireSignature, "seed \(seed)")
            let mayDowngrade = alone.allowDowngrade || (local.allowDowngrade == nil && !merged.requireSignature)
            #expect(!merged.allowDowngrade || mayDowngrade, "seed \(seed)")
            #expect(!merged.allowSetuid || alone.allowSetuid, "seed \(seed)")
            #expect((merged.bandwidth ?? .max) <= (alone.bandwidth ?? .max), "seed \(seed)")
            #expect(merged.logBudget <= alone.logBudget && merged.logRate <= alone.logRate, "seed \(seed)")
            #expect(merged.precedence == .local || alone.precedence == .cloud, "seed \(seed)")
            #expect(merged.atomic == .all || alone.atomic == .app, "seed \(seed)")
            #expect(merged.environment == .clean || alone.environment == .inherit, "seed \(seed)")
            if let outer = alone.window {
                let inside = (0..<1_440).allSatisfy {
                    merged.window?.contains(minuteOfDay: $0) == false || outer.contains(minuteOfDay: $0)
                }
                #expect(merged.window != nil && inside, "seed \(seed)")
            }
            for (interface, budget) in alone.dataBudget {
                let perMonth: (DataBudget?) -> Int64 = { ($0?.byteCount ?? .max / 31) * ($0?.period == .day ? 31 : 1) }
                #expect(perMonth(merged.dataBudget[interface]) <= perMonth(budget), "seed \(seed)")
            }
        }
    }

    @Test("a layer and the operator's layer come back from the journal as they went in")
    func storage() throws {
        for seed in 0..<300 as Range<UInt64> {
            let input = MergeInput(seed: seed)
            if let layer = input.cloud {
                let text = layer.canonicalJSON().text()
                #expect(try Layer.stored(text, source: "journal", origin: .cloud) == layer, "seed \(seed)")
            }
            let text = input.operatorLayer.canonicalJSON().text()
            #expect(try OperatorLayer.stored(text, source: "journal") == input.operatorLayer, "seed \(seed)")
        }
    }
}
