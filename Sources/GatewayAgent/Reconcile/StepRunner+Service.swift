internal import GatewayModel
internal import GatewaySystem

extension StepRunner {
    /// Writes the service configuration of the release in force, or takes the file of an app away that is no service.
    func configure(_ work: AppProgress) throws(StepFailure) -> StepResult {
        guard let release = work.release else { throw StepFailure(.local, "internal error: nothing was installed") }
        let path = store.servicePath(work.app)
        guard let made = try ServiceConfiguration(context: context, policy: policy).make(release, desired: work.desired)
        else {
            let wasThere = try system { () throws(SystemError) in
                _ = try FileTree.removeFile(self.store.programPath(work.app))
                return try FileTree.removeFile(path)
            }
            FaultPoint.pass("configure.removed")
            return wasThere ? .done("no service") : .already("no service")
        }
        let program = store.programPath(work.app)
        for warning in made.warnings { emit(.note("\(work.app): \(warning)")) }
        if (try? AtomicFile.read(path, limit: 1 << 20)) == made.bytes,
            made.program == nil
                || (try? AtomicFile.read(program, limit: 1 << 20)) == made.program.map({ Array($0.utf8) })
        {
            return .already()
        }
        try leaveUnsynced(work)
        let isDurable = syncsEach
        try system { () throws(SystemError) in
            _ = try FileTree.makeDirectory(self.context.folders.stateFolder + "/services", isDurable: isDurable)
            let data = self.context.folders.dataFolder(of: work.app)
            _ = try FileTree.makeDirectory(data, isDurable: isDurable)
            // The folder is the app's own (D17). A user who does not exist is the supervisor's to tell.
            if let name = made.definitions.first?.user, let user = try? UserIdentity(name) {
                try FileTree.setOwner(ofDirectory: data, user: user.uid, group: user.gid)
            }
            FaultPoint.pass("configure.made")
            // Its environment may hold secrets.
            if let text = made.program { try AtomicFile.write(text, to: program, mode: 0o600, isDurable: isDurable) }
            FaultPoint.pass("configure.programmed")
            try AtomicFile.write(made.bytes, to: path, mode: 0o600, isDurable: isDurable)
            FaultPoint.pass("configure.written")
        }
        return .done
    }

    /// Starts the app with the configuration in force, and waits until it is up and, with a health check, healthy or not;
    /// what it requires must be up and healthy first. A health check may take its `within` each time.
    func start(_ work: AppProgress) throws(StepFailure) -> StepResult {
        // An app that was taken over is in force without a release of gwe's.
        guard (work.release?.installed ?? work.plan.installed)?.kind == .service else { return .already("no service") }
        guard let services else { return .skipped("no daemon supervises") }
        for name in work.desired?.requires.value.sorted() ?? [] {
            guard let needed = services.settle(name, untilHealthy: true) else { continue }
            guard needed.isRunning || needed.hasEndedWell else {
                throw StepFailure(.local, "requires \(name), which is \(needed.state.rawValue)")
            }
            if let reason = needed.health?.reason {
                throw StepFailure(.local, "requires \(name), which is not healthy: \(reason)")
            }
        }
        // Said after this pass was planned: the pass that follows would only stop it again.
        if try isStoppedMeanwhile(work) { return .skipped("stopped meanwhile (gwe stop)") }
        let definitions = ServiceConfiguration(context: context).definitions(of: [work.app])
        guard !definitions.isEmpty else {
            throw StepFailure(.local, "cannot read \(store.servicePath(work.app))")
        }
        // Its data may be of the new release from here on: after a power cut no older one may run.
        try requireDurable(work)
        try settle(for: work)
        // An app that keeps failing has its delays; a pass that changes nothing else does not shorten them.
        let now = work.plan.steps != [.start]
        if let problem = services.bringUp(work.app, definitions, now: now, untilHealthy: true) {
            var failure = StepFailure(services.outage() == nil ? .release : .local, problem)
            // What this machine lacks says nothing of the release.
            if services.snapshots()[work.app]?.isPostponed == true {
                failure.kind = .local
                failure.isOfMachine = true
            }
            if let words = missingForService(work) { failure = .missing(words) }
            throw failure
        }
        return .done(services.snapshots()[work.app].map { $0.pid.map { "pid \($0)" } ?? $0.state.rawValue } ?? "")
    }

    /// Whether the operator has stopped the app since this pass was planned. A layer that cannot be read says nothing.
    private func isStoppedMeanwhile(_ work: AppProgress) throws(StepFailure) -> Bool {
        guard work.desired?.state.value != .stopped else { return false }
        do throws(JournalError) {
            let layer = try journal.layer(.operatorCommand).flatMap { try? OperatorLayer.stored($0.text) }
            return layer?.apps[work.app]?.state == .stopped
        } catch {
            throw StepFailure(error)
        }
    }

    /// What may be gone after a power cut must not be started from.
    private func requireDurable(_ work: AppProgress) throws(StepFailure) {
        guard let doubts, doubts.apps.contains(work.app) else { return }
        var failure = StepFailure(.local, doubts.words)
        failure.isOfMachine = true
        throw failure
    }

    func stop(_ work: AppProgress) throws(StepFailure) -> StepResult {
        guard let services else { return .skipped("no daemon supervises") }
        guard let there = services.snapshots()[work.app], there.pid != nil else { return .already() }
        _ = services.stop(work.app)
        return .done
    }
}
