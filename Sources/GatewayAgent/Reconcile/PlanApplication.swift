internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Carries out a plan: an operation of the journal, first what gives space back, then all downloads before anything else is
/// interrupted, then the steps of each app, and what came of it.
struct PlanApplication {
    let context: GatewayContext
    let journal: Journal
    let services: (any ServiceManager)?
    /// nil where the cloud cannot be asked.
    let cloud: (any CloudLink)?
    /// See `Unsettled`.
    var doubts: Unsettled.Trouble?
    let isInterrupted: @Sendable () -> Bool
    let emit: @Sendable (PassEvent) -> Void

    /// - Returns: false when the pass was interrupted. The operation then stays open in the journal, as after a crash, and
    ///   `Recovery` ends it at the next pass.
    func run(
        _ snapshot: Snapshot, _ options: PassOptions, _ outcome: inout PassOutcome
    ) throws(JournalError) -> Bool {
        let operation = try journal.beginOperation(reason: options.reason.description, bootID: context.bootID)
        FaultPoint.pass("operation.begun")
        let runner = StepRunner(
            context: context, journal: journal, services: services, cloud: cloud,
            policy: snapshot.desired.policy, operation: operation, apps: snapshot.plan.work.map(\.app),
            purged: options.purges ? options.removed : [],
            isInterrupted: isInterrupted, emit: emit)
        runner.doubts = doubts
        let works = snapshot.plan.work.map { plan in
            AppProgress(plan: plan, desired: snapshot.desired.apps[plan.app], record: snapshot.records[plan.app])
        }
        for work in works where work.plan.defersDownload { work.deferral = work.plan.deferral }
        if options.until == nil { freeSpace(works, snapshot, runner) }
        judgeSpace(works, snapshot, &outcome)
        let fetched = works.filter {
            $0.plan.steps.contains(.download) && $0.deferral == nil && $0.shortfall == nil
        }
        if !options.isRetry { try tellOtau("DOWNLOAD", fetched) }
        // Everything is fetched before anything is interrupted.
        for work in fetched { runner.fetch(work, until: options.until) }
        runner.nameStaged(isLast: options.until != nil)
        if options.until == nil, !isInterrupted() {
            if !options.isRetry { try tellOtau("INSTALL", works.filter { $0.failure == nil && $0.shortfall == nil }) }
            carryOut(works, snapshot, runner)
        }
        // Where that fails, the apps concerned have failed.
        try? runner.settle()
        guard !runner.wasInterrupted, !isInterrupted() else { return false }
        // What the last step led to; with it everything of this pass is in the journal.
        do throws(StepFailure) { try runner.commit(isDurable: false) } catch { throw JournalError(error) }
        for work in works { try settle(work, &outcome) }
        FaultPoint.pass("operation.settled")
        let shortage = outcome.shortfall.map {
            " \($0.description.prefix(1).uppercased() + $0.description.dropFirst())."
        }
        try journal.finishOperation(operation, outcome: outcome.word, summary: snapshot.plan.footer + (shortage ?? ""))
        FaultPoint.pass("operation.finished")
        return true
    }

    /// Runs the removals and stops of the plan: an app that fills the disk, or that makes room for another, does not wait for
    /// what has no room. Where all is done or nothing, nothing comes first.
    private func freeSpace(_ works: [AppProgress], _ snapshot: Snapshot, _ runner: StepRunner) {
        guard snapshot.desired.policy.atomic != .all else { return }
        for work in works where work.plan.freesSpace && work.plan.deferral == nil {
            for step in work.plan.steps { runner.run(step, work) }
            work.isDone = true
        }
    }

    /// Holds what is to be fetched against what is free by now, one app after the other. What has no room is left out, and
    /// with `policy.atomic: all` everything is; the rest of the plan needs none.
    private func judgeSpace(_ works: [AppProgress], _ snapshot: Snapshot, _ outcome: inout PassOutcome) {
        let fetching = works.filter { $0.plan.steps.contains(.download) && $0.deferral == nil }
        guard !fetching.isEmpty, let free = Observer(context: context, isDeep: false).freeByteCount,
            let whole = snapshot.plan.shortfall(freeByteCount: free)
        else { return }
        if snapshot.desired.policy.atomic == .all {
            for work in works { work.shortfall = whole }
            outcome.shortfall = whole
            return
        }
        var left = free
        for work in fetching {
            let needed = work.plan.diskByteCount ?? 0
            if needed <= left {
                left -= needed
            } else {
                work.shortfall = Plan.Shortfall(neededByteCount: needed, freeByteCount: left)
            }
        }
        let missing = fetching.compactMap { $0.shortfall?.neededByteCount }
        guard let least = missing.min() else { return }
        // Sizes come from outside, and may be anything.
        let needed: Int64 = missing.reduce(0) { total, count in
            let (result, isTooLarge) = total.addingReportingOverflow(count)
            return isTooLarge ? .max : result
        }
        outcome.shortfall = Plan.Shortfall(neededByteCount: needed, freeByteCount: left)
        outcome.leastNeededByteCount = least
        guard missing.count < fetching.count else { return }
        for work in fetching {
            if let shortfall = work.shortfall { emit(.problem("\(work.app): \(shortfall.description)")) }
        }
    }

    /// Tells `otau_in` of a phase that begins, if it is about an update of `config_otau`.
    private func tellOtau(_ status: String, _ works: [AppProgress]) throws(JournalError) {
        guard let cloud, !works.isEmpty, let otau = try OtauProgress(journal: journal) else { return }
        let delivery = ReportDelivery(context: context, journal: journal, cloud: cloud, emit: emit)
        try otau.tell(status, works.map(\.app), by: delivery)
    }

    /// Runs the steps that are no fetching. With `policy.atomic: all` nothing is interrupted before every app's
    /// installer has ended well, and not at all while one of them is blocked or must wait.
    private func carryOut(_ all: [AppProgress], _ snapshot: Snapshot, _ runner: StepRunner) {
        let works = all.filter { $0.shortfall == nil && !$0.isDone }
        for work in works { work.deferral = work.plan.deferral }
        if snapshot.desired.policy.atomic == .all {
            deferAll(works, snapshot.plan)
            for work in works where work.deferral == nil && work.plan.steps.contains(.install) {
                runner.run(.install, work)
            }
            runner.commitInstalled(works)
            deferAll(works, snapshot.plan)
        }
        let isAtomic = snapshot.desired.policy.atomic == .all
        var group: [AppProgress] = []
        var since = MonotonicTime.now
        func finishGroup() {
            bringIntoForce(group, runner, isAtomic: isAtomic) { if isAtomic { deferAll(works, snapshot.plan) } }
            for work in group where work.deferral == nil && work.plan.steps.contains(.prune) {
                runner.run(.prune, work)
            }
            group = []
            since = .now
        }
        for work in works where work.failure == nil && work.deferral == nil {
            if group.contains(where: { requires(work, $0) }) || since.duration(to: .now) >= PlanApplication.patience {
                finishGroup()
            }
            if let cause = failedRequirement(of: work, among: all) {
                work.deferral = "requires \(cause), which failed"
                continue
            }
            if !isAtomic, work.plan.steps.contains(.install) { runner.run(.install, work) }
            group.append(work)
        }
        finishGroup()
    }

    /// How long an app whose installer has ended waits for the next ones' before it comes into force.
    private static let patience: Duration = .seconds(1)

    /// Runs what comes after the installers, for several apps that do not need each other. Those that were not there before
    /// share a sync before they start, unless all stand or fall together; one that is replaced is down no longer than its own
    /// takes.
    private func bringIntoForce(
        _ group: [AppProgress], _ runner: StepRunner, isAtomic: Bool, afterFailure: () -> Void
    ) {
        runner.commitInstalled(group)
        let works = group.filter { $0.failure == nil }
        func run(_ work: AppProgress, _ isNow: (Step) -> Bool) {
            for step in work.plan.steps where !step.isFetch && step != .install && step != .prune && isNow(step) {
                runner.run(step, work)
            }
            if work.failure != nil { afterFailure() }
        }
        func waits(_ work: AppProgress) -> Bool { work.before == nil && !isAtomic }
        for work in works where waits(work) { run(work) { $0 != .start } }
        for work in works where work.deferral == nil { run(work) { !waits(work) || $0 == .start } }
    }

    private func requires(_ work: AppProgress, _ other: AppProgress) -> Bool {
        work.plan.action != .remove && work.desired?.requires.value.contains(other.app) == true
    }

    /// Which of the apps that this one requires has failed in this pass, itself or by what it requires: what runs is not
    /// interrupted for a release that could not be started. A removal needs nobody.
    private func failedRequirement(of work: AppProgress, among works: [AppProgress]) -> AppName? {
        guard work.plan.action != .remove, let required = work.desired?.requires.value else { return nil }
        return works.first { other in
            required.contains(other.app)
                && (other.failure != nil || other.shortfall != nil || other.deferral?.hasPrefix("requires ") == true)
        }?.app
    }

    private func deferAll(_ works: [AppProgress], _ plan: Plan) {
        let blocked = plan.apps.first { $0.action == .blocked }?.app
        let failed = works.first { $0.failure != nil }?.app
        let waiting = works.first { $0.deferral != nil }?.app
        guard let cause = failed ?? blocked ?? waiting else { return }
        let why = failed != nil ? "failed" : blocked != nil ? "is blocked" : "must wait"
        for work in works where work.failure == nil && work.deferral == nil {
            work.deferral = "\(cause) \(why), and policy.atomic is all"
        }
    }

    /// An earlier pass failed after the installer, this one brought the release into force without running it again:
    /// the cloud must not go on showing the error.
    private func takeErrorBack(_ work: AppProgress) throws(JournalError) {
        guard work.plan.wish != nil, work.isActivated || work.plan.action == .repair else { return }
        let states = try journal.fetchStatus(limit: 50)
        guard let state = states.first(where: { $0.artifact == work.artifactLabel })?.state.state,
            state.isError
        else { return }
        try journal.setFetchStatus(work.artifactLabel, work.fetchState(.installSuccess, "in force"))
    }

    /// Tells the cloud that a download waits. In words that stay the same from pass to pass: what is left changes with
    /// every request, and is no news.
    private func tellDeferral(_ work: AppProgress) throws(JournalError) {
        let state = work.fetchState(.test, "waits for data_budget")
        let known = try journal.fetchStatus(limit: 50).first { $0.artifact == work.artifactLabel }?.state
        if known != state { try journal.setFetchStatus(work.artifactLabel, state) }
    }

    private func known(_ work: AppProgress) throws(JournalError) -> FetchState? {
        try journal.fetchStatus(limit: 50).first { $0.artifact == work.artifactLabel }?.state
    }

    /// Notes a failed app: the others went on (kept apart, so that one never hides another).
    private func settle(_ work: AppProgress, _ outcome: inout PassOutcome) throws(JournalError) {
        if let shortfall = work.shortfall {
            guard work.plan.steps.contains(.download) else { return }
            let info = "about \(shortfall.neededByteCount) bytes needed, \(shortfall.freeByteCount) free"
            return try journal.setFetchStatus(work.artifactLabel, work.fetchState(.testError, info))
        }
        if work.failure == nil, let deferral = work.deferral {
            if work.plan.defersDownload { try tellDeferral(work) }
            return outcome.deferred.append("\(work.app): \(deferral)")
        }
        guard let failure = work.failure else {
            try takeErrorBack(work)
            return outcome.changed.append(work.app)
        }
        let isReplacement = work.plan.action == .upgrade || work.plan.action == .downgrade
        outcome.failures.append((work.app, failure, isAsBefore: isReplacement && !work.isActivated))
        emit(.problem("\(work.app): \(failure)"))
        let isDownload = work.failedStep == .download || work.failedStep == .verify
        let state: FetchState.Name = isDownload ? .downloadError : .installError
        if work.plan.wish != nil {
            let isStart = work.failedStep == .start && work.isActivated
            // What the installer said is still of use where only the start has failed.
            let said = try isStart ? known(work)?.output : nil
            try journal.setFetchStatus(
                work.artifactLabel, work.fetchState(state, failure.description, output: failure.output ?? said))
            try FailedStarts(journal: journal).note(work.app, isStart ? work.artifactLabel : nil)
        }
        guard failure.kind == .release, let wish = work.plan.wish else { return }
        let now = context.clock()
        try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
            if work.release == nil || work.release?.state == .unpacked { try c.countAttempt(work.app, wish, at: now) }
            try c.recordFailure(work.app, error: failure.description) {
                now.advanced(by: RetryDelay.after(failures: $0))
            }
        }
    }
}
