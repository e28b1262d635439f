internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Starting a process, and finding one that runs already. All with the mutex held.
extension Supervisor {
    /// The variable that tells a service which one it is, as supervisord has it.
    static let nameVariable = "SUPERVISOR_PROCESS_NAME"

    func recordPath(_ app: AppName) -> String { "\(runFolder)/\(app)\(ProcessRecord.suffix)" }
    private func outputPath(_ app: AppName) -> String { "\(runFolder)/\(app).out" }
    private func errorPath(_ app: AppName) -> String { "\(runFolder)/\(app).err" }

    func spawn(_ app: AppName, _ core: inout Core) {
        guard let definition = core.services[app]?.definition else { return }
        core.services[app]?.startedWith = definition
        let pid: Int32
        do {
            let user = try definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
            try openPipes(app, owner: user, &core)
            pid = try spawn(definition, user: user, core.services[app])
        } catch let error as ProcessError {
            return failed(error.description, permanent: error.isPermanent, app, &core)
        } catch {
            return failed("\(error)", permanent: false, app, &core)
        }
        core.services[app]?.adopted = false
        running(pid, since: .now, app, &core)
        handle(.spawned, app, &core)
    }

    private func failed(_ problem: String, permanent: Bool, _ app: AppName, _ core: inout Core) {
        wentWrong(problem, app, &core)
        handle(.spawnFailed(permanent: permanent), app, &core)
    }

    private func spawn(_ definition: ServiceDefinition, user: UserIdentity?, _ slot: ServiceSlot?) throws -> Int32 {
        var request = SpawnRequest(
            executable: definition.command[0], arguments: Array(definition.command.dropFirst()),
            environment: environment,
            directory: definition.directory)
        request.environment.merge([
            "SUPERVISOR_ENABLED": "1", Supervisor.nameVariable: definition.app.text,
            "SUPERVISOR_GROUP_NAME": definition.app.text,
        ]) { $1 }
        request.environment.merge(definition.environment) { $1 }
        // What is left of a service is found by it.
        request.environment[Supervisor.nameVariable] = definition.app.text
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
        let path = recordPath(definition.app)
        let record = try ProcessRecord.create(path, data: definition.canonicalJSON.text())
        descriptors.append(record)
        request.record = record
        do { return try ChildProcess.spawn(request) } catch {
            ProcessRecord.remove(path)
            throw error
        }
    }

    /// Watches a process that runs.
    private func running(_ pid: Int32, since started: MonotonicTime, _ app: AppName, _ core: inout Core) {
        core.services[app]?.pid = pid
        core.services[app]?.started = started
        do {
            core.services[app]?.watch = try loop.onEnd(of: pid) { [weak self] in
                self?.locked { self?.ended(app, pid: pid, &$0) }
            }
        } catch {
            // Gone already, or no descriptor left: look again soon.
            watchLater(app, pid)
        }
    }

    private func watchLater(_ app: AppName, _ pid: Int32) {
        _ = loop.schedule(after: .milliseconds(500)) { [weak self] in
            self?.locked { core in
                guard let self, let slot = core.services[app], slot.pid == pid, slot.watch == nil else { return }
                if ProcessFacts(pid) == nil {
                    self.ended(app, pid: pid, &core)
                } else {
                    self.running(pid, since: slot.started ?? .now, app, &core)
                }
            }
        }
    }

    // MARK: pipes

    private func openPipes(_ app: AppName, owner: UserIdentity?, _ core: inout Core) throws(SystemError) {
        guard let definition = core.services[app]?.definition else { return }
        if core.services[app]?.output == nil {
            core.services[app]?.output = try LogChannel(
                loop: loop, scratch: scratch, pipePath: outputPath(app), owner: owner)
        }
        core.services[app]?.output?.setDestination(definition.output)
        guard let errorLog = definition.errorOutput else {
            core.services[app]?.errorOutput = nil
            return
        }
        if core.services[app]?.errorOutput == nil {
            core.services[app]?.errorOutput = try LogChannel(
                loop: loop, scratch: scratch, pipePath: errorPath(app), owner: owner)
        }
        core.services[app]?.errorOutput?.setDestination(errorLog)
    }

    /// The app has no process: its pipes go, with all that is in them already in the log.
    func closePipes(_ app: AppName, _ core: inout Core) {
        core.services[app]?.output = nil
        core.services[app]?.errorOutput = nil
        ProcessRecord.remove(outputPath(app))
        ProcessRecord.remove(errorPath(app))
        ProcessRecord.remove(recordPath(app))
    }

    // MARK: adoption

    /// Takes over what a record tells of: a process that runs is watched and its output moved; what is left of one that has
    /// ended is ended.
    func adopt(_ name: String, _ core: inout Core) {
        guard let app = AppName(name) else { return }
        let path = recordPath(app)
        guard let record = ProcessRecord(path), record.isOfThisBoot, let pid = record.pid,
            let json = try? JSON.parse(record.data, source: path).json, let definition = ServiceDefinition(json: json),
            definition.app == app
        else { return ProcessRecord.remove(path) }
        guard let process = record.process else {
            ChildProcess.killSession(pid, variable: Supervisor.nameVariable, value: name)
            return ProcessRecord.remove(path)
        }
        core.services[app] = ServiceSlot(definition)
        core.services[app]?.wanted = true
        core.services[app]?.adopted = true
        let owner = try? definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
        do { try openPipes(app, owner: owner, &core) } catch {
            wentWrong(error.description, app, &core)
        }
        let uptime = process.uptime
        running(pid, since: .now - uptime, app, &core)
        handle(.adopted(uptime: uptime), app, &core)
    }
}
