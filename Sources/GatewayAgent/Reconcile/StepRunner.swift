internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Runs steps: one at a time, each recorded in the journal before its effect and confirmed after it.
///
/// Every step looks first and says `alreadySatisfied`; a crash between effect and confirmation is found by the next
/// pass, which observes and plans anew and comes past the same step again.
final class StepRunner {
    let context: GatewayContext
    let store: ReleaseStore
    let journal: Journal
    let services: (any ServiceManager)?
    let cloud: (any CloudLink)?
    let policy: Policy
    let operation: Int64
    /// Apps whose data goes with them (D17).
    let purged: Set<AppName>
    /// See `Reconciler.isInterrupted`.
    let isInterrupted: @Sendable () -> Bool
    let emit: @Sendable (PassEvent) -> Void
    /// Whether each file has to be synced on its own, since no sync of the file system covers all and tells of errors.
    let syncsEach: Bool
    /// Kept for the whole pass, so that not each download writes what it has counted.
    lazy var usage = context.usageMeter()
    private var noted: [Change] = []
    /// Releases that are unpacked and have no name yet, see `nameStaged`.
    var staged: [StagedRelease] = []
    /// Apps whose names and small files no sync covers yet, and the barrier that will, see `settle`.
    var unsettled: [AppProgress] = []
    var barrier: FileSystemBarrier?
    /// What the last pass has left that is not known to be durable.
    var doubts: Unsettled.Trouble?
    /// Whether an installer has ended and the journal does not say so durably, see `commitInstalled`.
    var hasInstalled = false
    /// The same for a release that has come into force.
    var hasActivated = false
    /// Whether a step was left because the pass must not go on. No step begins after that, and what the last one saw is
    /// nobody's failure: while the daemon stops, it stops the apps that a step may be waiting for.
    private(set) var wasInterrupted = false

    init(
        context: GatewayContext, journal: Journal, services: (any ServiceManager)?, cloud: (any CloudLink)?,
        policy: Policy, operation: Int64, apps: [AppName] = [], purged: Set<AppName> = [],
        isInterrupted: @escaping @Sendable () -> Bool = { false }, emit: @escaping @Sendable (PassEvent) -> Void
    ) {
        self.context = context
        let folders = context.folders
        store = ReleaseStore(folders: folders)
        // Any of them may be a mount, or a link to one.
        let places = [
            folders.stateFolder, folders.releasesFolder, folders.downloadsFolder, folders.stateFolder + "/data",
            folders.stateFolder + "/services",
        ]
        syncsEach = !FileSystemBarrier.covers(places + apps.map(folders.releasesFolder(of:)))
        self.journal = journal
        self.services = services
        self.cloud = cloud
        self.policy = policy
        self.operation = operation
        self.purged = purged
        self.isInterrupted = isInterrupted
        self.emit = emit
    }

    /// Whether the pass may go on; once it may not, it never may again.
    private var mayGoOn: Bool {
        if isInterrupted() { wasInterrupted = true }
        return !wasInterrupted
    }

    /// Runs one step that is no fetch step; the one exhaustive switch over steps. A failure is left in `work.failure`.
    func run(_ step: Step, _ work: AppProgress) {
        guard mayGoOn else { return }
        let missing = missing(before: step, work)
        if missing == nil, let result = foregone(step, work) {
            return emit(.step(work.app, step, result.outcome, message: result.message))
        }
        let begins = step == .install && missing == nil ? installBegins(work) : nil
        // A removal is not to be taken back by a wish that a power cut has brought back.
        let isDurable = step == .remove || (begins != nil && runsInstaller(work))
        perform(step, work, declaring: begins, isDurable: isDurable) { () throws(StepFailure) -> StepResult in
            if let missing { throw missing }
            return switch step {
            case .download, .verify, .unpack: .already()
            case .install: try self.installChecked(work)
            case .stop: try self.stop(work)
            case .activate: try self.activate(work)
            case .configure: try self.configure(work)
            case .start: try self.start(work)
            case .uninstall: try self.uninstall(work)
            case .remove: try self.remove(work)
            case .prune: try self.prune(work)
            }
        }
    }

    /// What is plain before anything is recorded: such a step costs no write.
    private func foregone(_ step: Step, _ work: AppProgress) -> StepResult? {
        guard work.failure == nil else { return nil }
        switch step {
        case .start where work.release.map { $0.installed.kind != .service } ?? false: return .already("no service")
        case .start, .stop: return services == nil ? .skipped("no daemon supervises") : nil
        case .install: return work.release?.state == .installed ? .already() : nil
        case .download, .verify, .unpack, .activate, .configure, .uninstall, .remove, .prune: return nil
        }
    }

    /// Records that a step begins, with all that was noted since the last one; then runs it, and notes its end. Only where
    /// the effect relies on a record is there a sync: before an installer, before a removal, and where a step writes by itself.
    /// - Parameters:
    ///   - change: what is recorded with the beginning.
    ///   - isDurable: whether the effect relies on all that is recorded so far.
    ///   - body: its effect; nil where `finish` or `fail` is called later.
    func perform(
        _ step: Step, _ work: AppProgress, declaring change: Change? = nil, isDurable: Bool = false,
        _ body: () throws(StepFailure) -> StepResult?
    ) {
        guard work.failure == nil, mayGoOn else { return }
        FaultPoint.pass("\(step.rawValue).before")
        emit(.step(work.app, step, .started, message: ""))
        let (app, now) = (work.app, context.clock())
        note { [operation] c throws(DatabaseError) in try c.startStep(step, of: app, operation: operation, at: now) }
        if let change { note(change) }
        do throws(StepFailure) {
            if isDurable { try commitAll(for: work) } else { try commit(isDurable: false) }
            FaultPoint.pass("\(step.rawValue).begun")
            let result = try body()
            FaultPoint.pass("\(step.rawValue).after")
            guard let result, mayGoOn else { return }
            finish(step, work, result)
        } catch {
            guard mayGoOn else { return }
            fail(step, work, error)
        }
    }

    /// Ends a step that has failed, and with it the app's way.
    /// - Parameter isOver: whether the step has ended well before, and what it led to turns out to be lost.
    func fail(_ step: Step, _ work: AppProgress, _ failure: StepFailure, isOver: Bool = false) {
        if isOver {
            let (app, now) = (work.app, context.clock())
            note { [operation] c throws(DatabaseError) in
                try c.startStep(step, of: app, operation: operation, at: now)
            }
        }
        finish(step, work, StepResult(outcome: .failed, message: failure.description))
        work.failure = failure
        work.failedStep = step
    }

    func finish(_ step: Step, _ work: AppProgress, _ result: StepResult) {
        let (app, now) = (work.app, context.clock())
        note { [operation] c throws(DatabaseError) in
            try c.finishStep(step, of: app, operation: operation, result.outcome, message: result.message, at: now)
        }
        emit(.step(work.app, step, result.outcome, message: result.message))
    }

    // MARK: the journal

    typealias Change = @Sendable (inout DatabaseConnection) throws(DatabaseError) -> Void

    /// Adds a change to the next transaction: the end of a step and what it led to, which must be durable before the
    /// next effect and no sooner.
    func note(_ change: @escaping Change) { noted.append(change) }

    /// Records what was noted.
    /// - Parameter isDurable: whether the next effect relies on it, see `Journal.write`.
    func commit(isDurable: Bool = true) throws(StepFailure) {
        // What was recorded before may not be durable yet.
        if isDurable || !noted.isEmpty {
            try write(isDurable: isDurable) { (_: inout DatabaseConnection) throws(DatabaseError) in }
        }
    }

    /// One transaction with all that was noted, and `body` last.
    func write<Result: Sendable>(
        isDurable: Bool = true, _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(StepFailure) -> Result {
        let changes = noted
        do throws(JournalError) {
            let result = try journal.write(isDurable: isDurable) {
                (c: inout DatabaseConnection) throws(DatabaseError) in
                for change in changes { try change(&c) }
                return try body(&c)
            }
            noted = []
            if isDurable { (hasInstalled, hasActivated) = (false, false) }
            return result
        } catch {
            throw StepFailure(error)
        }
    }

    /// Runs a system call of ours and turns its failure into the step's.
    func system<Result>(_ body: () throws(SystemError) -> Result) throws(StepFailure) -> Result {
        do throws(SystemError) { return try body() } catch {
            var failure = StepFailure(error)
            let free = try? FileSystemInfo(containing: context.folders.stateFolder).availableInodeCount
            if error.isNoSpace, free == 0 {
                failure.description = "no inode is left where \(context.folders.stateFolder) lies: \(error)"
            }
            throw failure
        }
    }

    /// Notes what `fetch_status` is to say of the app's artifact.
    func report(_ work: AppProgress, _ state: FetchState.Name, _ info: String, output: String? = nil) {
        guard work.plan.wish != nil else { return }
        let (label, state) = (work.artifactLabel, work.fetchState(state, info, output: output))
        let now = context.clock()
        note { c throws(DatabaseError) in try c.setFetchStatus(label, state, at: now) }
    }
}
