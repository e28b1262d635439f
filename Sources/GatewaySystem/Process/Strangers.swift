internal import Glibc
internal import Synchronization

/// Orphans that came to us from programs of `ChildProcess.run`: what an installer started to stay. They belong to no app.
/// Only kept where orphans come to us and no cgroup tells whose they are (see `ProcessTreeSearch`).
enum Strangers {
    private struct State {
        /// By pid, with the start time.
        var found: [Int32: UInt64] = [:]
        var running: [Int32: UInt64] = [:]
    }

    private static let state = Lock(State())

    /// A program of `run` has been started.
    static func began(_ pid: Int32) {
        guard OwnChildren.isSearching, let facts = ProcessFacts(pid, withZombies: true) else { return }
        state.withLock { $0.running[pid] = facts.startTicks }
    }

    /// It has ended: the orphans that are there now and came after its start may be its own.
    static func ended(_ pid: Int32) {
        guard let start = state.withLock({ $0.running[pid] }) else { return }
        let now = orphans(since: start)
        state.withLock { state in
            state.running[pid] = nil
            state.found.merge(now) { $1 }
        }
    }

    /// All that live, with those that may yet be strangers while a program runs.
    static var pids: Set<Int32> {
        let (found, first) = state.withLock { ($0.found, $0.running.values.min()) }
        guard !found.isEmpty || first != nil else { return [] }
        let living = found.filter { ProcessFacts($0.key)?.startTicks == $0.value }
        state.withLock { $0.found = $0.found.filter { living[$0.key] != nil || found[$0.key] == nil } }
        return Set(living.keys).union(first.map { orphans(since: $0).keys.map { $0 } } ?? [])
    }

    private static func orphans(since start: UInt64) -> [Int32: UInt64] {
        let (processes, known) = OwnChildren.listed()
        let found = processes.filter { process in
            process.parent == getpid() && process.startTicks >= start && !known.contains(process.pid)
        }
        return Dictionary(found.map { ($0.pid, $0.startTicks) }, uniquingKeysWith: { first, _ in first })
    }
}
