internal import GatewayModel
internal import GatewaySystem

/// What happens to a service, and what follows from it. All with the mutex held.
extension Supervisor {
    /// Takes over a new or changed definition.
    func put(_ definition: ServiceDefinition, _ core: inout Core) {
        let key = definition.key
        if core.services[key] == nil { core.services[key] = ServiceSlot(definition) }
        core.services[key]?.definition = definition
        core.services[key]?.machine.rules = .init(definition)
    }

    /// Makes a new or changed definition effective. Returns whether that starts or restarts the service.
    func bringUp(_ key: ServiceKey, _ core: inout Core) -> Bool {
        guard let slot = core.services[key] else { return false }
        if slot.machine.state.hasProcess {
            // A running process of an equal definition is what an adopted one can be: it stays.
            guard slot.wanted, !slot.startedWith.runs(like: slot.definition) else { return false }
            handle(.restart, key, &core)
        } else {
            guard slot.wanted || (slot.definition.autostart && slot.machine.state == .stopped && slot.lastExit == nil)
            else { return false }
            core.services[key]?.wanted = true
            begin(key, &core)
        }
        return true
    }

    /// Starts a service if what it requires is up; otherwise as soon as it is.
    func begin(_ key: ServiceKey, _ core: inout Core) {
        guard let slot = core.services[key] else { return }
        let missing = slot.definition.requires.filter { app in !core.services(of: app).allSatisfy(\.isUp) }
        let leaving = core.services(of: key.app).filter { $0.removing && $0.pid != nil }
        guard missing.isEmpty && leaving.isEmpty || slot.machine.state.hasProcess else {
            core.services[key]?.waitsForOthers = true
            let names = missing.map(\.text) + leaving.map { "the end of \($0.definition.key)" }
            core.services[key]?.problem = "waits for \(names.joined(separator: ", "))"
            return
        }
        core.services[key]?.waitsForOthers = false
        handle(.start, key, &core)
    }

    /// Starts what waited for others, if they are up now or gone.
    func startWaiting(_ core: inout Core) {
        guard !core.shuttingDown else { return }
        for key in core.services.values.filter(\.waitsForOthers).map(\.definition).sorted(by: {
            ($0.priority, $0.key) < ($1.priority, $1.key)
        }).map(\.key) {
            begin(key, &core)
        }
    }

    /// One event into the machine of a service, and its actions carried out.
    func handle(_ event: ServiceStateMachine.Event, _ key: ServiceKey, _ core: inout Core) {
        guard let before = core.services[key]?.machine else { return }
        let actions = core.services[key]?.machine.handle(event, randomness: .random(in: 0...1)) ?? []
        guard let after = core.services[key]?.machine.state else { return }
        note(event, from: before, actions, key, &core)
        if after == .running { core.services[key]?.problem = nil }
        if after != before.state, let status = core.services[key]?.status(now: .now) {
            core.transitions.append(Transition(from: before.state, status: status))
        }
        for action in actions { perform(action, key, &core) }
        if after != before.state, core.services[key]?.isUp == true { startWaiting(&core) }
    }

    /// Keeps what a person wants to know of an event.
    private func note(
        _ event: ServiceStateMachine.Event, from before: ServiceStateMachine, _ actions: [ServiceStateMachine.Action],
        _ key: ServiceKey, _ core: inout Core
    ) {
        switch event {
        case .start, .stop, .restart:
            core.services[key]?.problem = nil
        case .ended, .timer:
            let again = actions.contains(.spawn) && !before.startsAgain
            if again { core.services[key]?.restarts += 1 }
        case .spawned, .spawnFailed, .adopted, .signalFailed, .unhealthy:
            break
        }
    }

    private func perform(_ action: ServiceStateMachine.Action, _ key: ServiceKey, _ core: inout Core) {
        switch action {
        case .spawn: spawn(key, &core)
        case .signalStop: signalStop(key, &core)
        case .kill:
            killTree(key, &core)
        case .setTimer(let delay): setTimer(delay, key, &core)
        case .cancelTimer: setTimer(nil, key, &core)
        }
    }

    func send(_ number: Int32, to pid: Int32, wholeGroup: Bool, _ key: ServiceKey, _ core: inout Core) {
        do { try ChildProcess.signal(pid, number, wholeGroup: wholeGroup) } catch {
            wentWrong(error.description, key, &core)
            handle(.signalFailed, key, &core)
        }
    }

    func setTimer(_ delay: Duration?, _ key: ServiceKey, _ core: inout Core) {
        guard let slot = core.services[key] else { return }
        if let timer = slot.timer { loop.cancel(timer) }
        let number = slot.timerNumber + 1
        core.services[key]?.timerNumber = number
        core.services[key]?.timer = delay.map { delay in
            loop.schedule(after: delay) { [weak self] in
                self?.locked { core in
                    guard core.services[key]?.timerNumber == number else { return }
                    core.services[key]?.timer = nil
                    self?.handle(.timer, key, &core)
                }
            }
        }
    }

    /// Nothing is left of a process of a service: its last lines go to the log, and the service goes on from there.
    func ended(_ key: ServiceKey, _ exit: ServiceExit, uptime: Duration, _ core: inout Core) {
        guard let slot = core.services[key] else { return }
        slot.output?.flush()
        slot.errorOutput?.flush()
        folders.remove("\(key)", ProcessRecord.suffix)
        core.services[key]?.pid = nil
        core.services[key]?.started = nil
        core.services[key]?.watch = nil
        core.services[key]?.tree = nil
        core.services[key]?.leaderEnd = nil
        core.services[key]?.adopted = false
        core.services[key]?.lastExit = exit
        let stopping = slot.machine.state == .stopping || slot.machine.state == .unknown
        let expected = if case .code(let code) = exit { slot.machine.rules.exitCodes.contains(code) } else { false }
        if stopping {
            if !slot.machine.isStoppedUnhealthy { core.services[key]?.problem = nil }
        } else if uptime < slot.machine.rules.startSeconds {
            wentWrong("\(exit.words) too soon, after \(Supervisor.text(uptime))", key, &core)
        } else if !expected {
            wentWrong("\(exit.words) after \(Supervisor.text(uptime))", key, &core)
        }
        handle(.ended(exit, uptime: uptime), key, &core)
        forgetIfDone(key, &core)
    }

    func wentWrong(_ words: String, _ key: ServiceKey, _ core: inout Core) {
        core.services[key]?.problem = words
        core.services[key]?.lastError = words
    }

    /// Drops a service that is being removed once it has no process.
    func forgetIfDone(_ key: ServiceKey, _ core: inout Core) {
        guard let slot = core.services[key], slot.removing, slot.pid == nil else { return }
        if let timer = slot.timer { loop.cancel(timer) }
        closePipes(key, &core)
        core.services[key] = nil
        var gone = slot.status(now: .now)
        gone.state = .stopped
        core.transitions.append(Transition(from: slot.machine.state, status: gone))
        startWaiting(&core)
    }

    static func text(_ uptime: Duration) -> String {
        let (seconds, attoseconds) = uptime.components
        if seconds >= 10 { return "\(seconds) s" }
        return "\(seconds).\(attoseconds / 100_000_000_000_000_000) s"
    }
}
