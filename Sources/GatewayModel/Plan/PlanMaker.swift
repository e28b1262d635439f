extension Plan {
    /// The difference between what is wanted and what is there, as a plan that is complete and checked.
    ///
    /// Pure: the same values give the same plan, whatever the order they were put together in. Only apps that the
    /// journal installed (`observed.apps`) are ever removed, and a held app gets no steps.
    /// - Parameter only: plan these apps alone, and retry them even if they are quarantined.
    public static func make(desired: DesiredState, observed: ObservedState, only: Set<AppName>? = nil) -> Plan {
        var maker = PlanMaker(desired: desired, observed: observed, only: only)
        return maker.make()
    }
}

private struct PlanMaker {
    let desired: DesiredState
    let observed: ObservedState
    let only: Set<AppName>?
    var plan = Plan()

    init(desired: DesiredState, observed: ObservedState, only: Set<AppName>?) {
        self.desired = desired
        self.observed = observed
        self.only = only
    }

    mutating func make() -> Plan {
        plan.notes = desired.notes
        let wanted = desired.apps.values.filter { $0.state.value != .absent }.map(\.name)
        let order = StartOrder(of: wanted, requires: { desired.apps[$0]?.requires.value ?? [] })
        plan.errors = order.cycles.map { "requires cycle: " + ($0 + [$0[0]]).map(\.text).joined(separator: " -> ") }

        let gone = Set(desired.apps.values.filter { $0.state.value == .absent }.map(\.name)).union(desired.dropped)
        for name in gone.sorted() where isIncluded(name) { planRemoval(name) }
        for name in order.names where isIncluded(name) {
            guard let app = desired.apps[name] else { continue }
            let cycle = order.cycles.first { $0.contains(name) }
            planApp(app, cycle: cycle)
        }
        deferDownloads()
        checkSpace()
        return plan
    }

    private func isIncluded(_ name: AppName) -> Bool { only?.contains(name) ?? true }

    private mutating func planRemoval(_ name: AppName) {
        guard let there = observed.apps[name] else { return }
        let app = desired.apps[name]
        let origin = app?.state.origin ?? .installed
        if app?.hold.value == true {
            plan.apps.append(
                AppPlan(
                    app: name, action: .held, reason: "would be removed", origin: origin, installed: there.current
                ))
            return
        }
        var reason = app == nil ? "no layer names it any more" : "state is absent"
        let widows = desired.apps.values.filter { $0.state.value != .absent && $0.requires.value.contains(name) }
            .map(\.name.text).sorted()
        if !widows.isEmpty {
            reason += "; \(widows.joined(separator: " and ")) \(widows.count == 1 ? "requires" : "require") it"
        }
        plan.apps.append(
            AppPlan(
                app: name, action: .remove, reason: reason, origin: origin, installed: there.current,
                steps: [.stop, .uninstall, .remove], interrupts: there.isRunning == true,
                deferral: deferral(interrupts: there.isRunning == true, isUrgent: app?.urgent ?? false)))
    }

    private mutating func planApp(_ app: DesiredApp, cycle: [AppName]?) {
        let there = observed.apps[app.name]
        note(drift: there?.drift ?? [], of: app.name)
        if let blocker = blocker(of: app, cycle: cycle, there: there) {
            plan.apps.append(
                AppPlan(
                    app: app.name, action: .blocked, reason: blocker, origin: app.release?.origin ?? app.state.origin,
                    installed: there?.current, wish: app.release?.value))
            return
        }
        if let release = app.release?.value, let quarantine = quarantine(of: app.name, release, there: there) {
            plan.apps.append(
                AppPlan(
                    app: app.name, action: .blocked, reason: quarantine.description,
                    origin: app.release?.origin ?? app.state.origin, installed: there?.current, wish: release,
                    quarantine: quarantine))
            return
        }
        guard var change = change(of: app, there: there) else {
            plan.inSync.append(app.name)
            return
        }
        if app.hold.value {
            plan.apps.append(
                AppPlan(
                    app: app.name, action: .held, reason: "would \(change.action.rawValue): \(change.reason)",
                    origin: app.hold.origin, installed: there?.current, wish: app.release?.value))
            return
        }
        change.deferral = deferral(interrupts: change.interrupts, isUrgent: app.urgent)
        plan.apps.append(change)
    }

    private func deferral(interrupts: Bool, isUrgent: Bool) -> String? {
        guard interrupts, !isUrgent, let window = desired.policy.window else { return nil }
        // Nobody is interrupted at a time that may be any.
        if let doubt = observed.clockDoubt {
            return "this machine's clock is \(doubt): whether the window \(window) is open is not known"
        }
        if window.contains(minuteOfDay: observed.minuteOfDay) { return nil }
        return "outside of the window \(window)"
    }

    private mutating func note(drift: [Drift], of app: AppName) {
        if !drift.isEmpty { plan.drift[app, default: []] += drift }
    }

    /// Whether the app runs as it is wanted.
    private func isUndisturbed(_ app: DesiredApp, _ there: ObservedApp?) -> Bool {
        guard let there, there.isRunning == true, there.drift.isEmpty, let release = app.release?.value else {
            return false
        }
        return there.current.satisfies(release)
    }

    /// Why nothing can be done for an app, or nil.
    private func blocker(of app: DesiredApp, cycle: [AppName]?, there: ObservedApp?) -> String? {
        if let cycle { return "requires cycle: " + (cycle + [cycle[0]]).map(\.text).joined(separator: " -> ") }
        for name in app.requires.value.sorted() {
            guard let other = desired.apps[name], other.state.value != .absent else {
                return "requires \(name), which is not part of the desired state"
            }
            // One that runs goes on without it, as long as nothing is to be done with it.
            guard other.state.value == .running || app.state.value == .stopped || isUndisturbed(app, there) else {
                return "requires \(name), whose state is stopped"
            }
        }
        guard let release = app.release?.value else { return "no layer names a version" }
        if desired.policy.requireSignature, there?.current.satisfies(release) != true {
            return "policy.require_signature is set, and this version of gwe cannot check signatures"
        }
        guard let there, !there.current.satisfies(release) else { return nil }
        if there.current.version.order(to: release.version) == .newer, !desired.policy.allowDowngrade,
            !app.allowsDowngrade, !isWayBack(there, to: release)
        {
            return "downgrade from \(there.current.version) to \(release.version) refused: an old command may be "
                + "replayed; policy.allow_downgrade allows it, and 'gwe install --allow-downgrade' here"
        }
        return nil
    }

    /// Whether a release was in force on this gateway before, and what replaced it is not well: to go back is none of the
    /// downgrades that a replayed command could bring about.
    private func isWayBack(_ there: ObservedApp, to wish: ReleaseWish) -> Bool {
        there.isHealthy == false && there.earlier.contains { $0.isRelease(of: wish) }
    }

    /// Why a release that is not in force is left alone for now; nil when it may be tried.
    private func quarantine(of name: AppName, _ wish: ReleaseWish, there: ObservedApp?) -> Quarantine? {
        guard there?.current.satisfies(wish) != true, only?.contains(name) != true,
            let failed = observed.quarantined[name], failed.wish == wish, failed.remaining > .zero
        else { return nil }
        return failed
    }

    /// What is to be done for an app that nothing blocks; nil when it matches.
    private mutating func change(of app: DesiredApp, there: ObservedApp?) -> AppPlan? {
        guard let release = app.release else { return nil }
        let running = app.state.value == .running
        guard let there else {
            return fetching(
                app, action: .install, reason: "not installed", there: nil,
                after: [.install, .activate, .configure] + (running ? [.start] : []) + [.prune])
        }
        if !there.current.satisfies(release.value) { return replacement(of: app, there: there, by: release.value) }
        if there.drift.contains(where: {
            if case .missing = $0 { true } else if case .modified = $0 { true } else { false }
        }) {
            return fetching(
                app, action: .repair, reason: summary(of: there.drift), there: there,
                after: [.install] + replacing(there, running: running) + [.prune])
        }
        let isService = there.current.kind == .service
        if !there.drift.isEmpty {
            var steps: [Step] = [.activate, .configure]
            if isService { steps.append(running ? .start : .stop) }
            return AppPlan(
                app: app.name, action: .repair, reason: summary(of: there.drift), origin: release.origin,
                installed: there.current, wish: release.value, steps: steps,
                interrupts: there.isRunning == true && there.drift != [.healthCheck])
        }
        guard isService, let isRunning = there.isRunning, isRunning != running else { return nil }
        if running, there.hasEndedWell { return nil }
        if running { note(drift: [.stopped], of: app.name) }
        return AppPlan(
            app: app.name, action: .restart, reason: running ? "not running" : "state is stopped, but it runs",
            origin: app.state.origin, installed: there.current, wish: release.value,
            steps: [running ? .start : .stop], interrupts: isRunning)
    }

    private func replacing(_ there: ObservedApp, running: Bool) -> [Step] {
        (there.isRunning == true ? [.stop] : []) + [.activate, .configure] + (running ? [.start] : [])
    }

    private mutating func replacement(of app: DesiredApp, there: ObservedApp, by wish: ReleaseWish) -> AppPlan {
        let action: AppPlan.Action
        let reason: String
        switch there.current.version.order(to: wish.version) {
        case .newer:
            action = .downgrade
            reason = "\(there.current.version) -> \(wish.version)"
        case .same:
            action = .upgrade
            let isNewCommand = wish.sha256 == nil || wish.sha256 == there.current.digest
            reason =
                isNewCommand ? "\(wish.version) again: a new command asks for it" : "\(wish.version) with other content"
        case .older, .unordered:
            action = .upgrade
            reason = "\(there.current.version) -> \(wish.version)"
        }
        if there.current.version != wish.version {
            note(drift: [.version(installed: there.current.version)], of: app.name)
        }
        return fetching(
            app, action: action, reason: reason, there: there,
            after: [.install] + replacing(there, running: app.state.value == .running) + [.prune])
    }

    /// A change that needs the artifact.
    private func fetching(
        _ app: DesiredApp, action: AppPlan.Action, reason: String, there: ObservedApp?, after: [Step]
    ) -> AppPlan {
        let wish = app.release?.value
        let size = wish.flatMap { observed.artifactByteCounts[$0] ?? $0.size }
        let isPresent = wish.map { observed.presentArtifacts.contains($0) } ?? false
        let partial = wish.flatMap { observed.partialByteCounts[$0] } ?? 0
        // An archive of programs and text unpacks to three times its size or so; the limits of unpacking are hard.
        let disk = size.map { sum(isPresent ? 0 : $0, $0, $0, $0) }
        return AppPlan(
            app: app.name, action: action, reason: reason, origin: app.release?.origin ?? .builtin,
            installed: there?.current, wish: wish, steps: [.download, .verify, .unpack] + after,
            downloadByteCount: isPresent ? 0 : size.map { max(0, $0 - partial) }, diskByteCount: disk,
            interrupts: there?.isRunning == true)
    }

    private func summary(of drift: [Drift]) -> String {
        let head = drift.prefix(3).map(\.description).joined(separator: ", ")
        return drift.count > 3 ? "\(head) and \(drift.count - 3) more" : head
    }

    /// What is urgent is downloaded whatever is left; then the others in their order, each that still fits.
    private mutating func deferDownloads() {
        guard let allowance = observed.allowance else { return }
        func isUrgent(_ change: AppPlan) -> Bool { desired.apps[change.app]?.urgent ?? false }
        let downloads = plan.apps.indices.filter {
            plan.apps[$0].steps.contains(.download) && plan.apps[$0].downloadByteCount != 0
        }
        let urgent = downloads.filter { isUrgent(plan.apps[$0]) }
        let reserved = urgent.reduce(0) { total, index in
            sum(total, plan.apps[index].downloadByteCount.map(DataAllowance.cost) ?? 0)
        }
        var left = max(0, allowance.remainingByteCount - reserved)
        for index in downloads where !isUrgent(plan.apps[index]) {
            let cost = plan.apps[index].downloadByteCount.map(DataAllowance.cost)
            if let cost, cost <= left {
                left -= cost
                continue
            }
            let why =
                if let doubt = allowance.doubt {
                    "data_budget cannot be judged: " + doubt
                } else if let cost {
                    "does not fit in data_budget: about \(Quantities.about(byteCount: cost)) to transfer, "
                        + allowance.left(left)
                } else if allowance.isUsedUp {
                    "data_budget is used up: " + allowance.left(left)
                } else {
                    "how much there is to download is not known, and data_budget limits it: " + allowance.left(left)
                        + "; 'artifact.size' in the manifest says it"
                }
            plan.apps[index].deferral = [why, plan.apps[index].deferral].compactMap(\.self).joined(separator: "; ")
            plan.apps[index].defersDownload = true
        }
    }

    private mutating func checkSpace() {
        guard let free = observed.freeByteCount else { return }
        // Removals come first, but where all is done or nothing.
        var freed: Int64 = 0
        for change in plan.apps where change.action == .remove && change.deferral == nil {
            guard desired.policy.atomic != .all else { break }
            freed = sum(freed, observed.apps[change.app]?.reclaimableByteCount ?? 0)
        }
        plan.shortfall = plan.shortfall(freeByteCount: sum(free, freed))
    }
}

/// Sizes come from outside, and may be anything: what does not fit into 64 bits fits on no disk either.
func sum(_ byteCounts: Int64...) -> Int64 {
    byteCounts.reduce(0) { total, byteCount in
        let (result, isTooLarge) = total.addingReportingOverflow(max(0, byteCount))
        return isTooLarge ? .max : result
    }
}

extension DailyWindow: CustomStringConvertible {
    /// As a manifest says it: `02:00-04:00`.
    public var description: String {
        func time(_ minutes: Int) -> String {
            let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
            return "\(two(minutes / 60)):\(two(minutes % 60))"
        }
        return "\(time(start))-\(time(end))"
    }
}
