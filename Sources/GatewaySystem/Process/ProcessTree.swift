internal import CLinux
internal import Glibc

/// One process and everything that descends from it, wherever it went.
///
/// With a control group the kernel knows them, and nothing escapes. Without one they are looked for in /proc, see
/// `ProcessTreeSearch`.
public struct ProcessTree: Sendable, Hashable {
    /// Pid of the process that everything descends from; its session and its group have the same number.
    public var leader: Int32
    /// Of the leader; see `ProcessFacts.startTicks`.
    public var startTicks: UInt64
    /// The cgroup that holds the tree; nil where there is none, and `search` has to do.
    public var controlGroup: ControlGroup?
    /// What tells the tree's processes where no cgroup does.
    public var search: ProcessTreeSearch.Marks

    /// A tree by what is known of it; nothing is looked at.
    public init(leader: Int32, startTicks: UInt64, controlGroup: ControlGroup?, search: ProcessTreeSearch.Marks) {
        self.leader = leader
        self.startTicks = startTicks
        self.controlGroup = controlGroup
        self.search = search
    }

    /// The living processes of the tree, without the leader. With a control group that is empty this costs one read.
    /// - Parameter others: trees beside it, whose processes it must not take for its own.
    public func descendants(besides others: [ProcessTree] = []) -> [Int32] {
        if let controlGroup, let isPopulated = controlGroup.isPopulated {
            guard isPopulated else { return [] }
            return controlGroup.processes.filter { $0 != leader && $0 != getpid() }
        }
        return ProcessTreeSearch.descendants(of: self, besides: others)
    }

    /// SIGKILL to the whole tree, the leader included if it runs. The processes may take a moment to end.
    public func kill(besides others: [ProcessTree] = []) {
        if let controlGroup, controlGroup.isPopulated != nil {
            controlGroup.kill()
            return killLeader()
        }
        killLeader()
        for pid in ProcessTreeSearch.descendants(of: self, besides: others) { Glibc.kill(pid, SIGKILL) }
    }

    /// The leader and its group, if the number is still its own.
    private func killLeader() {
        guard leader > 1, ProcessFacts(leader, withZombies: true)?.startTicks == startTicks else { return }
        Glibc.kill(-leader, SIGKILL)
        Glibc.kill(leader, SIGKILL)
    }

    /// Kills what is left of a tree and waits until it is gone.
    /// - Returns: false when something is still there after the timeout.
    @discardableResult
    public func end(within timeout: Duration, besides others: [ProcessTree] = []) -> Bool {
        let deadline = MonotonicTime.now + timeout
        // By pid, with the start time: one that was known by its parent alone shows nothing once that has ended, and one
        // that is ending shows nothing at all.
        var known: [Int32: UInt64] = [:]
        repeat {
            for pid in descendants(besides: others) { known[pid] = ProcessFacts(pid)?.startTicks }
            kill(besides: others)
            known = known.filter { ProcessFacts($0.key)?.startTicks == $0.value }
            guard let pid = known.keys.first ?? descendants(besides: others).first else { return true }
            let handle = gwe_pidfd_open(pid, 0)
            var waiting = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
            let left = MonotonicTime.now.duration(to: deadline)
            // Without pidfd (before Linux 5.3) it is looked at again every 10 ms.
            _ = poll(&waiting, handle >= 0 ? 1 : 0, handle >= 0 ? max(left, .zero).milliseconds : 10)
            if handle >= 0 { close(handle) }
        } while MonotonicTime.now < deadline
        return known.allSatisfy { ProcessFacts($0.key)?.startTicks != $0.value } && descendants(besides: others).isEmpty
    }

    /// Sends a signal to processes that `descendants` named.
    public static func signal(_ number: Int32, to pids: [Int32]) {
        for pid in pids where pid > 1 { Glibc.kill(pid, number) }
    }

    // MARK: stopped processes

    /// Lets those of the tree go on that a signal has stopped: any other signal that was sent to them acts only then
    /// (signal(7)).
    public func goOn(besides others: [ProcessTree] = []) { ProcessTree.goOn([leader] + descendants(besides: others)) }

    /// The same for processes that `descendants` named; those that are not stopped get no signal.
    public static func goOn(_ pids: [Int32]) { signal(SIGCONT, to: pids.filter(isStopped)) }

    /// A process of the tree that a signal has stopped, the leader before others; nil when there is none. Where there is no
    /// control group only the leader is looked at, which costs one read.
    public var stoppedProcess: Int32? {
        if let facts = ProcessFacts(leader), facts.startTicks == startTicks, facts.isStopped { return leader }
        return controlGroup?.processes.first { $0 != getpid() && ProcessTree.isStopped($0) }
    }

    private static func isStopped(_ pid: Int32) -> Bool { ProcessFacts(pid)?.isStopped == true }
}
