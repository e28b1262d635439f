/// Which apps each layer has ever named. Kept in the journal: only what was named once can be dropped (D2).
public struct NamedApps: Sendable, Hashable {
    /// By the local manifest.
    public var local: Set<AppName>
    /// By the cloud.
    public var cloud: Set<AppName>
    /// Those with a release of the operator (`-I`, `rollback`).
    public var operatorCommand: Set<AppName>

    /// The record as the journal has it; empty on a new gateway.
    public init(local: Set<AppName> = [], cloud: Set<AppName> = [], operatorCommand: Set<AppName> = []) {
        self.local = local
        self.cloud = cloud
        self.operatorCommand = operatorCommand
    }

    /// Adds what the layers name now. To be made durable before a plan that follows from it is applied.
    public mutating func record(local: Layer?, cloud: Layer?, operator operatorLayer: OperatorLayer) {
        self.local.formUnion(local?.apps.keys.map { $0 } ?? [])
        self.cloud.formUnion(cloud?.apps.keys.map { $0 } ?? [])
        operatorCommand.formUnion(operatorLayer.apps.filter { $0.value.release != nil }.keys)
    }
}

extension DesiredState {
    /// The layers as one wish (D1, D2).
    ///
    /// - `policy.precedence` ranks local and cloud. Of each key the higher layer that has it decides; version,
    ///   artifact, digest and size are one such key. `service` is merged key by key, its environment by variable;
    ///   `health` is one key, since its times belong to its probe. `hold` is an or over all layers.
    /// - The operator's state and release come before both, the release until the layers want another one than they
    ///   did when the operator spoke.
    /// - A layer that is nil (never seen, or no version of it was ever readable) or has no `apps` removes nothing.
    ///
    /// `installed` is what the journal installed, as a wish for just that release: it stands in where no layer names a
    /// version, and an app that no known layer ever named is kept by it (D15).
    public static func merge(
        local: Layer?, cloud: Layer?, operator operatorLayer: OperatorLayer = .init(), named: NamedApps = .init(),
        installed: [AppName: ReleaseWish] = [:]
    ) -> DesiredState {
        let (policy, notes) = Policy.merge(local: local?.policy, cloud: cloud?.policy)
        let ranked = (policy.precedence == .cloud ? [cloud, local] : [local, cloud]).compactMap { $0 }
        var state = DesiredState(policy: policy, notes: notes)
        if let interval = ranked.lazy.compactMap(\.updateInterval).first { state.updateInterval = interval }

        var named = named
        named.record(local: local, cloud: cloud, operator: operatorLayer)
        let retention = Retention(local: local, cloud: cloud, named: named)
        var names = Set(installed.keys).union(operatorLayer.apps.keys)
        for layer in ranked { names.formUnion(layer.apps.keys) }
        for name in names {
            let words = AppWords(
                name: name, layers: ranked.compactMap { $0.apps[name] }, entry: operatorLayer.apps[name] ?? .init(),
                installed: installed[name], retention: retention.verdict(name))
            switch words.verdict {
            case .desired(let app): state.apps[name] = app
            case .dropped: state.dropped.insert(name)
            case .unknown: break
            }
        }
        return state
    }
}

/// What becomes of an installed app that no layer names.
private struct Retention {
    enum Verdict { case neverNamed, dropped, layerSilent }
    let local: Layer?
    let cloud: Layer?
    let named: NamedApps

    func verdict(_ name: AppName) -> Verdict {
        let once = [(local, named.local), (cloud, named.cloud)].filter { $0.1.contains(name) }
        if once.contains(where: { $0.0?.namesApps != true }) { return .layerSilent }
        return once.isEmpty && !named.operatorCommand.contains(name) ? .neverNamed : .dropped
    }
}

/// All that is said of one app.
private struct AppWords {
    enum Verdict { case desired(DesiredApp), dropped, unknown }
    let name: AppName
    /// Highest rank first.
    let layers: [AppLayer]
    let entry: OperatorEntry
    let installed: ReleaseWish?
    let retention: Retention.Verdict

    /// What the layers want by themselves.
    private var base: Sourced<ReleaseWish>? { layers.lazy.compactMap(\.release).first }

    private var operatorRelease: Sourced<ReleaseWish>? {
        guard let release = entry.release else { return nil }
        let isInForce =
            if let base {
                base.value == entry.base
            } else {
                // A layer that fell silent says nothing new; one that dropped the app does.
                entry.base == nil || !layers.isEmpty || retention != .dropped
            }
        return isInForce ? Sourced(release, from: .operatorCommand) : nil
    }

    var verdict: Verdict {
        let operatorRelease = operatorRelease
        let isNamed = !layers.isEmpty || operatorRelease != nil
        if !isNamed {
            guard installed != nil else { return .unknown }
            if retention == .dropped, !entry.hold { return .dropped }
        }
        let kept = installed.map { Sourced($0, from: Origin.installed) }
        var app = DesiredApp(name: name, release: operatorRelease ?? base ?? kept)
        app.allowsDowngrade = operatorRelease != nil && entry.allowsDowngrade
        if let state = entry.state {
            app.state = Sourced(state, from: .operatorCommand)
        } else if let state = layers.lazy.compactMap(\.state).first {
            let isRevived = state.value == .absent && operatorRelease != nil
            app.state = isRevived ? Sourced(.running, from: .operatorCommand) : state
        }
        if entry.hold {
            app.hold = Sourced(true, from: .operatorCommand)
        } else {
            let holds = layers.compactMap(\.hold)
            if let hold = holds.first(where: \.value) ?? holds.first { app.hold = hold }
        }
        if let requires = layers.lazy.compactMap(\.requires).first { app.requires = requires }
        app.service = layers.compactMap(\.service).reduce(nil) { higher, lower in
            guard let higher else { return lower }
            return Sourced(higher.value.filled(from: lower.value), from: higher.origin)
        }
        app.health = layers.lazy.compactMap(\.health).first
        app.urgent = layers.lazy.compactMap(\.urgent).first?.value ?? false
        return .desired(app)
    }
}

extension ServiceOverride {
    /// Keys that this one lacks, from another; of the environment, variables.
    public func filled(from other: ServiceOverride) -> ServiceOverride {
        var result = self
        result.command = command ?? other.command
        result.user = user ?? other.user
        result.restart = restart ?? other.restart
        result.directory = directory ?? other.directory
        result.stopSignal = stopSignal ?? other.stopSignal
        result.stopTimeout = stopTimeout ?? other.stopTimeout
        if let mine = environment, let theirs = other.environment {
            result.environment = mine.merging(theirs) { own, _ in own }
        } else {
            result.environment = environment ?? other.environment
        }
        return result
    }
}
