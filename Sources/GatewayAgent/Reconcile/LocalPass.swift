public import GatewayModel
internal import Documents
internal import GatewaySystem

/// Passes of a process that is no daemon.
public enum LocalPass {
    /// One pass: takes the state lock, opens the journal, reconciles. Where gwe supervises itself, nothing is started;
    /// supervisord is driven without a daemon too.
    public static func reconcile(
        _ context: GatewayContext, _ options: PassOptions, emit: @escaping @Sendable (PassEvent) -> Void
    ) -> PassResult {
        let result = result(context, options, emit: emit)
        emit(.result(result.exit, result.summary))
        return result
    }

    private static func result(
        _ context: GatewayContext, _ options: PassOptions, emit: @escaping @Sendable (PassEvent) -> Void
    ) -> PassResult {
        if options.isDryRun { return dryRun(context, options, services: nil, emit: emit) }
        do {
            let state = try LockedState(context: context, purpose: "reconcile")
            let timing = CloudTiming(context: context, journal: state.journal)
            var options = options
            if !options.isOffline, context.configuration.product != nil, !timing.mayAsk(options) {
                if let patience = timing.patience { emit(.problem(patience)) }
                options.isOffline = true
            }
            var closed: CloudFailure?
            let cloud =
                options.isOffline
                ? nil
                : CloudConnection.open(context, mayActivate: true, emit: emit) { closed = $0 }?.knowing(state.journal)
            let reconciler = Reconciler(
                context: context, journal: state.journal, services: SupervisordServices(ifChosenIn: context),
                cloud: cloud, emit: emit)
            var result = try reconciler.run(options)
            if let closed { result.talk = .failed(closed) }
            if case .notAsked = result.talk { return result }
            // Nobody waits for the time; `gwe status` tells the trouble.
            _ = timing.ended(result.talk, byteCount: cloud?.byteCount ?? 0, interval: .seconds(14_400))
            return result
        } catch let error as LockedState.Failure {
            return PassResult(exit: error.exit, summary: error.description)
        } catch let error as JournalError {
            return PassResult(exit: error.exit, summary: error.description)
        } catch {
            return PassResult(exit: .internalError, summary: "\(error)")
        }
    }

    /// Shows what a pass would do. Writes nothing anywhere: no lock, no journal, no side file, no activation; it only
    /// reads, the cloud too (rules 11).
    /// - Parameter services: what a running daemon supervises.
    public static func dryRun(
        _ context: GatewayContext, _ options: PassOptions, services: [AppName: ServiceSnapshot]?,
        emit: @escaping @Sendable (PassEvent) -> Void
    ) -> PassResult {
        do throws(JournalError) {
            let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
            try context.learnTime(from: journal)
            if let notice = try journal?.notice() { emit(.problem(notice)) }
            var inputs = try DesiredInputs.load(context: context, journal: journal)
            var options = options
            let cloud = options.isOffline ? nil : CloudConnection.open(context, mayActivate: false, emit: emit)
            var isReachable = false
            var isCloudMissing = options.isOffline
            if let cloud {
                do throws(CloudFailure) {
                    try preview(cloud, &inputs)
                    isReachable = true
                } catch {
                    emit(.problem("\(error); planning from the last desired state that is known"))
                    options.isOffline = true
                    isCloudMissing = true
                }
            }
            for problem in inputs.problems { emit(.problem(problem.message)) }
            let services = services ?? SupervisordServices(ifChosenIn: context)?.snapshots()
            var snapshot = try Reconciler.observe(
                context: context, journal: journal, inputs: inputs, services: services, options: options)
            if snapshot.plan.apps.contains(where: { $0.steps.contains(.download) }) {
                let usage = DataBudgetLedger(context: context)
                snapshot.observed.allowance = usage.allowance(snapshot.desired.policy) { emit(.problem($0)) }
                snapshot.survey(context: context, cloud: isReachable ? cloud : nil, only: options.only)
            }
            emit(.plan(snapshot.plan))
            if isCloudMissing, !inputs.isKnown, inputs.exit == nil {
                return PassResult(exit: .unavailable, summary: PassOutcome.unknownWish)
            }
            let unknown = snapshot.unknown(of: options.only).map { "no such app: \($0)" }
            let exit = exit(snapshot.plan, inputs)
            return PassResult(
                exit: exit == .success && !unknown.isEmpty ? .noSuchApp : exit, summary: unknown.joined(separator: "\n")
            )
        } catch {
            return PassResult(exit: error.isNotPermitted ? .notPermitted : .failure, summary: error.description)
        }
    }

    private static func exit(_ plan: Plan, _ inputs: DesiredInputs) -> ExitStatus {
        if plan.shortfall != nil { return .noSpace }
        if let exit = inputs.exit { return exit }
        if !plan.errors.isEmpty { return .failure }
        if !plan.isEmpty { return .changesPending }
        return plan.count(.blocked) > 0 ? .failure : .success
    }

    /// What the cloud's commands would make of the layers, without taking them.
    private static func preview(_ cloud: any CloudLink, _ inputs: inout DesiredInputs) throws(CloudFailure) {
        let values = try cloud.exchange(writing: [], reading: CloudExchange.inputs)
        let (takenOtau, takenManifest) = (inputs.takenOtau, inputs.takenManifest)
        preview(values[CloudCommands.otauResource] ?? "", of: CloudCommands.otauResource, &inputs) {
            (text) throws(DocumentErrors) in
            if SHA256.hex(of: text.utf8) == takenOtau { return nil }
            return try OtauExchange.decode(text)?.command
        }
        preview(values[CloudCommands.resource] ?? "", of: CloudCommands.resource, &inputs) {
            (text) throws(DocumentErrors) in
            let command = try CloudCommands.decode(text)
            if case .manifest(_, let digest) = command, digest == takenManifest { return nil }
            return command
        }
    }

    private static func preview(
        _ text: String, of resource: String, _ inputs: inout DesiredInputs,
        _ decode: (String) throws(DocumentErrors) -> CloudCommand?
    ) {
        do throws(DocumentErrors) {
            guard !text.isEmpty, let command = try decode(text) else { return }
            inputs.cloud = inputs.cloud.after(command, number: Int64.max)
        } catch {
            inputs.add(
                .init(source: resource, digest: SHA256.hex(of: text.utf8), message: "\(error)", exit: .badInput))
        }
    }
}

/// The state folder, locked, with its journal open: what a pass that writes needs.
final class LockedState: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var exit: ExitStatus
        var description: String
        /// Who has the lock.
        var holder: FileLock.Holder?
    }

    let lock: FileLock
    let journal: Journal

    /// Creates the state folder if it is missing. An unwritable folder or journal fails here, before anything else is
    /// touched.
    /// - Parameter inherited: the lock, where this process has it already.
    init(context: GatewayContext, purpose: String, lock inherited: FileLock? = nil) throws(Failure) {
        let folders = context.folders
        do throws(SystemError) {
            for folder in [folders.stateFolder, folders.releasesFolder, folders.downloadsFolder] {
                _ = try FileTree.makeDirectory(folder)
                FaultPoint.pass("state.folder")
            }
        } catch {
            let exit: ExitStatus = error.isNoSpace ? .noSpace : error.isNotPermitted ? .notPermitted : .cannotCreate
            throw Failure(exit: exit, description: "\(error)")
        }
        do throws(FileLock.Failure) {
            if let inherited {
                lock = inherited
            } else {
                lock = try FileLock.acquire(folders.lockFile, purpose: purpose)
            }
        } catch {
            if case .held(_, let holder) = error {
                throw Failure(exit: .tryLater, description: "\(error)", holder: holder)
            }
            guard case .system(let failure) = error, failure.isNoSpace else {
                throw Failure(exit: .notPermitted, description: "\(error)")
            }
            throw Failure(exit: .noSpace, description: "\(error)")
        }
        FaultPoint.pass("state.locked")
        // A check of a package that was interrupted; nobody else is checking one now.
        try? FileTree.emptyTrash(in: folders.releasesFolder)
        do throws(JournalError) {
            journal = try Journal.open(folders: folders, clock: context.clock)
            try context.settleTimes(in: journal)
            FaultPoint.pass("journal.open")
        } catch {
            let exit: ExitStatus = error.isNoSpace ? .noSpace : error.isUnwritable ? .cannotCreate : .inputOutputError
            throw Failure(exit: exit, description: error.description)
        }
    }
}
