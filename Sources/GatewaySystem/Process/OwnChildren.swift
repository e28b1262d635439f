internal import CLinux
internal import Glibc
internal import Synchronization

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
        var reaps = false
        var searches = false
    }

    private static let state = Mutex(State())

    /// Makes one child by a piece of work that returns its pid, and errno.
    static func add(_ make: () -> (Int32, Int32)) -> (Int32, Int32) {
        state.withLock { $0.coming += 1 }
        let (pid, code) = make()
        state.withLock { state in
            state.coming -= 1
            if pid > 0 { state.pids.insert(pid) }
            reap(&state)
        }
        return (pid, code)
    }

    /// A child that an earlier program in this process started (execve(2) keeps children): it is waited for from now on.
    public static func add(_ pid: Int32) { state.withLock { _ = $0.pids.insert(pid) } }

    static func remove(_ pid: Int32) {
        state.withLock { state in
            // One that it hid may come to light.
            if state.pids.remove(pid) != nil { reap(&state) }
        }
    }

    static var all: Set<Int32> { state.withLock { $0.pids } }

    /// Reaps the orphans that have ended, from now on each time that this is called or a known child has been reaped.
    /// Call it for every SIGCHLD. An orphan that ended behind a known child which nobody has reaped yet waits for that.
    public static func reapOrphans() {
        state.withLock { state in
            state.reaps = true
            reap(&state)
        }
    }

    /// The same, but nothing before the first call of `reapOrphans`.
    static func reapOrphansIfAllowed() { state.withLock { reap(&$0) } }

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
        state.withLock { $0.searches = done }
        return done
    }

    /// Whether orphans come to this process.
    static var getsOrphans: Bool { gwe_gets_orphans() != 0 }

    static var isSearching: Bool { state.withLock { $0.searches } }
}

extension EventLoop {
    /// Reaps orphans that come to this process and end, without a timer. SIGCHLD is blocked as by `onSignals`: call this
    /// before any other thread exists. Nothing is reaped before the first `OwnChildren.reapOrphans`, which is called once
    /// the children that an earlier program in this process had are known to it.
    public func reapOrphans() throws(SystemError) {
        try onSignals([SIGCHLD]) { _ in OwnChildren.reapOrphansIfAllowed() }
    }
}
