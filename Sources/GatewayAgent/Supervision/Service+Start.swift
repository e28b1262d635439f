internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Starting a process. All on the loop's thread.
extension Service {
    /// The variable that tells a service which one it is, as supervisord has it.
    static let nameVariable = "SUPERVISOR_PROCESS_NAME"
    /// The variable that marks a tree; of use where there are no control groups.
    static let treeVariable = "GWE_TREE"

    func spawn() {
        startedWith = definition
        let tree: ProcessTree
        do {
            let user = try definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
            try openPipes(owner: user, isAdopted: false)
            tree = try spawn(user)
        } catch let error as ProcessError {
            return failed(error.description, isPermanent: error.isPermanent)
        } catch {
            return failed("\(error)", isPermanent: false)
        }
        isAdopted = false
        watch(tree, since: .now)
        handle(.spawned)
    }

    private func failed(_ problem: String, isPermanent: Bool) {
        wentWrong(problem)
        handle(.spawnFailed(permanent: isPermanent))
    }

    private func spawn(_ user: UserIdentity?) throws -> ProcessTree {
        var request = SpawnRequest(
            executable: definition.command[0], arguments: Array(definition.command.dropFirst()),
            environment: processEnvironment, directory: definition.directory)
        request.user = user
        request.umask = definition.umask
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { ChildProcess.close(descriptor) } }
        if let end = try output?.appEnd() {
            descriptors.append(end)
            request.standardOutput = end
            request.standardError = end
        }
        if let end = try errorOutput?.appEnd() {
            descriptors.append(end)
            request.standardError = end
        }
        return try spawn(request)
    }

    private var processEnvironment: [String: String] {
        var result = supervisor.environment.merging([
            "SUPERVISOR_ENABLED": "1", "SUPERVISOR_GROUP_NAME": definition.app.text,
        ]) { $1 }
        result.merge(definition.environment) { $1 }
        // What is left of a service is found by them.
        result[Service.nameVariable] = definition.processName
        result[Service.treeVariable] = treeMark
        return result
    }

    /// Makes the record and starts the process. Without a control group when it cannot enter one, and with the record in
    /// memory when the state folder cannot take it: neither keeps an app from running.
    private func spawn(_ prepared: SpawnRequest) throws -> ProcessTree {
        var request = prepared
        var group = try? supervisor.groups?.create(name)
        var isSpare = false
        while true {
            let record = try supervisor.folders.createRecord(
                name, data: definition.canonicalJSON.text(), controlGroup: group, isSpare: isSpare)
            defer { ChildProcess.close(record) }
            request.record = record
            request.controlGroup = group
            do throws(ProcessError) {
                let pid = try ChildProcess.spawn(request)
                if group == nil { supervisor.collectOrphans() }
                // A zombie at least until it is reaped: the facts are there.
                let start = ProcessFacts(pid, withZombies: true)?.startTicks ?? 0
                return tree(leader: pid, startTicks: start, group)
            } catch {
                supervisor.folders.remove(name, ProcessRecord.suffix)
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
    func watch(_ tree: ProcessTree, since started: MonotonicTime) {
        let pid = tree.leader
        self.pid = pid
        self.tree = tree
        self.started = started
        isHealthy = false
        mark()
        do {
            watch = try loop.onEnd(of: pid, handler: handler { $0.leaderEnded(pid: pid) })
        } catch {
            // Gone already, or no descriptor left: look again soon.
            watchLater(tree)
        }
    }

    private func watchLater(_ tree: ProcessTree) {
        let pid = tree.leader
        _ = loop.schedule(
            after: .milliseconds(500),
            handler: handler { service in
                guard service.pid == pid, service.watch == nil else { return }
                if ProcessFacts(pid) == nil {
                    service.leaderEnded(pid: pid)
                } else {
                    service.watch(tree, since: service.started ?? .now)
                }
            })
    }

    // MARK: pipes

    func openPipes(owner: UserIdentity?, isAdopted: Bool) throws(SystemError) {
        supervisor.logs.register(definition)
        output = try channel(output, ".out", definition.output, owner, isAdopted)
        errorOutput = try definition.errorOutput.map { log throws(SystemError) in
            try channel(errorOutput, ".err", log, owner, isAdopted)
        }
        mark()
    }

    private func channel(
        _ existing: LogChannel?, _ suffix: String, _ log: ServiceDefinition.Log, _ owner: UserIdentity?,
        _ isAdopted: Bool
    ) throws(SystemError) -> LogChannel {
        let channel: LogChannel
        if let existing {
            channel = existing
        } else {
            channel = try supervisor.folders.withPipe(name + suffix) { path throws(SystemError) in
                try LogChannel(
                    loop: loop, scratch: supervisor.scratch, ledger: supervisor.logs, pipePath: path, owner: owner)
            }
        }
        channel.setDestination(log, owner: owner, isAdopted: isAdopted)
        return channel
    }

    /// The app has no process: its pipes go, with all that is in them already in the log.
    func closePipes() {
        output = nil
        errorOutput = nil
        for suffix in [".out", ".err", ProcessRecord.suffix] { supervisor.folders.remove(name, suffix) }
        mark()
    }
}
