import GatewayModel
import Testing

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a generator that a failing seed can be run again with.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Generated wishes and gateways over a small world of names, so that they meet often.
struct GeneratedGateway {
    var desired: DesiredState
    var observed: ObservedState

    static let names = ["a", "b", "c", "d", "e", "f"].compactMap { AppName($0) }
    static let versions = ["1", "2", "1.10", "rc-x"].compactMap { Version($0) }

    init(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var apps: [AppName: DesiredApp] = [:]
        var policy = Policy()
        policy.allowDowngrade = Bool.random(using: &random)
        for name in Self.names where Int.random(in: 0..<4, using: &random) > 0 {
            let wish = Self.versions.randomElement(using: &random).map {
                ReleaseWish(version: $0, location: .content("\(name).v\($0).tar.gz"), sha256: Self.digest(name, $0))
            }
            // Only names before one's own: the generated graph has no cycle.
            let requires = Self.names.filter { $0 < name && Int.random(in: 0..<5, using: &random) == 0 }
            apps[name] = DesiredApp(
                name: name,
                release: Int.random(in: 0..<8, using: &random) == 0 ? nil : wish.map { .init($0, from: .cloud) },
                state: .init(WantedState.allCases.randomElement(using: &random) ?? .running, from: .cloud),
                hold: .init(Int.random(in: 0..<5, using: &random) == 0, from: .cloud),
                requires: .init(requires, from: .cloud))
        }
        var there: [AppName: ObservedApp] = [:]
        for name in Self.names where Bool.random(using: &random) {
            guard let version = Self.versions.randomElement(using: &random) else { continue }
            let drifts: [[Drift]] = [
                [], [], [.missing(path: "bin/app")], [.modified(path: "x"), .configuration], [.symlink(target: nil)],
                [.configuration],
            ]
            there[name] = ObservedApp(
                current: Self.release(name, version),
                drift: drifts.randomElement(using: &random) ?? [], isRunning: Bool.random(using: &random))
        }
        desired = DesiredState(
            apps: apps, dropped: Set(there.keys.filter { apps[$0] == nil && Bool.random(using: &random) }),
            policy: policy)
        observed = ObservedState(apps: there)
    }

    static func digest(_ name: AppName, _ version: Version) -> Digest {
        let seed = "\(name)\(version)".utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0xFF_FFFF }
        let text = String(seed, radix: 16)
        guard let digest = Digest(String(repeating: "0", count: 64 - text.count) + text) else {
            preconditionFailure("64 hex digits are a digest")
        }
        return digest
    }

    static func release(_ name: AppName, _ version: Version) -> InstalledRelease {
        InstalledRelease(
            version: version, digest: digest(name, version),
            folder: "\(version)", kind: .service, artifactByteCount: 1, unpackedByteCount: 3)
    }
}

/// What the steps of a plan do to a gateway, as values.
func applied(_ plan: Plan, to observed: ObservedState, desired: DesiredState) -> ObservedState {
    var after = observed
    for change in plan.apps {
        for step in change.steps {
            switch step {
            case .download, .verify, .unpack, .install, .uninstall, .prune: break
            case .activate:
                if let wish = change.wish {
                    let isRunning = after.apps[change.app]?.isRunning ?? false
                    after.apps[change.app] = ObservedApp(
                        current: GeneratedGateway.release(change.app, wish.version), isRunning: isRunning)
                }
            case .configure: after.apps[change.app]?.drift.removeAll { $0 == .configuration }
            case .start: after.apps[change.app]?.isRunning = true
            case .stop: after.apps[change.app]?.isRunning = false
            case .remove: after.apps[change.app] = nil
            }
        }
    }
    return after
}

@Suite("Properties of every plan, over 2,000 generated gateways")
struct PlanPropertyTests {
    static let seeds: [UInt64] = Array(0..<2_000)

    @Test("applying a plan and planning again gives an empty plan")
    func convergesInOnePass() {
        for seed in Self.seeds {
            let gateway = GeneratedGateway(seed: seed)
            let plan = Plan.make(desired: gateway.desired, observed: gateway.observed)
            let after = applied(plan, to: gateway.observed, desired: gateway.desired)
            let again = Plan.make(desired: gateway.desired, observed: after)
            #expect(again.isEmpty, "seed \(seed): \(again.apps)")
        }
    }

    @Test("the order of the input does not matter")
    func orderDoesNotMatter() {
        for seed in Self.seeds {
            let gateway = GeneratedGateway(seed: seed)
            var shuffled = gateway
            // A dictionary that grew in another order iterates in another order.
            shuffled.desired.apps = [:]
            for (name, app) in gateway.desired.apps.sorted(by: { $0.key > $1.key }) {
                var app = app
                app.requires.value.reverse()
                shuffled.desired.apps[name] = app
            }
            shuffled.observed.apps = [:]
            for (name, app) in gateway.observed.apps.sorted(by: { $0.key > $1.key }) {
                shuffled.observed.apps[name] = app
            }
            #expect(
                Plan.make(desired: gateway.desired, observed: gateway.observed)
                    == Plan.make(desired: shuffled.desired, observed: shuffled.observed), "seed \(seed)")
        }
    }

    @Test("a held app is never touched")
    func heldIsUntouched() {
        var held = 0
        for seed in Self.seeds {
            let gateway = GeneratedGateway(seed: seed)
            for change in Plan.make(desired: gateway.desired, observed: gateway.observed).apps
            where gateway.desired.apps[change.app]?.hold.value == true {
                held += 1
                #expect(change.steps.isEmpty, "seed \(seed)")
            }
        }
        #expect(held > 100, "the generator makes held apps that differ")
    }

    @Test("nothing that the journal did not install is ever removed")
    func removesOnlyInstalled() {
        var removed = 0
        for seed in Self.seeds {
            let gateway = GeneratedGateway(seed: seed)
            for change in Plan.make(desired: gateway.desired, observed: gateway.observed).apps
            where change.steps.contains(.remove) {
                removed += 1
                #expect(gateway.observed.apps[change.app] != nil, "seed \(seed)")
                let isWanted = gateway.desired.apps[change.app].map { $0.state.value != .absent } ?? false
                #expect(!isWanted, "seed \(seed)")
                #expect(
                    gateway.desired.apps[change.app] != nil || gateway.desired.dropped.contains(change.app),
                    "seed \(seed)")
            }
        }
        #expect(removed > 100, "the generator makes removals")
    }

    @Test("fetch steps come before every step that may interrupt, and apps after those they require")
    func orderOfSteps() {
        for seed in Self.seeds {
            let gateway = GeneratedGateway(seed: seed)
            let plan = Plan.make(desired: gateway.desired, observed: gateway.observed)
            for change in plan.apps {
                let firstOther = change.steps.firstIndex { !$0.isFetch } ?? change.steps.endIndex
                #expect(change.steps[firstOther...].allSatisfy { !$0.isFetch }, "seed \(seed)")
            }
            let position = Dictionary(
                uniqueKeysWithValues: plan.apps.enumerated().map { ($1.app, $0) })
            for change in plan.apps where gateway.desired.apps[change.app]?.state.value != .absent {
                for needed in gateway.desired.apps[change.app]?.requires.value ?? [] {
                    guard let before = position[needed], let own = position[change.app] else { continue }
                    #expect(before < own, "seed \(seed)")
                }
            }
        }
    }
}
