internal import CLinux
internal import Glibc

/// Which children of this process somebody waits for, so that the others, orphans that the kernel gave to it, can be reaped
/// without taking anybody's exit status. Orphans come to process 1, and to one that `becomeReaper` made a subreaper
/// (prctl(2)).
///
/// Known is a child from before it exists until it is reaped by `ChildProcess.poll` or `wait`. Children that something else
/// starts (posix_spawn(3), a library) are not known: a program that has such must not call `reapOrphans`.
public enum OwnChildren {
    private struct State {
        var pids: Set<Int32> = []
        /// Children on their way that have no number here yet.
        var coming = 0
        /// How many have ever been on their way.
        var begun = 0
        var reaps = false
        var searches = false
    }

    private static let state = Monitor(State())

    /// Makes one child by a piece of work that returns its pid, and errno.
    static func add(_ make: () -> (Int32, Int32)) -> (Int32, Int32) {
        state.update {
            $0.coming += 1
            $0.begun += 1
        }
        let (pid, code) = make()
        state.update { state in
            state.coming -= 1
            if pid > 0 { state.pids.insert(pid) }
            reap(&state)
        }
        return (pid, code)
    }

    /// A child that an earlier program in this process started (execve(2) keeps children): it is waited for from now on.
    public static func add(_ pid: Int32) { state.update { _ = $0.pids.insert(pid) } }

    static func remove(_ pid: Int32) {
        state.update { state in
            // One that it hid may come to light.
            if state.pids.remove(pid) != nil { reap(&state) }
        }
    }

    /// The processes that /proc shows, and which of them are children that somebody waits for.
    ///
    /// A child on its way, which `add` is making, is among the processes before its number is known here. Until its
    /// execve(2) it shows this program's environment and holds all that this program has open, so it could be taken for
    /// anybody's. So the list is made again when one was on its way meanwhile, and after the limit (an execve of dead
    /// storage takes as long as it likes) children of unknown number are left out.
    static func listed(within limit: Duration = .milliseconds(500)) -> (processes: [ProcessFacts], known: Set<Int32>) {
        let end = MonotonicTime.now + limit
        while true {
            let before = state.wait(atMost: MonotonicTime.now.duration(to: end)) {
                $0.coming == 0 ? ($0.begun, $0.pids) : nil
            }
            let processes = ProcessFacts.all
            let (begun, pids) = state.look { ($0.begun, $0.pids) }
            // With one that was reaped since the list was made.
            let known = pids.union(before?.1 ?? [])
            if begun == before?.0 { return (processes, known) }
            if MonotonicTime.now >= end {
                return (processes.filter { $0.parent != getpid() || known.contains($0.pid) }, known)
            }
        }
    }

    /// Reaps the orphans that have ended, from now on each time that this is called or a known child has been reaped.
    /// Call it for every SIGCHLD. An orphan that ended behind a known child which nobody has reaped yet waits for that.
    public static func reapOrphans() {
        state.update { state in
            state.reaps = true
            reap(&state)
        }
    }

    /// The same, but nothing before the first call of `reapOrphans`.
    static func reapOrphansIfAllowed() { state.update { reap(&$0) } }

    private static func reap(_ state: inout State) {
        guard state.reaps, state.coming == 0 else { return }
        while case let pid = gwe_ended_child(), pid > 0, !state.pids.contains(pid) {
            var killed: Int32 = 0
            var status: Int32 = 0
            guard gwe_wait(pid, 1, 0, &killed, &status) == 1 else { return }
        }
    }

    /// Makes orphans among the descendants of this process its children, so that they can be found (prctl(2)), and keeps
    /// note of those that programs of `ChildProcess.run` leave. For agents without control groups; before any child.
    /// - Returns: whether orphans come: false before Linux 3.4.
    @discardableResult
    public static func becomeReaper() -> Bool {
        let done = gwe_gets_orphans() != 0 || gwe_become_subreaper() == 0
        state.update { $0.searches = done }
        return done
    }

    /// Whether orphans come to this process.
    static var getsOrphans: Bool { gwe_gets_orphans() != 0 }

    static var isSearching: Bool { state.look { $0.searches } }
}

extension EventLoop {
    /// Reaps orphans that come to this process and end, without a timer. SIGCHLD is blocked as by `onSignals`: call this
    /// before any other thread exists. Nothing is reaped before the first `OwnChildren.reapOrphans`, which is called once
    /// the children that an earlier program in this process had are known to it.
    public func reapOrphans() throws(SystemError) {
        try onSignals([SIGCHLD]) { _ in OwnChildren.reapOrphansIfAllowed() }
    }
}
