internal import GatewayModel
internal import GatewaySystem

/// What happens to a service, and what follows from it. All on the loop's thread.
extension Service {
    /// Takes over a new or changed definition; `bringUp` makes it effective.
    func take(_ definition: ServiceDefinition) {
        self.definition = definition
        machine.rules = .init(definition)
        mark()
    }

    /// Makes a new or changed definition effective. Returns whether that starts or restarts the service.
    func bringUp() -> Bool {
        if state.hasProcess {
            // A running process of an equal definition is what an adopted one can be: it stays.
            guard isWanted, !startedWith.runs(like: definition) else { return false }
            handle(.restart)
        } else {
            guard isWanted || (definition.autostart && state == .stopped && lastExit == nil) else { return false }
            isWanted = true
            begin()
        }
        return true
    }

    /// Starts it if what it requires is up; otherwise as soon as it is.
    func begin() {
        mark()
        let missing = definition.requires.filter { app in !supervisor.services(of: app).allSatisfy(\.isUp) }
        let leaving = supervisor.services(of: key.app).filter { $0.isLeaving && $0.pid != nil }
        guard missing.isEmpty && leaving.isEmpty || state.hasProcess else {
            waitsForOthers = true
            let names = missing.map(\.text) + leaving.map { "the end of \($0.key)" }
            problem = "waits for \(names.joined(separator: ", "))"
            return
        }
        waitsForOthers = false
        handle(.start)
    }

    /// Begins to stop a process that is to be forgotten.
    func leave() {
        isLeaving = true
        isWanted = false
        waitsForOthers = false
        handle(.stop)
        forgetIfDone()
    }

    /// Takes notice of what the health check says: services that require this one wait for `.healthy`.
    func found(_ health: ServiceHealth) { isHealthy = health == .healthy }

    /// Restarts it with the delays of a crash.
    func failedHealth(_ reason: String, healthyFor: Duration?) {
        wentWrong(reason)
        handle(.unhealthy(healthyFor: healthyFor))
    }

    /// One event into the machine, and its actions carried out.
    func handle(_ event: ServiceStateMachine.Event) {
        mark()
        let before = machine
        let actions = machine.handle(event, randomness: .random(in: 0...1))
        let after = machine.state
        note(event, from: before, actions)
        if after == .running { problem = nil }
        if after != before.state { tell(from: before.state) }
        for action in actions { perform(action) }
        if after != before.state, isUp { supervisor.startWaiting() }
    }

    private func tell(from before: ServiceState, to after: ServiceState? = nil) {
        var status = view.status(at: .now)
        status.state = after ?? status.state
        supervisor.own.value.transitions.append(.init(from: before, status: status))
    }

    /// Keeps what a person wants to know of an event.
    private func note(
        _ event: ServiceStateMachine.Event, from before: ServiceStateMachine, _ actions: [ServiceStateMachine.Action]
    ) {
        switch event {
        case .start, .stop, .restart:
            problem = nil
        case .ended, .timer:
            if actions.contains(.spawn) && !before.startsAgain { restarts += 1 }
        case .spawned, .spawnFailed, .spawnPostponed, .adopted, .signalFailed, .unhealthy:
            break
        }
    }

    private func perform(_ action: ServiceStateMachine.Action) {
        switch action {
        case .spawn: spawn()
        case .signalStop: signalStop()
        case .kill: killTree()
        case .setTimer(let delay): setTimer(delay)
        case .cancelTimer: setTimer(nil)
        }
    }

    func setTimer(_ delay: Duration?) {
        if let timer { loop.cancel(timer) }
        timer = delay.map { delay in
            loop.schedule(
                after: delay,
                handler: handler { service in
                    service.timer = nil
                    service.handle(.timer)
                })
        }
        mark()
    }

    /// Nothing is left of its process: the last lines go to the log, and the service goes on from there.
    func ended(_ exit: ServiceExit, uptime: Duration) {
        output?.flush()
        errorOutput?.flush()
        supervisor.folders.remove(name, ProcessRecord.suffix)
        pid = nil
        started = nil
        watch = nil
        tree = nil
        leaderEnd = nil
        let isInBackground = leftOthersAtOnce
        leftOthersAtOnce = false
        isAdopted = false
        lastExit = exit
        let isStopping = state == .stopping || state == .unknown
        let isExpected = if case .code(let code) = exit { machine.rules.exitCodes.contains(code) } else { false }
        if isStopping {
            if !machine.isStoppedUnhealthy { problem = nil }
        } else if uptime < machine.rules.startSeconds {
            let hint = isInBackground ? ": \(Service.inBackground)" : ""
            wentWrong("\(exit.words) too soon, after \(Service.text(uptime))\(hint)")
        } else if isExpected, isInBackground {
            // It may be all that it is to do: no problem, but worth a word.
            lastError = "\(exit.words) after \(Service.text(uptime)): \(Service.inBackground)"
        } else if !isExpected {
            wentWrong("\(exit.words) after \(Service.text(uptime))")
        }
        handle(.ended(exit, uptime: uptime))
        forgetIfDone()
    }

    private static let inBackground =
        "it seems to put itself in the background, where nobody would watch it, so what it left was ended; "
        + "run it in the foreground (many have an option for that, such as -f, --foreground or --no-daemon)"

    func wentWrong(_ words: String) {
        problem = words
        lastError = words
        mark()
    }

    /// Is forgotten, if it is to be and has no process.
    private func forgetIfDone() {
        guard isLeaving, pid == nil else { return }
        if let timer { loop.cancel(timer) }
        closePipes()
        supervisor.own.value.services[key] = nil
        mark()
        tell(from: state, to: .stopped)
        supervisor.startWaiting()
    }

    private static func text(_ uptime: Duration) -> String {
        let (seconds, attoseconds) = uptime.components
        if seconds >= 10 { return "\(seconds) s" }
        return "\(seconds).\(attoseconds / 100_000_000_000_000_000) s"
    }
}
