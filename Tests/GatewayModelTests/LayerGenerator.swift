import GatewayModel

/// Random but repeatable layers over a few app names, so that they meet (SplitMix64, https://prng.di.unimi.it).
struct LayerGenerator: RandomNumberGenerator {
    private var state: UInt64
    static let names = ["a", "b", "c", "d", "e"].compactMap { AppName($0) }

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func maybe<Value>(_ percent: Int, _ make: (inout LayerGenerator) -> Value?) -> Value? {
        chance(percent) ? make(&self) : nil
    }
    mutating func names(_ percent: Int) -> Set<AppName> { Set(LayerGenerator.names.filter { _ in chance(percent) }) }

    mutating func wish() -> ReleaseWish? {
        guard let version = Version(String(Int.random(in: 1...3, using: &self))) else { return nil }
        return ReleaseWish(version: version, location: .content("x"), commandNumber: chance(20) ? 4 : 0)
    }

    mutating func app(_ name: AppName, _ origin: Origin) -> AppLayer {
        var app = AppLayer()
        app.release = maybe(70) { $0.wish() }.map { Sourced($0, from: origin) }
        app.state = maybe(30) { WantedState.allCases.randomElement(using: &$0) }.map { Sourced($0, from: origin) }
        app.hold = maybe(30) { $0.chance(50) }.map { Sourced($0, from: origin) }
        app.urgent = maybe(20) { $0.chance(50) }.map { Sourced($0, from: origin) }
        app.requires = maybe(20) { $0.names(30).subtracting([name]).sorted() }.map { Sourced($0, from: origin) }
        app.service = maybe(30) { generator in
            ServiceOverride(
                command: generator.maybe(50) { "run \($0.next() % 3)" },
                environment: generator.maybe(50) { ["A": "\($0.next() % 3)", "B\($0.next() % 2)": ""] },
                stopTimeout: generator.maybe(50) { .milliseconds(Int64($0.next() % 3_000)) })
        }.map { Sourced($0, from: origin) }
        app.health = maybe(20) { HealthCheck(probe: .tcp(host: "::1", port: UInt16($0.next() % 9 + 1))) }
            .map { Sourced($0, from: origin) }
        return app
    }

    mutating func policy() -> PolicyLayer {
        var policy = PolicyLayer()
        policy.keepVersions = maybe(40) { Int($0.next() % 4) + 1 }
        policy.requireSignature = maybe(40) { $0.chance(50) }
        policy.allowDowngrade = maybe(40) { $0.chance(50) }
        policy.allowSetuid = maybe(40) { $0.chance(50) }
        policy.window = maybe(40) { DailyWindow(start: Int($0.next() % 700), end: Int($0.next() % 700) + 700) }
        policy.bandwidth = maybe(40) { Int64($0.next() % 1_000) + 1 }
        policy.precedence = maybe(40) { Policy.Precedence.allCases.randomElement(using: &$0) }
        policy.atomic = maybe(40) { Policy.Atomicity.allCases.randomElement(using: &$0) }
        policy.logBudget = maybe(40) { Int64($0.next() % (32 << 20)) + 1 }
        policy.logRate = maybe(40) { Int($0.next() % 2_000) + 1 }
        policy.dataBudget = maybe(40) { generator in
            [
                "ppp0": DataBudget(
                    byteCount: Int64(generator.next() % 100), period: generator.chance(50) ? .day : .month)
            ]
        }
        policy.environment = maybe(40) { Policy.Environment.allCases.randomElement(using: &$0) }
        return policy
    }

    mutating func layer(_ origin: Origin) -> Layer {
        var layer = Layer(namesApps: chance(85))
        if layer.namesApps { for name in names(60) { layer.apps[name] = app(name, origin) } }
        layer.updateInterval = maybe(30) { .seconds(Int64($0.next() % 9) + 1) }.map { Sourced($0, from: origin) }
        layer.policy = maybe(50) { $0.policy() }
        return layer
    }

    mutating func operatorLayer() -> OperatorLayer {
        var layer = OperatorLayer()
        for name in names(40) {
            let release = maybe(50) { $0.wish() }
            layer.apps[name] = OperatorEntry(
                release: release, base: release == nil ? nil : maybe(60) { $0.wish() },
                state: maybe(30) { $0.chance(50) ? .stopped : .running }, hold: chance(30))
        }
        return layer
    }
}

/// Everything that a merge takes.
struct MergeInput: Sendable {
    var local: Layer?
    var cloud: Layer?
    var operatorLayer: OperatorLayer
    var named: NamedApps
    var installed: [AppName: ReleaseWish] = [:]

    init(seed: UInt64) {
        var generator = LayerGenerator(seed: seed)
        local = generator.maybe(80) { $0.layer(.manifest(file: "manifest.yaml", line: 1)) }
        cloud = generator.maybe(80) { $0.layer(.cloud) }
        operatorLayer = generator.operatorLayer()
        named = NamedApps(
            local: generator.names(40), cloud: generator.names(40), operatorCommand: generator.names(20))
        for name in generator.names(60) { installed[name] = generator.wish() }
    }

    func merged() -> DesiredState {
        .merge(local: local, cloud: cloud, operator: operatorLayer, named: named, installed: installed)
    }
}
