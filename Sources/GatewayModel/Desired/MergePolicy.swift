extension Policy {
    /// The local manifest's policy over the defaults, then the cloud's (D27). The owner's keys the cloud may only make
    /// tighter. Keys of operation (keep_versions, allow_downgrade, atomic, precedence) it sets as it likes where the
    /// local manifest does not name them; `allow_downgrade` is the owner's once signatures are required, for then an
    /// old release is an attack. The notes name each key of the cloud that would loosen the policy and is ignored.
    public static func merge(local: PolicyLayer?, cloud: PolicyLayer?) -> (policy: Policy, notes: [String]) {
        var policy = Policy()
        if let local { policy.adopt(local) }
        guard let cloud else { return (policy, []) }
        let ignored = policy.tighten(by: cloud, over: local ?? PolicyLayer())
        let notes = ignored.map { "the cloud's policy.\($0) would loosen the local policy and is ignored" }
        return (policy, notes)
    }

    private mutating func adopt(_ layer: PolicyLayer) {
        keepVersions = layer.keepVersions ?? keepVersions
        requireSignature = layer.requireSignature ?? requireSignature
        allowDowngrade = layer.allowDowngrade ?? allowDowngrade
        allowSetuid = layer.allowSetuid ?? allowSetuid
        window = layer.window ?? window
        bandwidth = layer.bandwidth ?? bandwidth
        precedence = layer.precedence ?? precedence
        atomic = layer.atomic ?? atomic
        logBudget = layer.logBudget ?? logBudget
        logRate = layer.logRate ?? logRate
        dataBudget = layer.dataBudget ?? dataBudget
        environment = layer.environment ?? environment
    }

    /// Tighter means: less is allowed, less is used, or more is kept to fall back on. In words per key:
    /// keep_versions more; require_signature true; allow_downgrade and allow_setuid false; window inside the present
    /// one, or any where there is none; bandwidth, log_budget, log_rate and data_budget less; precedence local (the
    /// cloud may give up its own rank); atomic all; environment clean.
    private mutating func tighten(by cloud: PolicyLayer, over local: PolicyLayer) -> [String] {
        var ignored: [String] = []
        func take<Value: Equatable>(
            _ key: String, _ wish: Value?, _ value: inout Value, if isTighter: (Value, Value) -> Bool
        ) {
            guard let wish, wish != value else { return }
            if isTighter(wish, value) { value = wish } else { ignored.append(key) }
        }
        take("keep_versions", cloud.keepVersions, &keepVersions) { local.keepVersions == nil || $0 > $1 }
        take("require_signature", cloud.requireSignature, &requireSignature) { wish, _ in wish }
        let isOwners = requireSignature
        take("allow_downgrade", cloud.allowDowngrade, &allowDowngrade) { wish, _ in
            !wish || (local.allowDowngrade == nil && !isOwners)
        }
        take("allow_setuid", cloud.allowSetuid, &allowSetuid) { wish, _ in !wish }
        take("window", cloud.window, &window) { wish, present in
            guard let wish, let present else { return wish != nil }
            return (0..<1_440).allSatisfy { !wish.contains(minuteOfDay: $0) || present.contains(minuteOfDay: $0) }
        }
        take("bandwidth", cloud.bandwidth, &bandwidth) { wish, present in (wish ?? .max) < (present ?? .max) }
        take("precedence", cloud.precedence, &precedence) { wish, _ in wish == .local || local.precedence == nil }
        take("atomic", cloud.atomic, &atomic) { wish, _ in wish == .all || local.atomic == nil }
        take("log_budget", cloud.logBudget, &logBudget, if: <)
        take("log_rate", cloud.logRate, &logRate, if: <)
        take("environment", cloud.environment, &environment) { wish, _ in wish == .clean }
        for (interface, wish) in (cloud.dataBudget ?? [:]).sorted(by: { $0.key < $1.key }) {
            let key = "data_budget.\(interface)"
            take(key, wish, &dataBudget[interface]) { wish, present in
                guard let wish, let present else { return wish != nil }
                return wish.isAtMost(present)
            }
        }
        return ignored
    }
}

extension DataBudget {
    /// Whether it never lets more through than the other: a day's budget counts 31 times in a month.
    func isAtMost(_ other: DataBudget) -> Bool {
        switch (period, other.period) {
        case (.day, .month): byteCount <= other.byteCount / 31
        default: byteCount <= other.byteCount
        }
    }
}
