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
            let purpose = "reconcile"
            let state = try LockedState(context: context, purpose: purpose, isNamedLater: true)
            for problem in context.configurationProblems { emit(.problem(problem)) }
            if context.configurationProblems.isEmpty {
                ConfigurationStore(folders: context.folders).keep(context.configuration)
            }
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
                cloud: cloud, willChange: { state.lock.write(purpose: purpose) }, emit: emit)
            let end = try reconciler.run(options) { result in
                let talk = closed.map(CloudTalk.failed) ?? result.talk
                if case .notAsked = talk { return }
                // Nobody waits for the time; `gwe status` tells the trouble.
                _ = timing.ended(talk, byteCount: cloud?.byteCount ?? 0, interval: UpdateInterval.standard)
            }
            guard case .finished(var result) = end else {
                return PassResult(exit: .tryLater, summary: "the pass was interrupted")
            }
            if let closed { result.talk = .failed(closed) }
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
    /// reads, the cloud too (D11).
    /// - Parameter services: what a running daemon supervises.
    public static func dryRun(
        _ context: GatewayContext, _ options: PassOptions, services: [AppName: ServiceStatus]?,
        emit: @escaping @Sendable (PassEvent) -> Void
    ) -> PassResult {
        do throws(JournalError) {
            let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
            try context.learnTime(from: journal)
            for problem in context.configurationProblems { emit(.problem(problem)) }
            if let notice = try journal?.notice() { emit(.problem(notice)) }
            var inputs = try DesiredInputs.load(context: context, journal: journal)
            var options = options
            let cloud = options.isOffline ? nil : CloudConnection.open(context, mayActivate: false, emit: emit)
            var isReachable = false
            var isCloudMissing = options.isOffline
            if let cloud {
                do throws(CloudFailure) {
                    try SlowWork.run(waitingFor: context.cloudWords, tell: { emit(.note($0)) }) {
                        () throws(CloudFailure) in try preview(cloud, &inputs)
                    }
                    isReachable = true
                } catch {
                    emit(.problem("\(error); planning from the last desired state that is known"))
                    options.isOffline = true
                    isCloudMissing = true
                }
            }
            for problem in inputs.problems { emit(.problem(problem.message)) }
            let services = services ?? SupervisordServices(ifChosenIn: context)?.snapshots()
            let observation = try Observation(
                context: context, journal: journal, services: services, isDeep: options.isDeep)
            var snapshot = try observation.snapshot(inputs, journal: journal, only: options.only)
            snapshot.surveyDownloads(context, cloud: isReachable ? cloud : nil, only: options.only, emit: emit)
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
        let values = try cloud.request(writing: [], reading: CloudResource.inputs)
        preview(CloudValue(.configOtau, values[.configOtau] ?? ""), &inputs) { value throws(DocumentErrors) in
            try OtauConversation.decode(value)?.command
        }
        preview(CloudValue(.engineFetch, values[.engineFetch] ?? ""), &inputs) { value throws(DocumentErrors) in
            try CloudCommand.decode(value)
        }
    }

    private static func preview(
        _ value: CloudValue, _ inputs: inout DesiredInputs,
        _ decode: (CloudValue) throws(DocumentErrors) -> CloudCommand?
    ) {
        switch inputs.memory.news(of: value) {
        case .empty, .taken, .uncleared: return
        case .refused, .new: break
        }
        do throws(DocumentErrors) {
            guard let command = try decode(value) else { return }
            inputs.cloud = inputs.cloud.after(command, number: Int64.max)
        } catch {
            inputs.add(
                .init(source: value.resource.rawValue, digest: value.digest, message: "\(error)", exit: .badInput))
        }
    }
}
