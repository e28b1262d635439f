internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Starting a process, and finding one that runs already. All with the mutex held.
extension Supervisor {
    /// The variable that tells a service which one it is, as supervisord has it.
    static let nameVariable = "SUPERVISOR_PROCESS_NAME"

    func spawn(_ key: ServiceKey, _ core: inout Core) {
        guard let definition = core.services[key]?.definition else { return }
        core.services[key]?.startedWith = definition
        let tree: ProcessTree
        do {
            let user = try definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
            try openPipes(key, owner: user, &core)
            tree = try spawn(definition, user: user, core.services[key])
        } catch let error as ProcessError {
            return failed(error.description, permanent: error.isPermanent, key, &core)
        } catch {
            return failed("\(error)", permanent: false, key, &core)
        }
        core.services[key]?.adopted = false
        running(tree, since: .now, key, &core)
        handle(.spawned, key, &core)
    }

    private func failed(_ problem: String, permanent: Bool, _ key: ServiceKey, _ core: inout Core) {
        wentWrong(problem, key, &core)
        handle(.spawnFailed(permanent: permanent), key, &core)
    }

    private func spawn(_ definition: ServiceDefinition, user: UserIdentity?, _ slot: ServiceSlot?) throws -> ProcessTree
    {
        var request = SpawnRequest(
            executable: definition.command[0], arguments: Array(definition.command.dropFirst()),
            environment: environment(of: definition), directory: definition.directory)
        request.user = user
        request.umask = definition.umask
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { ChildProcess.close(descriptor) } }
        if let output = try slot?.output?.appEnd() {
            descriptors.append(output)
            request.standardOutput = output
            request.standardError = output
        }
        if let error = try slot?.errorOutput?.appEnd() {
            descriptors.append(error)
            request.standardError = error
        }
        return try spawn(request, definition)
    }

    private func environment(of definition: ServiceDefinition) -> [String: String] {
        var result = environment.merging([
            "SUPERVISOR_ENABLED": "1", Supervisor.nameVariable: definition.processName,
            "SUPERVISOR_GROUP_NAME": definition.app.text,
        ]) { $1 }
        result.merge(definition.environment) { $1 }
        // What is left of a service is found by them.
        result[Supervisor.nameVariable] = definition.processName
        result[Supervisor.treeVariable] = treeMark(definition.key)
        return result
    }

    /// Makes the record and starts the process. Without a control group when it cannot enter one, and with the record in
    /// memory when the state folder cannot take it: neither keeps an app from running.
    private func spawn(_ prepared: SpawnRequest, _ definition: ServiceDefinition) throws -> ProcessTree {
        var request = prepared
        let name = "\(definition.key)"
        var group = try? groups?.create(name)
        var isSpare = false
        while true {
            let record = try folders.createRecord(
                name, data: definition.canonicalJSON.text(), controlGroup: group, isSpare: isSpare)
            defer { ChildProcess.close(record) }
            request.record = record
            request.controlGroup = group
            do throws(ProcessError) {
                let pid = try ChildProcess.spawn(request)
                if group == nil { collectOrphans() }
                // A zombie at least until it is reaped: the facts are there.
                let start = ProcessFacts(pid, withZombies: true)?.startTicks ?? 0
                return tree(of: definition, leader: pid, startTicks: start, group)
            } catch {
                folders.remove(name, ProcessRecord.suffix)
                switch error.reason {
                case .controlGroup where group != nil:
                    group?.remove()
                    group = nil
                case .record where !isSpare:
                    isSpare = true
                default:
                    group?.remove()
                    throw error
                }
            }
        }
    }

    /// Watches a process that runs.
    private func running(_ tree: ProcessTree, since started: MonotonicTime, _ key: ServiceKey, _ core: inout Core) {
        let pid = tree.leader
        core.services[key]?.pid = pid
        core.services[key]?.tree = tree
        core.services[key]?.started = started
        core.services[key]?.isHealthy = false
        do {
            core.services[key]?.watch = try loop.onEnd(of: pid) { [weak self] in
                self?.locked { self?.leaderEnded(key, pid: pid, &$0) }
            }
        } catch {
            // Gone already, or no descriptor left: look again soon.
            watchLater(key, tree)
        }
    }

    private func watchLater(_ key: ServiceKey, _ tree: ProcessTree) {
        let pid = tree.leader
        _ = loop.schedule(after: .milliseconds(500)) { [weak self] in
            self?.locked { core in
                guard let self, let slot = core.services[key], slot.pid == pid, slot.watch == nil else { return }
                if ProcessFacts(pid) == nil {
                    self.leaderEnded(key, pid: pid, &core)
                } else {
                    self.running(tree, since: slot.started ?? .now, key, &core)
                }
            }
        }
    }

    // MARK: pipes

    private func openPipes(_ key: ServiceKey, owner: UserIdentity?, _ core: inout Core) throws(SystemError) {
        guard let definition = core.services[key]?.definition else { return }
        logs.register(definition)
        if core.services[key]?.output == nil {
            core.services[key]?.output = try folders.withPipe("\(key).out") { path throws(SystemError) in
                try LogChannel(loop: loop, scratch: scratch, ledger: logs, pipePath: path, owner: owner)
            }
        }
        core.services[key]?.output?.setDestination(definition.output, owner: owner)
        guard let errorLog = definition.errorOutput else {
            core.services[key]?.errorOutput = nil
            return
        }
        if core.services[key]?.errorOutput == nil {
            core.services[key]?.errorOutput = try folders.withPipe("\(key).err") { path throws(SystemError) in
                try LogChannel(loop: loop, scratch: scratch, ledger: logs, pipePath: path, owner: owner)
            }
        }
        core.services[key]?.errorOutput?.setDestination(errorLog, owner: owner)
    }

    /// The app has no process: its pipes go, with all that is in them already in the log.
    func closePipes(_ key: ServiceKey, _ core: inout Core) {
        core.services[key]?.output = nil
        core.services[key]?.errorOutput = nil
        for suffix in [".out", ".err", ProcessRecord.suffix] { folders.remove("\(key)", suffix) }
    }

    // MARK: adoption

    /// Takes over what a record tells of: a process that runs is watched and its output moved; what is left of one that has
    /// ended is ended. A process that this very process started (it was replaced by exec since, or holds a second
    /// supervisor) is its child still: its exit status will be known, also if it ended meanwhile.
    func adopt(_ name: String, _ core: inout Core) {
        guard let key = ServiceKey(name) else { return }
        guard let record = folders.record(name), record.isOfThisBoot, let pid = record.pid,
            let json = try? JSON.parse(record.data, source: name).json, let definition = ServiceDefinition(json: json),
            definition.key == key
        else { return folders.remove(name, ProcessRecord.suffix) }
        // A name that a forged or damaged record gives must not be any group of the machine.
        let group = record.controlGroup.flatMap { ControlGroups.isOfGateway($0) && $0.isPopulated != nil ? $0 : nil }
        var tree = tree(of: definition, leader: pid, startTicks: record.startTicks, group)
        guard let process = record.process else {
            tree.search.isSessionUnsure = true
            tree.end(within: .seconds(2))
            group?.remove()
            return folders.remove(name, ProcessRecord.suffix)
        }
        if group == nil { collectOrphans() }
        if process.parent == ProcessFacts.ownPid { OwnChildren.add(pid) }
        core.services[key] = ServiceSlot(definition)
        core.services[key]?.wanted = true
        core.services[key]?.adopted = true
        let owner = try? definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
        do { try openPipes(key, owner: owner, &core) } catch {
            wentWrong(error.description, key, &core)
        }
        let uptime = process.uptime
        running(tree, since: .now - uptime, key, &core)
        handle(.adopted(uptime: uptime), key, &core)
    }
}
