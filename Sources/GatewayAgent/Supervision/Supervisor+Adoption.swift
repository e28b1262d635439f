internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// What an agent before this one left: processes that run, and what is left of those that do not. On the loop's thread.
extension Supervisor {
    /// Takes over what a record tells of: a process that runs is watched and its output moved; what is left of one that has
    /// ended is ended. A process that this very process started (it was replaced by exec since, or holds a second
    /// supervisor) is its child still: its exit status will be known, also if it ended meanwhile.
    func adopt(_ name: String) {
        guard let key = ServiceKey(name) else { return }
        guard let record = folders.record(name), record.isOfThisBoot, let pid = record.pid,
            let json = try? JSON.parse(record.data, source: name).json, let definition = ServiceDefinition(json: json),
            definition.key == key
        else { return folders.remove(name, ProcessRecord.suffix) }
        let service = Service(definition, self)
        // A name that a forged or damaged record gives must not be any group of the machine.
        let group = record.controlGroup.flatMap { ControlGroups.isOfGateway($0) && $0.isPopulated != nil ? $0 : nil }
        var tree = service.tree(leader: pid, startTicks: record.startTicks, group)
        guard let process = record.process else {
            tree.search.isSessionUnsure = true
            tree.end(within: .seconds(2))
            group?.remove()
            return folders.remove(name, ProcessRecord.suffix)
        }
        if group == nil { collectOrphans() }
        if process.parent == ProcessFacts.ownPid { OwnChildren.add(pid) }
        own.value.services[key] = service
        service.isWanted = true
        service.isAdopted = true
        let owner = try? definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
        do { try service.openPipes(owner: owner, isAdopted: true) } catch {
            service.wentWrong(error.description)
        }
        let uptime = process.uptime
        service.watch(tree, since: .now - uptime)
        service.handle(.adopted(uptime: uptime))
    }

    /// Ends what is in groups of this gateway that no service has: an agent before was killed while it ended them.
    func endLeftGroups() {
        let used = Set(own.value.services.values.compactMap { $0.tree?.controlGroup })
        for group in groups?.all ?? [] where !used.contains(group) {
            group.kill()
            if !group.remove() { removeLater(group, attempts: 5) }
        }
    }

    /// The kernel may count a process for a moment after its end. What stays longer is removed by the next start or the
    /// next agent.
    func removeLater(_ group: ControlGroup, attempts: Int) {
        _ = loop.schedule(after: .milliseconds(100)) { [weak self] in
            if !group.remove(), attempts > 1 { self?.removeLater(group, attempts: attempts - 1) }
        }
    }
}

/// What the health watch has to say. On the loop's thread.
extension Supervisor: HealthCheckedServices {
    var tellsTransitions: Bool { true }

    /// All processes of an app are as healthy as the app.
    func found(_ health: ServiceHealth, of app: AppName, pid: Int32) {
        turn {
            let services = services(of: app)
            guard services.contains(where: { $0.pid == pid }) else { return }
            for service in services { service.found(health) }
            if health == .healthy { startWaiting() }
        }
    }

    func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?) {
        turn {
            let services = services(of: app)
            guard !own.value.isShuttingDown, services.contains(where: { $0.pid == pid }) else { return }
            for service in services { service.failedHealth(reason, healthyFor: healthyFor) }
        }
    }
}
