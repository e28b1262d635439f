internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Starting a process, and finding one that runs already. All with the mutex held.
extension Supervisor {
    /// The variable that tells a service which one it is, as supervisord has it.
    static let nameVariable = "SUPERVISOR_PROCESS_NAME"

    func recordPath(_ key: ServiceKey) -> String { "\(runFolder)/\(key)\(ProcessRecord.suffix)" }
    private func outputPath(_ key: ServiceKey) -> String { "\(runFolder)/\(key).out" }
    private func errorPath(_ key: ServiceKey) -> String { "\(runFolder)/\(key).err" }

    func spawn(_ key: ServiceKey, _ core: inout Core) {
        guard let definition = core.services[key]?.definition else { return }
        core.services[key]?.startedWith = definition
        let pid: Int32
        do {
            let user = try definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
            try openPipes(key, owner: user, &core)
            pid = try spawn(definition, user: user, core.services[key])
        } catch let error as ProcessError {
            return failed(error.description, permanent: error.isPermanent, key, &core)
        } catch {
            return failed("\(error)", permanent: false, key, &core)
        }
        core.services[key]?.adopted = false
        running(pid, since: .now, key, &core)
        handle(.spawned, key, &core)
    }

    private func failed(_ problem: String, permanent: Bool, _ key: ServiceKey, _ core: inout Core) {
        wentWrong(problem, key, &core)
        handle(.spawnFailed(permanent: permanent), key, &core)
    }

    private func spawn(_ definition: ServiceDefinition, user: UserIdentity?, _ slot: ServiceSlot?) throws -> Int32 {
        var request = SpawnRequest(
            executable: definition.command[0], arguments: Array(definition.command.dropFirst()),
            environment: environment,
            directory: definition.directory)
        request.environment.merge([
            "SUPERVISOR_ENABLED": "1", Supervisor.nameVariable: definition.processName,
            "SUPERVISOR_GROUP_NAME": definition.app.text,
        ]) { $1 }
        request.environment.merge(definition.environment) { $1 }
        // What is left of a service is found by it.
        request.environment[Supervisor.nameVariable] = definition.processName
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
        let path = recordPath(definition.key)
        let record = try ProcessRecord.create(path, data: definition.canonicalJSON.text())
        descriptors.append(record)
        request.record = record
        do { return try ChildProcess.spawn(request) } catch {
            ProcessRecord.remove(path)
            throw error
        }
    }

    /// Watches a process that runs.
    private func running(_ pid: Int32, since started: MonotonicTime, _ key: ServiceKey, _ core: inout Core) {
        core.services[key]?.pid = pid
        core.services[key]?.started = started
        core.services[key]?.isHealthy = false
        do {
            core.services[key]?.watch = try loop.onEnd(of: pid) { [weak self] in
                self?.locked { self?.ended(key, pid: pid, &$0) }
            }
        } catch {
            // Gone already, or no descriptor left: look again soon.
            watchLater(key, pid)
        }
    }

    private func watchLater(_ key: ServiceKey, _ pid: Int32) {
        _ = loop.schedule(after: .milliseconds(500)) { [weak self] in
            self?.locked { core in
                guard let self, let slot = core.services[key], slot.pid == pid, slot.watch == nil else { return }
                if ProcessFacts(pid) == nil {
                    self.ended(key, pid: pid, &core)
                } else {
                    self.running(pid, since: slot.started ?? .now, key, &core)
                }
            }
        }
    }

    // MARK: pipes

    private func openPipes(_ key: ServiceKey, owner: UserIdentity?, _ core: inout Core) throws(SystemError) {
        guard let definition = core.services[key]?.definition else { return }
        logs.register(definition)
        if core.services[key]?.output == nil {
            core.services[key]?.output = try LogChannel(
                loop: loop, scratch: scratch, ledger: logs, pipePath: outputPath(key), owner: owner)
        }
        core.services[key]?.output?.setDestination(definition.output, owner: owner)
        guard let errorLog = definition.errorOutput else {
            core.services[key]?.errorOutput = nil
            return
        }
        if core.services[key]?.errorOutput == nil {
            core.services[key]?.errorOutput = try LogChannel(
                loop: loop, scratch: scratch, ledger: logs, pipePath: errorPath(key), owner: owner)
        }
        core.services[key]?.errorOutput?.setDestination(errorLog, owner: owner)
    }

    /// The app has no process: its pipes go, with all that is in them already in the log.
    func closePipes(_ key: ServiceKey, _ core: inout Core) {
        core.services[key]?.output = nil
        core.services[key]?.errorOutput = nil
        ProcessRecord.remove(outputPath(key))
        ProcessRecord.remove(errorPath(key))
        ProcessRecord.remove(recordPath(key))
    }

    // MARK: adoption

    /// Takes over what a record tells of: a process that runs is watched and its output moved; what is left of one that has
    /// ended is ended.
    func adopt(_ name: String, _ core: inout Core) {
        guard let key = ServiceKey(name) else { return }
        let path = recordPath(key)
        guard let record = ProcessRecord(path), record.isOfThisBoot, let pid = record.pid,
            let json = try? JSON.parse(record.data, source: path).json, let definition = ServiceDefinition(json: json),
            definition.key == key
        else { return ProcessRecord.remove(path) }
        guard let process = record.process else {
            ChildProcess.killSession(pid, variable: Supervisor.nameVariable, value: definition.processName)
            return ProcessRecord.remove(path)
        }
        core.services[key] = ServiceSlot(definition)
        core.services[key]?.wanted = true
        core.services[key]?.adopted = true
        let owner = try? definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
        do { try openPipes(key, owner: owner, &core) } catch {
            wentWrong(error.description, key, &core)
        }
        let uptime = process.uptime
        running(pid, since: .now - uptime, key, &core)
        handle(.adopted(uptime: uptime), key, &core)
    }
}
