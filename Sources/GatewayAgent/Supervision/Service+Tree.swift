internal import GatewayModel
internal import GatewaySystem

/// The end of a process and of what descends from it. All on the loop's thread.
///
/// A stop asks first: the stop signal goes to the leader (with `stopasgroup` to its group), and when the leader has ended,
/// to everything that is left, which then has the rest of `stopwaitsecs`. So `sh -c 'app & wait'`, whose shell passes nothing
/// on, lets its app write what it has to write. Those of the tree that a signal has stopped get SIGCONT after it. SIGKILL
/// to the whole tree follows after `stopwaitsecs` in any case.
///
/// When the leader ends by itself, what is left is killed at once, whatever `autorestart` says: it would hold ports and
/// locks that the next start needs, and nobody waits for it. The restart comes when the last one is gone, which the kernel
/// tells; mostly nothing is left, and then there is no wait.
extension Service {
    /// How long a restart waits for killed leftovers (they are in the kernel, at dead storage for one).
    private static let patienceWithKilled = Duration.seconds(2)
    /// A program that puts itself in the background ends within this time.
    private static let soon = Duration.seconds(1)

    var treeMark: String { "\(supervisor.treeKey)/\(key)" }

    func tree(leader: Int32, startTicks: UInt64, _ group: ControlGroup?) -> ProcessTree {
        ProcessTree(
            leader: leader, startTicks: startTicks, controlGroup: group,
            search: .init(
                variable: Service.treeVariable, value: treeMark,
                pipes: supervisor.folders.realPaths(name, ".out") + supervisor.folders.realPaths(name, ".err"),
                folder: definition.directory))
    }

    /// The trees of all other services.
    private var others: [ProcessTree] {
        supervisor.own.value.services.values.compactMap { $0.key == key ? nil : $0.tree }
    }

    func signalStop() {
        // Its leftovers may be on their way to be killed.
        guard let pid, leaderEnd == nil else { return }
        send(startedWith.stopSignal, to: pid, wholeGroup: startedWith.stopAsGroup)
        // A process that is stopped acts on no signal before it may go on; a shell waits for its child that is.
        tree?.goOn(besides: others)
    }

    func killTree() {
        guard let pid else { return }
        leaderEnd?.isKilled = true
        tree?.kill(besides: others)
        // A second time by name, to learn whether it can be killed at all.
        if leaderEnd == nil { send(9, to: pid, wholeGroup: false) }
    }

    private func send(_ number: Int32, to pid: Int32, wholeGroup: Bool) {
        do { try ChildProcess.signal(pid, number, wholeGroup: wholeGroup) } catch {
            wentWrong(error.description)
            handle(.signalFailed)
        }
    }

    /// The process itself has ended.
    func leaderEnded(pid: Int32) {
        guard self.pid == pid, leaderEnd == nil, let tree else { return }
        let uptime = started?.duration(to: .now) ?? .zero
        let isStopping = state == .stopping
        let exit: ServiceExit
        do {
            exit = try ChildProcess.poll(pid, reap: false).map(ServiceExit.init) ?? .unknown
            let isSoon = exit == .code(0) && uptime < max(machine.rules.startSeconds, Service.soon)
            leftOthersAtOnce = isSoon && !isStopping && !tree.descendants(besides: others).isEmpty
            // While it is a zombie its group's number is nobody else's. Mostly this is all there is to end.
            if !isStopping { try? ChildProcess.signal(pid, 9, wholeGroup: true) }
            _ = try? ChildProcess.poll(pid)
        } catch {
            // Another agent's child.
            exit = .unknown
        }
        let left = tree.descendants(besides: others)
        guard !left.isEmpty else { return treeEnded(exit, uptime: uptime) }
        watch = nil
        leaderEnd = .init(exit: exit, uptime: uptime, isKilled: !isStopping)
        mark()
        if isStopping {
            // With `stopasgroup` those of its group had the signal with the leader; twice means haste to many programs.
            let told = startedWith.stopAsGroup ? left.filter { ProcessFacts($0)?.group == pid } : []
            ProcessTree.signal(startedWith.stopSignal, to: left.filter { !told.contains($0) })
            ProcessTree.goOn(left)
        } else {
            setTimer(nil)
            tree.kill(besides: others)
            _ = loop.schedule(
                after: Service.patienceWithKilled,
                handler: handler { service in
                    guard service.pid == pid, service.leaderEnd != nil else { return }
                    service.treeEnded(exit, uptime: uptime)
                })
        }
        watchTree(tree, left)
    }

    private func watchTree(_ tree: ProcessTree, _ left: [Int32]) {
        let pid = tree.leader
        let changed = handler { $0.treeChanged(pid: pid) }
        do {
            leaderEnd?.watch = try ProcessTreeWatch(loop: loop, tree: tree, descendants: left, handler: changed)
        } catch {
            // No descriptor is left: look again soon.
            _ = loop.schedule(after: .milliseconds(500), handler: changed)
        }
    }

    /// Processes that a leader left behind have ended.
    private func treeChanged(pid: Int32) {
        guard self.pid == pid, let end = leaderEnd, let tree else { return }
        let left = tree.descendants(besides: others)
        guard !left.isEmpty else { return treeEnded(end.exit, uptime: end.uptime) }
        // Others that were made meanwhile.
        if end.isKilled { tree.kill(besides: others) }
        watchTree(tree, left)
    }

    /// Nothing is left, or nobody waits for it any more.
    private func treeEnded(_ exit: ServiceExit, uptime: Duration) {
        if let group = tree?.controlGroup, !group.remove() { supervisor.removeLater(group, attempts: 5) }
        ended(exit, uptime: uptime)
    }
}
