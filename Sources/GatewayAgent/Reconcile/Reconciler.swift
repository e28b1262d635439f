internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// One pass: look at all inputs, plan, apply, report. Level-triggered: every pass starts from a new observation, and no
/// plan outlives its pass. It observes once before it acts, and once after.
final class Reconciler {
    let context: GatewayContext
    let journal: Journal
    let services: (any ServiceManager)?
    let cloud: (any CloudLink)?
    /// Whether the pass must not go on: the process ends, or another program takes over. Asked between the steps.
    let isInterrupted: @Sendable () -> Bool
    /// Called before a plan that is not empty is carried out.
    let willChange: @Sendable () -> Void
    let emit: @Sendable (PassEvent) -> Void

    init(
        context: GatewayContext, journal: Journal, services: (any ServiceManager)?, cloud: (any CloudLink)?,
        isInterrupted: @escaping @Sendable () -> Bool = { false }, willChange: @escaping @Sendable () -> Void = {},
        emit: @escaping @Sendable (PassEvent) -> Void
    ) {
        self.context = context
        self.journal = journal
        self.services = services
        self.cloud = cloud
        self.isInterrupted = isInterrupted
        self.willChange = willChange
        self.emit = emit
    }

    /// Runs a pass. The caller holds the state lock.
    /// - Parameter ending: what is to be written with the end of a pass that was not interrupted.
    func run(_ options: PassOptions, ending: (PassResult) -> Void = { _ in }) throws(JournalError) -> PassEnd {
        try journal.span { () throws(JournalError) in
            let end = try pass(options)
            if case .finished(let result) = end { ending(result) }
            return end
        }
    }

    private func pass(_ options: PassOptions) throws(JournalError) -> PassEnd {
        let house = Housekeeping(context: context, journal: journal, emit: emit)
        var inputs = try DesiredInputs.load(context: context, journal: journal)
        // Before anything is written: it may be what makes that possible.
        var holdsBack = try house.sweepDownloads(inputs)
        if let notice = try journal.notice() {
            emit(.problem(notice))
            try journal.noticeWasTold()
        }
        try context.settleTimes(in: journal)
        var outcome = PassOutcome()
        let link = options.isOffline ? nil : cloud
        outcome.hasAskedCloud = link != nil && !options.isRetry
        try Recovery(context: context, journal: journal).run()
        let unsettled = try Unsettled(context: context, journal: journal).redo()
        if let unsettled { emit(.problem(unsettled.words)) }
        let before = try observe(options)
        for trouble in before.troubles { emit(.problem(trouble)) }
        guard !isInterrupted() else { return .interrupted }
        var snapshot = try before.snapshot(inputs, journal: journal, only: options.only)
        try FailedStarts(journal: journal).settle(snapshot.status(problems: []))
        if let link, !options.isRetry, try converse(with: link, &inputs, snapshot, &outcome) {
            snapshot = try before.snapshot(inputs, journal: journal, only: options.only)
            // What is held back was judged by half a manifest: swept below, when that was read again.
            if !holdsBack { holdsBack = try house.sweepDownloads(inputs) }
        }
        guard !isInterrupted() else { return .interrupted }
        if snapshot.removesWhatIsNoLongerNamed || holdsBack {
            snapshot = try settled(&inputs, before, options, &outcome)
            if holdsBack { try house.sweepDownloads(inputs) }
            guard !isInterrupted() else { return .interrupted }
        }
        services?.setLogPolicy(LogPolicy(snapshot.desired.policy), installed: snapshot.knownApps)
        try accept(&inputs, snapshot, options, &outcome)
        let reached = outcome.cloudFailure == nil ? link : nil
        snapshot.surveyDownloads(context, cloud: reached, only: options.only, emit: emit)
        // Only now: the survey plans anew.
        if outcome.isManifestUnsettled { snapshot.plan.apps.removeAll(where: \.isOfNoLayer) }
        snapshot.takeAway(options)
        emit(.plan(snapshot.plan))
        outcome.hasErrors = !snapshot.plan.errors.isEmpty || unsettled != nil
        outcome.blocked = snapshot.plan.apps.filter { $0.action == .blocked }.map(\.app)
        if !snapshot.plan.isEmpty {
            willChange()
            let application = PlanApplication(
                context: context, journal: journal, services: services, cloud: reached, doubts: unsettled,
                isInterrupted: isInterrupted, emit: emit)
            guard try application.run(snapshot, options, &outcome) else { return .interrupted }
        }
        if !outcome.isManifestUnsettled, unsettled == nil { try house.sweepReleases(snapshot, inputs) }
        if outcome.trouble != nil || options.isWhole { try note(outcome.trouble) }
        journal.reserve?.make()
        let isWorthReporting = !snapshot.plan.isEmpty || outcome.shortfall != nil || inputs.hasNews
        // A retry has not asked the cloud, and tells it nothing: the next poll does.
        if let reached, isWorthReporting, !options.isRetry {
            let after = try observe(options)
            guard !isInterrupted() else { return .interrupted }
            let settled = try after.snapshot(inputs, journal: journal, only: options.only)
            outcome.cloudFailure = try report(settled, inputs, to: reached)
            // Ended for a stop, and not by the cloud.
            guard outcome.cloudFailure == nil || !isInterrupted() else { return .interrupted }
        }
        return .finished(outcome.result(isSupervised: services != nil))
    }

    /// Waits until nobody writes the local manifest any more, and reads it again: the first half of a file that is being
    /// copied is a good manifest too, that names fewer apps, and it may have been read long before it stood. After five
    /// seconds the pass goes on without the removals.
    private func settled(
        _ inputs: inout DesiredInputs, _ before: Observation, _ options: PassOptions, _ outcome: inout PassOutcome
    ) throws(JournalError) -> Snapshot {
        if FileWriting.isGoingOn(context.manifestFile) {
            let words = "has just been written, or is being written: nothing is removed before it stands"
            emit(.note("\(context.manifestFile) \(words)"))
        }
        let end = MonotonicTime.now + FileWriting.patience
        while FileWriting.isGoingOn(context.manifestFile), MonotonicTime.now < end, !isInterrupted() { usleep(100_000) }
        inputs.readLocalAgain(context: context, last: try journal.layer(.local))
        let snapshot = try before.snapshot(inputs, journal: journal, only: options.only)
        outcome.isManifestUnsettled =
            snapshot.removesWhatIsNoLongerNamed && FileWriting.isGoingOn(context.manifestFile)
        return snapshot
    }

    /// Keeps what of this machine was in the way, for `gwe status`.
    private func note(_ trouble: MachineTrouble?) throws(JournalError) {
        guard let trouble else {
            try journal.clearProblem(source: Journal.machineSource)
            return
        }
        let digest = SHA256.hex(of: Array(trouble.words.utf8))
        _ = try journal.reportProblem(source: Journal.machineSource, digest: digest, message: trouble.words)
    }

    private func observe(_ options: PassOptions) throws(JournalError) -> Observation {
        try Observation(
            context: context, journal: journal, services: services?.snapshots(), isDeep: options.isDeep)
    }

    /// Makes what was read durable, and notes what is wrong with it.
    private func accept(
        _ inputs: inout DesiredInputs, _ snapshot: Snapshot, _ options: PassOptions, _ outcome: inout PassOutcome
    ) throws(JournalError) {
        for problem in try inputs.accept(into: journal) { emit(.problem(problem.message)) }
        try inputs.forgetSuperseded(in: snapshot.desired, journal)
        outcome.inputExit = inputs.exit
        outcome.rejected = Set(inputs.problems.map(\.source)).sorted()
        outcome.inputProblems = inputs.problems.map(\.message)
        outcome.unknownApps = snapshot.unknown(of: options.only?.subtracting(options.removed))
        // Who takes the last wish back knows what is wanted.
        outcome.isWishUnknown =
            !inputs.isKnown && options.removed.isEmpty && (options.isOffline || outcome.cloudFailure != nil)
    }

    // MARK: the cloud

    /// Sends what is due and takes what the cloud wants. Returns whether that changed the inputs. Without the cloud the pass
    /// works from the last layer.
    private func converse(
        with link: any CloudLink, _ inputs: inout DesiredInputs, _ snapshot: Snapshot, _ outcome: inout PassOutcome
    ) throws(JournalError) -> Bool {
        let conversation = CloudConversation(context: context, journal: journal, cloud: link, emit: emit)
        let due = try dueReports(snapshot, inputs)
        let usage = try UsageDelivery.due(context, journal) { emit(.problem($0)) }
        do throws(ConversationFailure) {
            return try SlowWork.run(waitingFor: context.cloudWords, tell: { [emit] in emit(.note($0)) }) {
                () throws(ConversationFailure) in try conversation.run(&inputs, reports: due, usage: usage)
            }
        } catch {
            switch error {
            case .journal(let failure): throw failure
            case .cloud(let failure):
                outcome.cloudFailure = failure
                guard !isInterrupted() else { return true }
                emit(.problem("\(failure); working from the last desired state that is known"))
                return true
            }
        }
    }

    /// Tells the cloud what the pass has led to. Returns why that failed.
    private func report(
        _ snapshot: Snapshot, _ inputs: DesiredInputs, to link: any CloudLink
    ) throws(JournalError) -> CloudFailure? {
        let due = try dueReports(snapshot, inputs)
        guard !due.isEmpty else { return nil }
        let delivery = ReportDelivery(context: context, journal: journal, cloud: link, emit: emit)
        do throws(ConversationFailure) {
            try SlowWork.run(waitingFor: context.cloudWords, tell: { [emit] in emit(.note($0)) }) {
                () throws(ConversationFailure) in _ = try delivery.send(due)
            }
            return nil
        } catch {
            switch error {
            case .journal(let failure): throw failure
            case .cloud(let failure):
                guard !isInterrupted() else { return failure }
                emit(.problem("\(failure); the reports go out with the next pass"))
                return failure
            }
        }
    }

    private func dueReports(_ snapshot: Snapshot, _ inputs: DesiredInputs) throws(JournalError) -> [CloudWrite] {
        let reports = try Reports(
            context: context, journal: journal, status: snapshot.status(problems: inputs.problems.map(\.message)),
            generation: inputs.cloud.generation)
        let sent = try journal.sentReports()
        let otau = try OtauProgress(journal: journal)?.due(snapshot.plan, sent: sent)
        return reports.due(sent: sent, now: context.clock()) + (otau.map { [$0] } ?? [])
    }
}
