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
    let emit: @Sendable (PassEvent) -> Void

    init(
        context: GatewayContext, journal: Journal, services: (any ServiceManager)?, cloud: (any CloudLink)?, policy: Policy,
        operation: Int64, emit: @escaping @Sendable (PassEvent) -> Void
    ) {
        self.context = context
        store = ReleaseStore(folders: context.folders)
        self.journal = journal
        self.services = services
        self.cloud = cloud
        self.policy = policy
        self.operation = operation
        self.emit = emit
    }

    /// Runs one step that is no fetch step; the one exhaustive switch over steps. A failure is left in `work.failure`.
    func run(_ step: Step, _ work: AppWork) {
        perform(step, work) { () throws(StepFailure) -> StepResult in
            switch step {
            case .download, .verify, .unpack: .already()
            case .install: try self.install(work)
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

    /// Records a step's beginning, runs it, records its end. Steps that found nothing to do are not recorded twice.
    func perform(_ step: Step, _ work: AppWork, _ body: () throws(StepFailure) -> StepResult) {
        guard work.failure == nil else { return }
        do throws(StepFailure) {
            FaultPoint.pass("\(step.rawValue).before")
            let record = try begin(step, work)
            do throws(StepFailure) {
                let result = try body()
                FaultPoint.pass("\(step.rawValue).after")
                try finish(step, work, record, result)
                FaultPoint.pass("\(step.rawValue).recorded")
            } catch {
                try? finish(step, work, record, StepResult(outcome: .failed, message: error.description))
                throw error
            }
        } catch {
            work.failure = error
            work.failedStep = step
        }
    }

    func begin(_ step: Step, _ work: AppWork) throws(StepFailure) -> Int64 {
        emit(.step(work.app, step, .started, message: ""))
        let now = context.clock()
        return try write { [operation] (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.startStep(step, of: work.app, operation: operation, at: now)
        }
    }

    func finish(_ step: Step, _ work: AppWork, _ record: Int64, _ result: StepResult) throws(StepFailure) {
        let now = context.clock()
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.finishStep(record, result.outcome, message: result.message, at: now)
        }
        emit(.step(work.app, step, result.outcome, message: result.message))
    }

    func write<Result: Sendable>(
        _ body: (inout DatabaseConnection) throws(DatabaseError) -> Result
    ) throws(StepFailure) -> Result {
        do throws(JournalError) { return try journal.write(body) } catch { throw StepFailure(error) }
    }

    /// Runs a system call of ours and turns its failure into the step's.
    func system<Result>(_ body: () throws(SystemError) -> Result) throws(StepFailure) -> Result {
        do throws(SystemError) { return try body() } catch { throw StepFailure(error) }
    }

    func report(_ work: AppWork, _ state: FetchState.Name, _ info: String, output: String? = nil) throws(StepFailure) {
        guard work.plan.wish != nil else { return }
        let json = work.fetchState(state, info, output: output)
        let now = context.clock()
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.setFetchStatus(work.artifactLabel, json, at: now)
        }
    }
}
