internal import GatewayModel
internal import GatewaySystem

/// What happens to a service, and what follows from it. All with the mutex held.
extension Supervisor {
    /// Takes over a new or changed definition.
    func put(_ definition: ServiceDefinition, _ core: inout Core) {
        if core.services[definition.app] == nil { core.services[definition.app] = ServiceSlot(definition) }
        core.services[definition.app]?.definition = definition
        core.services[definition.app]?.machine.rules = .init(definition)
    }

    /// Makes a new or changed definition effective.
    func bringUp(_ app: AppName, _ core: inout Core) {
        guard let slot = core.services[app] else { return }
        if slot.machine.state.hasProcess {
            // A running process of an equal definition is what an adopted one can be: it stays.
            guard slot.startedWith != slot.definition else { return }
            if slot.wanted {
                handle(.restart, app, &core)
            }
        } else if slot.wanted || (slot.definition.autostart && slot.machine.state == .stopped && slot.lastExit == nil) {
            core.services[app]?.wanted = true
            begin(app, &core)
        }
    }

    /// Starts a service if what it requires is up; otherwise as soon as it is.
    func begin(_ app: AppName, _ core: inout Core) {
        guard let slot = core.services[app] else { return }
        let missing = slot.definition.requires.filter { core.services[$0].map { !$0.isUp } ?? false }
        guard missing.isEmpty || slot.machine.state.hasProcess else {
            core.services[app]?.waitsForOthers = true
            core.services[app]?.problem = "waits for \(missing.map(\.text).joined(separator: ", "))"
            return
        }
        core.services[app]?.waitsForOthers = false
        handle(.start, app, &core)
    }

    /// Starts what waited for others, if they are up now or gone.
    func startWaiting(_ core: inout Core) {
        guard !core.shuttingDown else { return }
        for app in core.services.values.filter(\.waitsForOthers).map(\.definition).sorted(by: {
            ($0.priority, $0.app) < ($1.priority, $1.app)
        }).map(\.app) {
            begin(app, &core)
        }
    }

    /// One event into the machine of a service, and its actions carried out.
    func handle(_ event: ServiceStateMachine.Event, _ app: AppName, _ core: inout Core) {
        guard let before = core.services[app]?.machine else { return }
        let actions = core.services[app]?.machine.handle(event, randomness: .random(in: 0...1)) ?? []
        guard let after = core.services[app]?.machine.state else { return }
        note(event, from: before, actions, app, &core)
        if after == .running { core.services[app]?.problem = nil }
        if after != before.state, let status = core.services[app]?.status(now: .now) {
            core.transitions.append(Transition(from: before.state, status: status))
        }
        for action in actions { perform(action, app, &core) }
        if after != before.state, core.services[app]?.isUp == true { startWaiting(&core) }
    }

    /// Keeps what a person wants to know of an event.
    private func note(
        _ event: ServiceStateMachine.Event, from before: ServiceStateMachine, _ actions: [ServiceStateMachine.Action],
        _ app: AppName, _ core: inout Core
    ) {
        switch event {
        case .start, .stop, .restart:
            core.services[app]?.problem = nil
        case .ended, .timer:
            let again = actions.contains(.spawn) && !before.startsAgain
            if again { core.services[app]?.restarts += 1 }
        case .spawned, .spawnFailed, .adopted, .signalFailed:
            break
        }
    }

    private func perform(_ action: ServiceStateMachine.Action, _ app: AppName, _ core: inout Core) {
        switch action {
        case .spawn: spawn(app, &core)
        case .signalStop: signalStop(app, &core)
        case .kill:
            guard let pid = core.services[app]?.pid else { return }
            send(9, to: pid, wholeGroup: true, app, &core)
            send(9, to: pid, wholeGroup: false, app, &core)
        case .setTimer(let delay): setTimer(delay, app, &core)
        case .cancelTimer: setTimer(nil, app, &core)
        }
    }

    private func signalStop(_ app: AppName, _ core: inout Core) {
        guard let slot = core.services[app], let pid = slot.pid else { return }
        send(slot.startedWith.stopSignal, to: pid, wholeGroup: slot.startedWith.stopAsGroup, app, &core)
    }

    private func send(_ number: Int32, to pid: Int32, wholeGroup: Bool, _ app: AppName, _ core: inout Core) {
        do { try ChildProcess.signal(pid, number, wholeGroup: wholeGroup) } catch {
            wentWrong(error.description, app, &core)
            handle(.signalFailed, app, &core)
        }
    }

    private func setTimer(_ delay: Duration?, _ app: AppName, _ core: inout Core) {
        guard let slot = core.services[app] else { return }
        if let timer = slot.timer { loop.cancel(timer) }
        let number = slot.timerNumber + 1
        core.services[app]?.timerNumber = number
        core.services[app]?.timer = delay.map { delay in
            loop.schedule(after: delay) { [weak self] in
                self?.locked { core in
                    guard core.services[app]?.timerNumber == number else { return }
                    core.services[app]?.timer = nil
                    self?.handle(.timer, app, &core)
                }
            }
        }
    }

    /// The process of a service has ended: what is left of it is ended too, its last lines go to the log, it is reaped.
    func ended(_ app: AppName, pid: Int32, _ core: inout Core) {
        guard let slot = core.services[app], slot.pid == pid else { return }
        let exit: ServiceExit
        do {
            // It stays a zombie until its group is gone, so that the group's number is nobody else's.
            exit = try ChildProcess.poll(pid, reap: false).map(ServiceExit.init) ?? .unknown
            try? ChildProcess.signal(pid, 9, wholeGroup: true)
            _ = try? ChildProcess.poll(pid)
        } catch {
            exit = .unknown
            ChildProcess.killSession(pid, variable: Supervisor.nameVariable, value: app.text)
        }
        slot.output?.flush()
        slot.errorOutput?.flush()
        ProcessRecord.remove(recordPath(app))
        let uptime = slot.started?.duration(to: .now) ?? .zero
        core.services[app]?.pid = nil
        core.services[app]?.started = nil
        core.services[app]?.watch = nil
        core.services[app]?.adopted = false
        core.services[app]?.lastExit = exit
        let stopping = slot.machine.state == .stopping || slot.machine.state == .unknown
        let expected = if case .code(let code) = exit { slot.machine.rules.exitCodes.contains(code) } else { false }
        if stopping {
            core.services[app]?.problem = nil
        } else if uptime < slot.machine.rules.startSeconds {
            wentWrong("\(exit.words) too soon, after \(Supervisor.text(uptime))", app, &core)
        } else if !expected {
            wentWrong("\(exit.words) after \(Supervisor.text(uptime))", app, &core)
        }
        handle(.ended(exit, uptime: uptime), app, &core)
        forgetIfDone(app, &core)
    }

    func wentWrong(_ words: String, _ app: AppName, _ core: inout Core) {
        core.services[app]?.problem = words
        core.services[app]?.lastError = words
    }

    /// Drops a service that is being removed once it has no process.
    func forgetIfDone(_ app: AppName, _ core: inout Core) {
        guard let slot = core.services[app], slot.removing, slot.pid == nil else { return }
        if let timer = slot.timer { loop.cancel(timer) }
        closePipes(app, &core)
        core.services[app] = nil
        var gone = slot.status(now: .now)
        gone.state = .stopped
        core.transitions.append(Transition(from: slot.machine.state, status: gone))
        startWaiting(&core)
    }

    private static func text(_ uptime: Duration) -> String {
        let (seconds, attoseconds) = uptime.components
        if seconds >= 10 { return "\(seconds) s" }
        return "\(seconds).\(attoseconds / 100_000_000_000_000_000) s"
    }
}
