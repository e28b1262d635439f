internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Starting a process. All on the loop's thread.
extension Service {
    /// The variable that tells a service which one it is, as supervisord has it.
    static let nameVariable = "SUPERVISOR_PROCESS_NAME"
    /// The variable that marks a tree; of use where there are no control groups.
    static let treeVariable = "GWE_TREE"

    func spawn() {
        startedWith = definition
        isPostponed = false
        let tree: ProcessTree
        do {
            let user = try definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
            try requireDescriptors()
            try openPipes(owner: user, isAdopted: false)
            tree = try spawn(user)
        } catch let error as ProcessError {
            wentWrong(error.description)
            isPostponed = error.isOfMachine
            return handle(isPostponed ? .spawnPostponed : .spawnFailed(permanent: error.isPermanent))
        } catch {
            wentWrong("\(error)")
            isPostponed = (error as? SystemError)?.isOfResources == true
            return handle(isPostponed ? .spawnPostponed : .spawnFailed(permanent: false))
        }
        isAdopted = false
        watch(tree, since: .now)
        handle(.spawned)
    }

    /// How often a start is tried again at once, 2 ms later each, while the program's file is open for writing.
    private static let mostBusy = 10
    /// What a start takes for a moment: a pipe for its outcome, /dev/null, the control group, the record, the app's ends.
    private static let descriptorsOfStart = 8

    /// Refuses a start that would take the descriptors that the agent keeps for itself, now or when the logs of what runs
    /// already are opened.
    private func requireDescriptors() throws(ProcessError) {
        let streams = definition.errorOutput == nil ? 1 : 2
        let open = [output, errorOutput].compactMap(\.self)
        // A new stream has a pipe, a log and the log's folder; the process itself is watched by one more.
        let own = 1 + 3 * max(0, streams - open.count)
        let others = supervisor.own.value.services.values.reduce(0) { $0 + $1.descriptorsToCome }
        let count = own + others + Service.descriptorsOfStart
        guard let use = DescriptorLimit.use, !use.hasRoom(for: count) else { return }
        throw ProcessError(.resources, definition.command[0], use.shortage)
    }

    /// Descriptors that its logs will take when it writes.
    var descriptorsToCome: Int { [output, errorOutput].reduce(0) { $0 + ($1?.descriptorsToCome ?? 0) } }

    private func spawn(_ user: UserIdentity?) throws -> ProcessTree {
        var request = SpawnRequest(
            executable: definition.command[0], arguments: Array(definition.command.dropFirst()),
            environment: processEnvironment(user), directory: definition.directory)
        request.user = user
        request.umask = definition.umask ?? request.umask
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

    private func processEnvironment(_ user: UserIdentity?) -> [String: String] {
        let inherited = ChildEnvironment.of(supervisor.environment, isClean: definition.hasCleanEnvironment)
        var result = inherited.merging([
            "SUPERVISOR_ENABLED": "1", "SUPERVISOR_GROUP_NAME": definition.app.text,
        ]) { $1 }
        result.merge(user?.environment ?? [:]) { $1 }
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
        var busyCount = 0
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
                case .busy where busyCount < Service.mostBusy:
                    // A child of another thread holds the file until its exec: that is over in a moment.
                    busyCount += 1
                    usleep(2_000)
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
