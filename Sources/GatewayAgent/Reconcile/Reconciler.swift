internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// One pass: look at all inputs, plan, apply, report. Level-triggered: every pass starts from a new snapshot, and no
/// plan outlives its pass.
final class Reconciler {
    let context: GatewayContext
    let journal: Journal
    let services: (any ServiceManager)?
    let cloud: (any CloudLink)?
    let emit: @Sendable (PassEvent) -> Void

    init(
        context: GatewayContext, journal: Journal, services: (any ServiceManager)?, cloud: (any CloudLink)?,
        emit: @escaping @Sendable (PassEvent) -> Void
    ) {
        self.context = context
        self.journal = journal
        self.services = services
        self.cloud = cloud
        self.emit = emit
    }

    /// Runs a pass. The caller holds the state lock.
    func run(_ options: PassOptions) throws(JournalError) -> PassResult {
        if let notice = try journal.notice() {
            emit(.problem(notice))
            try journal.noticeWasTold()
        }
        try context.settleTimes(in: journal)
        var outcome = PassOutcome()
        outcome.hasAskedCloud = cloud != nil && !options.isOffline
        try Recovery(context: context, journal: journal).run()
        var inputs = try DesiredInputs.load(context: context, journal: journal)
        let link = options.isOffline ? nil : cloud
        var snapshot = try observe(inputs, options)
        if let link, try exchange(with: link, &inputs, snapshot, options, &outcome) {
            snapshot = try observe(inputs, options)
        }
        services?.setLogPolicy(LogPolicy(snapshot.desired.policy), installed: snapshot.knownApps)
        for problem in try inputs.accept(into: journal) { emit(.problem(problem.message)) }
        try inputs.forgetSuperseded(in: snapshot.desired, journal)
        outcome.inputExit = inputs.exit
        outcome.rejected = Set(inputs.problems.map(\.source)).sorted()
        outcome.unknownApps = snapshot.unknown(of: options.only?.subtracting(options.removed))
        // Who takes the last wish back knows what is wanted.
        outcome.isWishUnknown =
            !inputs.isKnown && options.removed.isEmpty && (options.isOffline || outcome.cloudFailure != nil)
        if snapshot.plan.apps.contains(where: { $0.steps.contains(.download) }) {
            let usage = DataBudgetLedger(context: context)
            snapshot.observed.allowance = usage.allowance(snapshot.desired.policy) { emit(.problem($0)) }
            snapshot.survey(context: context, cloud: outcome.cloudFailure == nil ? link : nil, only: options.only)
        }
        snapshot.takeAway(options)
        emit(.plan(snapshot.plan))
        outcome.hasErrors = !snapshot.plan.errors.isEmpty
        outcome.blocked = snapshot.plan.apps.filter { $0.action == .blocked }.map(\.app)
        if let shortfall = snapshot.plan.shortfall {
            outcome.shortfall = shortfall
            try reportShortfall(shortfall, snapshot)
        } else if !snapshot.plan.isEmpty {
            try apply(snapshot, options, cloud: outcome.cloudFailure == nil ? link : nil, &outcome)
        }
        let isWorthReporting = !snapshot.plan.isEmpty || outcome.shortfall != nil || inputs.hasNews
        if let link, outcome.cloudFailure == nil, isWorthReporting {
            outcome.cloudFailure = try reportOutcome(to: link, inputs, options)
        }
        return outcome.result(isSupervised: services != nil)
    }

    /// Tells the cloud which packages did not fit.
    private func reportShortfall(_ shortfall: Plan.Shortfall, _ snapshot: Snapshot) throws(JournalError) {
        for plan in snapshot.plan.work where plan.steps.contains(.download) {
            let work = AppProgress(plan: plan, desired: nil, record: nil)
            let info = "about \(shortfall.neededByteCount) bytes needed, \(shortfall.freeByteCount) free"
            try journal.setFetchStatus(work.artifactLabel, work.fetchState(.testError, info))
        }
    }

    /// Everything that a plan is made of, and the plan.
    struct Snapshot {
        var desired: DesiredState
        var records: [AppName: AppRecord]
        var observed: ObservedState
        var plan: Plan

        /// Every app that is installed or wanted.
        var knownApps: Set<AppName> { Set(records.keys).union(desired.apps.keys) }

        /// Which of these apps no layer names and nobody installed.
        func unknown(of only: Set<AppName>?) -> [AppName] {
            (only ?? []).filter { desired.apps[$0] == nil && records[$0] == nil && !desired.dropped.contains($0) }
                .sorted()
        }

        /// Finds out which artifacts are here and how large the others are, and plans again with that.
        mutating func survey(context: GatewayContext, cloud: (any CloudLink)?, only: Set<AppName>?) {
            ArtifactSurvey(context: context, records: records, cloud: cloud).survey(
                plan, urgent: Set(desired.apps.values.filter(\.urgent).map(\.name)), into: &observed)
            plan = Plan.make(desired: desired, observed: observed, only: only)
        }

        /// Adds the removal of apps that the operator took back and that were never in force: what an attempt left.
        mutating func takeAway(_ options: PassOptions) {
            for app in options.removed.sorted() where desired.apps[app] == nil {
                guard !plan.apps.contains(where: { $0.app == app }) else { continue }
                plan.apps.append(
                    AppPlan(
                        app: app, action: .remove, reason: "taken back by the operator", origin: .operatorCommand,
                        steps: [.remove]))
            }
        }
    }

    func observe(_ inputs: DesiredInputs, _ options: PassOptions) throws(JournalError) -> Snapshot {
        try Reconciler.observe(
            context: context, journal: journal, inputs: inputs, services: services?.snapshots(), options: options)
    }

    /// Merges, observes and plans. Used by passes, dry runs and status alike; writes nothing.
    static func observe(
        context: GatewayContext, journal: Journal?, inputs: DesiredInputs, services: [AppName: ServiceSnapshot]?,
        options: PassOptions
    ) throws(JournalError) -> Snapshot {
        let records = try journal?.apps() ?? [:]
        let desired = DesiredState.merge(
            local: inputs.local, cloud: inputs.cloud.layer, operator: inputs.operatorLayer, named: inputs.named,
            installed: records.compactMapValues { $0.current?.wish })
        var observed = Observer(context: context, isDeep: options.isDeep)
            .observe(apps: records, desired: desired, services: services)
        TakenOverApps.complete(&observed, context, desired: desired, services: services)
        let wishes = desired.apps.compactMapValues { $0.release?.value }
        observed.quarantined = try journal?.quarantines(wishes: wishes) ?? [:]
        return Snapshot(
            desired: desired, records: records, observed: observed,
            plan: Plan.make(desired: desired, observed: observed, only: options.only))
    }

    /// Sends what is due and takes what the cloud wants. Without the cloud the pass works from the last layer.
    private func exchange(
        with link: any CloudLink, _ inputs: inout DesiredInputs, _ snapshot: Snapshot, _ options: PassOptions,
        _ outcome: inout PassOutcome
    ) throws(JournalError) -> Bool {
        let exchange = CloudExchange(context: context, journal: journal, cloud: link, emit: emit)
        let due = try dueReports(snapshot, inputs)
        let usage = try UsageDelivery.due(context, journal) { emit(.problem($0)) }
        do throws(PassFailure) {
            return try exchange.run(&inputs, reports: due, usage: usage)
        } catch {
            switch error {
            case .journal(let failure): throw failure
            case .cloud(let failure):
                outcome.cloudFailure = failure
                emit(.problem("\(failure); working from the last desired state that is known"))
                return true
            }
        }
    }

    /// Observes again once the pass has settled, and tells the cloud. Returns why that failed.
    private func reportOutcome(
        to link: any CloudLink, _ inputs: DesiredInputs, _ options: PassOptions
    ) throws(JournalError) -> CloudFailure? {
        let snapshot = try observe(inputs, options)
        let due = try dueReports(snapshot, inputs)
        guard !due.isEmpty else { return nil }
        do throws(CloudFailure) {
            _ = try link.exchange(writing: due, reading: [])
        } catch {
            emit(.problem("\(error); the reports go out with the next pass"))
            return error
        }
        FaultPoint.pass("report.sent")
        try journal.markSent(due)
        FaultPoint.pass("report.recorded")
        return nil
    }

    private func dueReports(
        _ snapshot: Snapshot, _ inputs: DesiredInputs
    ) throws(JournalError) -> [(resource: String, text: String)] {
        let status = GatewayStatus(
            desired: snapshot.desired, observed: snapshot.observed, plan: snapshot.plan,
            services: services?.snapshots(),
            problems: inputs.problems.map(\.message))
        let reports = try Reports(
            context: context, journal: journal, status: status, generation: inputs.cloud.generation)
        let sent = try journal.sentReports()
        let otau = try OtauProgress(journal: journal)?.due(snapshot.plan, sent: sent)
        return reports.due(sent: sent, now: context.clock()) + (otau.map { [$0] } ?? [])
    }

    private func apply(
        _ snapshot: Snapshot, _ options: PassOptions, cloud: (any CloudLink)?, _ outcome: inout PassOutcome
    ) throws(JournalError) {
        let operation = try journal.beginOperation(reason: options.reason, bootID: context.bootID)
        FaultPoint.pass("operation.begun")
        let runner = StepRunner(
            context: context, journal: journal, services: services, cloud: cloud,
            policy: snapshot.desired.policy, operation: operation, purged: options.purges ? options.removed : [],
            emit: emit)
        let works = snapshot.plan.work.map { plan in
            AppProgress(plan: plan, desired: snapshot.desired.apps[plan.app], record: snapshot.records[plan.app])
        }
        let otau = try cloud == nil ? nil : OtauProgress(journal: journal)
        for work in works where work.plan.defersDownload { work.deferral = work.plan.deferral }
        let fetched = works.filter { $0.plan.steps.contains(.download) && $0.deferral == nil }
        if let cloud, !fetched.isEmpty { try otau?.tell("DOWNLOAD", fetched.map(\.app), cloud) }
        // Everything is fetched before anything is interrupted.
        for work in fetched { runner.fetch(work, until: options.until) }
        if options.until == nil {
            if let cloud { try otau?.tell("INSTALL", works.filter { $0.failure == nil }.map(\.app), cloud) }
            carryOut(works, snapshot, runner)
        }
        // What the last step led to; with it everything of this pass is in the journal.
        do throws(StepFailure) { try runner.commit() } catch { throw JournalError(error.description) }
        for work in works { try settle(work, &outcome) }
        FaultPoint.pass("operation.settled")
        try journal.finishOperation(operation, outcome: outcome.word, summary: snapshot.plan.footer)
        FaultPoint.pass("operation.finished")
    }

    /// Runs the steps that are no fetching. With `policy.atomic: all` nothing is interrupted before every app's
    /// installer has ended well, and not at all while one of them is blocked or must wait.
    private func carryOut(_ works: [AppProgress], _ snapshot: Snapshot, _ runner: StepRunner) {
        for work in works { work.deferral = work.plan.deferral }
        if snapshot.desired.policy.atomic == .all {
            deferAll(works, snapshot.plan)
            for work in works where work.deferral == nil && work.plan.steps.contains(.install) {
                runner.run(.install, work)
            }
            deferAll(works, snapshot.plan)
        }
        for work in works where work.failure == nil && work.deferral == nil {
            for step in work.plan.steps where !step.isFetch { runner.run(step, work) }
        }
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
        guard let state = states.first(where: { $0.artifact == work.artifactLabel })?.state["state"]?.string,
            state.hasSuffix("_error")
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

    /// Notes a failed app: the others went on (kept apart, so that one never hides another).
    private func settle(_ work: AppProgress, _ outcome: inout PassOutcome) throws(JournalError) {
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
            try journal.setFetchStatus(
                work.artifactLabel, work.fetchState(state, failure.description, output: failure.output))
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
