internal import GatewayModel
internal import GatewaySystem

/// The end of a process and of what descends from it. All with the mutex held.
///
/// A stop asks first: the stop signal goes to the leader (with `stopasgroup` to its group), and when the leader has ended,
/// to everything that is left, which then has the rest of `stopwaitsecs`. So `sh -c 'app & wait'`, whose shell passes nothing
/// on, lets its app write what it has to write. SIGKILL to the whole tree follows after `stopwaitsecs` in any case.
///
/// When the leader ends by itself, what is left is killed at once, whatever `autorestart` says: it would hold ports and
/// locks that the next start needs, and nobody waits for it. The restart comes when the last one is gone, which the kernel
/// tells; mostly nothing is left, and then there is no wait.
extension Supervisor {
    /// How long a restart waits for killed leftovers (they are in the kernel, at dead storage for one).
    private static let patienceWithKilled = Duration.seconds(2)

    /// The variable in the environment that marks a tree; of use where there are no control groups.
    static let treeVariable = "GWE_TREE"

    func treeMark(_ key: ServiceKey) -> String { "\(treeKey)/\(key)" }

    func tree(
        of definition: ServiceDefinition, leader: Int32, startTicks: UInt64, _ group: ControlGroup?
    ) -> ProcessTree {
        let name = "\(definition.key)"
        return ProcessTree(
            leader: leader, startTicks: startTicks, controlGroup: group,
            search: .init(
                variable: Supervisor.treeVariable, value: treeMark(definition.key),
                pipes: folders.realPaths(name, ".out") + folders.realPaths(name, ".err"), folder: definition.directory))
    }

    private func others(_ key: ServiceKey, _ core: borrowing Core) -> [ProcessTree] {
        core.services.compactMap { $0.key == key ? nil : $0.value.tree }
    }

    func signalStop(_ key: ServiceKey, _ core: inout Core) {
        guard let slot = core.services[key], let pid = slot.pid else { return }
        // Its leftovers are being killed.
        guard slot.leaderEnd == nil else { return }
        send(slot.startedWith.stopSignal, to: pid, wholeGroup: slot.startedWith.stopAsGroup, key, &core)
    }

    func killTree(_ key: ServiceKey, _ core: inout Core) {
        guard let slot = core.services[key], let pid = slot.pid else { return }
        core.services[key]?.leaderEnd?.isKilled = true
        slot.tree?.kill(besides: others(key, core))
        // A second time by name, to learn whether it can be killed at all.
        if slot.leaderEnd == nil { send(9, to: pid, wholeGroup: false, key, &core) }
    }

    /// The process itself has ended.
    func leaderEnded(_ key: ServiceKey, pid: Int32, _ core: inout Core) {
        guard let slot = core.services[key], slot.pid == pid, slot.leaderEnd == nil, let tree = slot.tree else {
            return
        }
        let uptime = slot.started?.duration(to: .now) ?? .zero
        let isStopping = slot.machine.state == .stopping
        let exit: ServiceExit
        do {
            exit = try ChildProcess.poll(pid, reap: false).map(ServiceExit.init) ?? .unknown
            // While it is a zombie its group's number is nobody else's. Mostly this is all there is to end.
            if !isStopping { try? ChildProcess.signal(pid, 9, wholeGroup: true) }
            _ = try? ChildProcess.poll(pid)
        } catch {
            // Another agent's child.
            exit = .unknown
        }
        let left = tree.descendants(besides: others(key, core))
        guard !left.isEmpty else { return treeEnded(key, exit, uptime: uptime, &core) }
        core.services[key]?.watch = nil
        core.services[key]?.leaderEnd = .init(exit: exit, uptime: uptime, isKilled: !isStopping)
        if isStopping {
            // With `stopasgroup` those of its group had the signal with the leader; twice means haste to many programs.
            let told = slot.startedWith.stopAsGroup ? left.filter { ProcessFacts($0)?.group == pid } : []
            ProcessTree.signal(slot.startedWith.stopSignal, to: left.filter { !told.contains($0) })
        } else {
            setTimer(nil, key, &core)
            tree.kill(besides: others(key, core))
            _ = loop.schedule(after: Supervisor.patienceWithKilled) { [weak self] in
                self?.locked { core in
                    guard core.services[key]?.pid == pid, core.services[key]?.leaderEnd != nil else { return }
                    self?.treeEnded(key, exit, uptime: uptime, &core)
                }
            }
        }
        watchTree(key, left, &core)
    }

    private func watchTree(_ key: ServiceKey, _ left: [Int32], _ core: inout Core) {
        guard let slot = core.services[key], let tree = slot.tree, let pid = slot.pid else { return }
        do {
            core.services[key]?.leaderEnd?.watch = try ProcessTreeWatch(loop: loop, tree: tree, descendants: left) {
                [weak self] in self?.locked { self?.treeChanged(key, pid: pid, &$0) }
            }
        } catch {
            // No descriptor is left: look again soon.
            _ = loop.schedule(after: .milliseconds(500)) { [weak self] in
                self?.locked { self?.treeChanged(key, pid: pid, &$0) }
            }
        }
    }

    /// Processes that a leader left behind have ended.
    private func treeChanged(_ key: ServiceKey, pid: Int32, _ core: inout Core) {
        guard let slot = core.services[key], slot.pid == pid, let end = slot.leaderEnd, let tree = slot.tree else {
            return
        }
        let left = tree.descendants(besides: others(key, core))
        guard !left.isEmpty else { return treeEnded(key, end.exit, uptime: end.uptime, &core) }
        // Others that were made meanwhile.
        if end.isKilled { tree.kill(besides: others(key, core)) }
        watchTree(key, left, &core)
    }

    /// Nothing is left, or nobody waits for it any more.
    private func treeEnded(_ key: ServiceKey, _ exit: ServiceExit, uptime: Duration, _ core: inout Core) {
        if let group = core.services[key]?.tree?.controlGroup, !group.remove() { removeLater(group, attempts: 5) }
        ended(key, exit, uptime: uptime, &core)
    }

    /// The kernel may count a process for a moment after its end. What stays longer is removed by the next start or the
    /// next agent.
    private func removeLater(_ group: ControlGroup, attempts: Int) {
        _ = loop.schedule(after: .milliseconds(100)) { [weak self] in
            if !group.remove(), attempts > 1 { self?.removeLater(group, attempts: attempts - 1) }
        }
    }

    /// Ends what is in groups of this gateway that no service has: an agent before was killed while it ended them.
    func endLeftGroups(_ core: borrowing Core) {
        let used = Set(core.services.values.compactMap { $0.tree?.controlGroup })
        for group in groups?.all ?? [] where !used.contains(group) {
            group.kill()
            if !group.remove() { removeLater(group, attempts: 5) }
        }
    }
}
