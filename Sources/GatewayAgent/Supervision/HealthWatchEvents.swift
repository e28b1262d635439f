internal import GatewayModel
internal import GatewaySystem

/// From the processes' states, timers and checks to the monitors, and from those to checks and restarts.
extension HealthWatch {
    /// Sees what the manager says of an app now. A state that does not come to stay is seen by the change that ends it. On any
    /// thread.
    func look(_ app: AppName) {
        let number = loop.perform { [self] () -> UInt64? in
            own.value.entries[app] == nil || own.value.hasEnded ? nil : own.value.nextNumber()
        }
        guard let number else { return }
        let status = services?.status(of: app)
        loop.perform { [self] in saw(app, status, look: number) }
    }

    private func saw(_ app: AppName, _ status: ServiceStatus?, look: UInt64) {
        guard let entry = own.value.entries[app], entry.lastLook < look else { return }
        own.value.entries[app]?.lastLook = look
        let isChecked = status?.state == .running || status?.state == .starting
        let isHeld = own.value.held.contains(app)
        let pid = isChecked && !isHeld ? status?.pid : nil
        if isChecked, isHeld, let unchecked = status?.pid {
            // Nobody will find it healthy: what requires it must not wait for that.
            loop.post { [weak self] in self?.services?.found(.healthy, of: app, pid: unchecked) }
        }
        if pid != entry.pid {
            own.value.entries[app]?.pid = pid
            handle(pid == nil ? .stopped : .started(uptime: status?.uptime ?? .zero), app)
        }
        if pid == nil, !tellsTransitions { lookLater(app) }
    }

    private func lookLater(_ app: AppName) {
        guard let every = own.value.entries[app]?.monitor.check.every else { return }
        setTimer(every, app) { watch in watch.onThread { $0.look(app) } }
    }

    /// One event into the monitor of an app, and its actions carried out. On the loop's thread.
    func handle(_ event: HealthMonitor.Event, _ app: AppName) {
        guard let entry = own.value.entries[app] else { return }
        var monitor = entry.monitor
        let actions = monitor.handle(event, at: .nanoseconds(MonotonicTime.now.nanoseconds))
        own.value.entries[app]?.monitor = monitor
        if let health = monitor.health, health != entry.monitor.health, let pid = entry.pid {
            // When what is under way is done: it may be the manager who said this.
            loop.post { [weak self] in
                self?.services?.found(health, of: app, pid: pid)
                self?.observer(app, health)
            }
        }
        for action in actions {
            switch action {
            case .check: check(app)
            case .abandon: own.value.entries[app]?.awaited = nil
            case .setTimer(let delay): setTimer(delay, app) { $0.handle(.timer, app) }
            case .cancelTimer: cancelTimer(app)
            case .restart(let reason, let healthyFor):
                guard let pid = entry.pid else { break }
                loop.post { [weak self] in
                    self?.services?.failedHealth(app, pid: pid, reason: reason, healthyFor: healthyFor)
                }
            }
        }
        publish(app)
    }

    func cancelTimer(_ app: AppName) {
        if let timer = own.value.entries[app]?.timer { loop.cancel(timer) }
        own.value.entries[app]?.timer = nil
    }

    private func setTimer(_ delay: Duration, _ app: AppName, _ body: @escaping @Sendable (HealthWatch) -> Void) {
        cancelTimer(app)
        own.value.entries[app]?.timer = loop.schedule(after: delay) { [weak self] in
            guard let self, own.value.entries[app] != nil else { return }
            own.value.entries[app]?.timer = nil
            body(self)
        }
    }

    // MARK: checks

    private func check(_ app: AppName) {
        let number = own.value.nextNumber()
        own.value.entries[app]?.awaited = number
        // The one before, of a process that is gone, may still be under way: this one comes when it has ended.
        guard own.value.entries[app]?.running == nil else { return }
        begin(number, app)
    }

    private func begin(_ number: UInt64, _ app: AppName) {
        guard let entry = own.value.entries[app] else { return }
        own.value.entries[app]?.running = number
        let isAsked = !tellsTransitions
        let started = onThread { watch in
            if isAsked { watch.look(app) }
            let outcome = watch.probes.run(entry.monitor.check.probe, of: entry.definition)
            if isAsked { watch.look(app) }
            watch.loop.post { [weak watch] in watch?.finished(number, app, outcome) }
        }
        if !started {
            loop.post { [weak self] in self?.finished(number, app, .skipped) }
        }
    }

    private func finished(_ number: UInt64, _ app: AppName, _ outcome: HealthProbes.Outcome) {
        guard own.value.entries[app]?.running == number else { return }
        own.value.entries[app]?.running = nil
        guard let awaited = own.value.entries[app]?.awaited else { return }
        guard awaited == number else { return begin(awaited, app) }
        own.value.entries[app]?.awaited = nil
        switch outcome {
        case .passed: handle(.passed, app)
        case .failed(let reason): handle(.failed(reason), app)
        case .skipped: handle(.skipped, app)
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
