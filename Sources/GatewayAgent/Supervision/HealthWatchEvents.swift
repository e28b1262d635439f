internal import GatewayModel
internal import GatewaySystem

/// From the processes' states, timers and checks to the monitors, and from those to checks and restarts.
extension HealthWatch {
    /// Sees what the manager says of an app now. A state that does not come to stay is seen by the change that ends it.
    func look(_ app: AppName) {
        let number = state.update { state -> UInt64? in
            guard state.entries[app] != nil, !state.isShuttingDown else { return nil }
            return state.nextNumber()
        }
        guard let number else { return }
        let status = services.status(of: app)
        state.update { state in
            guard let entry = state.entries[app], entry.lastLook < number else { return }
            state.entries[app]?.lastLook = number
            let isChecked = status?.state == .running || status?.state == .starting
            let isHeld = state.held.contains(app)
            let pid = isChecked && !isHeld ? status?.pid : nil
            if isChecked, isHeld, let unchecked = status?.pid {
                // Nobody will find it healthy: what requires it must not wait for that.
                loop.post { [services] in services.report(.healthy, of: app, pid: unchecked) }
            }
            if pid != entry.pid {
                state.entries[app]?.pid = pid
                handle(pid == nil ? .stopped : .started(uptime: status?.uptime ?? .zero), app, &state)
            }
            if pid == nil, !tellsTransitions { lookLater(app, &state) }
        }
    }

    private func lookLater(_ app: AppName, _ state: inout State) {
        guard let every = state.entries[app]?.monitor.check.every else { return }
        setTimer(every, app, &state) { [weak self] in self?.onThread { $0.look(app) } }
    }

    /// One event into the monitor of an app, and its actions carried out.
    func handle(_ event: HealthMonitor.Event, _ app: AppName, _ state: inout State) {
        guard var monitor = state.entries[app]?.monitor else { return }
        let pid = state.entries[app]?.pid
        let before = monitor.health
        let actions = monitor.handle(event, at: .nanoseconds(MonotonicTime.now.nanoseconds))
        state.entries[app]?.monitor = monitor
        if let health = monitor.health, health != before, let pid {
            loop.post { [services, observer] in
                services.report(health, of: app, pid: pid)
                observer(app, health)
            }
        }
        for action in actions {
            switch action {
            case .check: check(app, &state)
            case .abandon: state.entries[app]?.awaited = nil
            case .setTimer(let delay):
                setTimer(delay, app, &state) { [weak self] in
                    self?.state.update { self?.handle(.timer, app, &$0) }
                }
            case .cancelTimer: cancelTimer(app, &state)
            case .restart(let reason, let healthyFor):
                guard let pid else { break }
                loop.post { [services] in
                    services.failedHealth(app, pid: pid, reason: reason, healthyFor: healthyFor)
                }
            }
        }
    }

    private func cancelTimer(_ app: AppName, _ state: inout State) {
        if let timer = state.entries[app]?.timer { loop.cancel(timer) }
        state.entries[app]?.timer = nil
        state.entries[app]?.timerNumber += 1
    }

    private func setTimer(
        _ delay: Duration, _ app: AppName, _ state: inout State, _ body: @escaping @Sendable () -> Void
    ) {
        cancelTimer(app, &state)
        let number = state.entries[app]?.timerNumber
        state.entries[app]?.timer = loop.schedule(after: delay) { [weak self] in
            let isDue = self?.state.look { $0.entries[app]?.timerNumber == number } ?? false
            if isDue { body() }
        }
    }

    // MARK: checks

    private func check(_ app: AppName, _ state: inout State) {
        let number = state.nextNumber()
        state.entries[app]?.awaited = number
        // The one before, of a process that is gone, may still be under way: this one comes when it has ended.
        guard state.entries[app]?.running == nil else { return }
        begin(number, app, &state)
    }

    private func begin(_ number: UInt64, _ app: AppName, _ state: inout State) {
        guard let entry = state.entries[app] else { return }
        state.entries[app]?.running = number
        let started = onThread { watch in
            if !watch.tellsTransitions { watch.look(app) }
            let outcome = watch.probes.run(entry.monitor.check.probe, of: entry.definition)
            if !watch.tellsTransitions { watch.look(app) }
            watch.finished(number, app, outcome)
        }
        if !started {
            loop.post { [weak self] in self?.finished(number, app, .skipped) }
        }
    }

    private func finished(_ number: UInt64, _ app: AppName, _ outcome: HealthProbes.Outcome) {
        state.update { state in
            guard state.entries[app]?.running == number else { return }
            state.entries[app]?.running = nil
            guard let awaited = state.entries[app]?.awaited else { return }
            guard awaited == number else { return begin(awaited, app, &state) }
            state.entries[app]?.awaited = nil
            switch outcome {
            case .passed: handle(.passed, app, &state)
            case .failed(let reason): handle(.failed(reason), app, &state)
            case .skipped: handle(.skipped, app, &state)
            }
        }
    }

    /// false when there is no thread to be had.
    @discardableResult
    private func onThread(_ body: @escaping @Sendable (HealthWatch) -> Void) -> Bool {
        do throws(SystemError) {
            let thread = try BackgroundThread("gwe-health") { [weak self] in
                if let self { body(self) }
            }
            thread.detach()
            return true
        } catch {
            return false
        }
    }
}

extension HealthProbes {
    /// How long a probe takes at most.
    func longest(_ probe: HealthCheck.Probe) -> Duration {
        if case .command = probe { commandTimeout + .seconds(2) } else { networkTimeout }
    }
}
