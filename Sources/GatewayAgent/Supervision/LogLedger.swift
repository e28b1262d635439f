internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// What the logs of all apps have grown to, and the policy they are under. Sizes are kept in memory: the folders are read
/// when the agent starts, when an app's log is first written to, and after something was trimmed. Trimming is done by the
/// loop, soon after a write that went over the budget.
final class LogLedger: Sendable {
    private struct Log {
        var app: AppName
        var files: LogFiles
        var backups: Int
        var sizes: [Int: Int64]
    }

    private struct State: Sendable {
        var logs: [String: Log] = [:]
        var byteCount: Int64 = 0
        var policy = LogPolicy()
        /// nil: nobody said yet, so nothing counts as removed.
        var installed: Set<AppName>?
        var isTrimming = false
        /// What could not be trimmed, and how large everything was then.
        var stuck: [String: Int64] = [:]
    }

    private let loop: EventLoop
    private let stateFolder: String
    private let state = Mutex(State())

    /// Looks at the logs of all apps that were ever supervised here.
    init(loop: EventLoop, stateFolder: String) {
        self.loop = loop
        self.stateFolder = stateFolder
        for index in LogIndex.all(stateFolder) { enter(index) }
    }

    var linesPerSecond: Int? { state.withLock { $0.policy.linesPerSecond } }

    /// - Parameter installed: apps whose logs are no leftovers.
    func set(_ policy: LogPolicy, installed: Set<AppName>) {
        state.withLock { state in
            state.policy = policy
            state.installed = installed
            state.stuck = [:]
            look(&state)
        }
    }

    /// The app is no longer installed; its logs stay for as long as there is room.
    func removed(_ app: AppName) { state.withLock { _ = $0.installed?.remove(app) } }

    /// The logs of an app are these from now on; what it had elsewhere is still counted as its own.
    func register(_ definition: ServiceDefinition) {
        let before = LogIndex(definition.app, stateFolder)
        var index = before ?? LogIndex(definition.app)
        index.update(definition)
        if index != before { index.publish(stateFolder) }
        enter(index)
        state.withLock { _ = $0.installed?.insert(definition.app) }
    }

    private func enter(_ index: LogIndex) {
        let user = index.user.flatMap { try? UserIdentity($0) }
        for entry in index.entries {
            let files = LogFiles(path: entry.path, owner: user)
            let known = state.withLock { state in
                guard state.logs[entry.path]?.app == index.app else { return false }
                state.logs[entry.path]?.backups = entry.backups
                state.logs[entry.path]?.files = files
                return true
            }
            if known { continue }
            let sizes = files.sizes()
            state.withLock { state in
                state.logs[entry.path] = Log(app: index.app, files: files, backups: entry.backups, sizes: sizes)
                count(&state)
                look(&state)
            }
        }
    }

    private func count(_ state: inout State) {
        state.byteCount = state.logs.values.reduce(0) { $0 + $1.sizes.values.reduce(0, +) }
    }

    /// A log was written: its size now, and the files that were rotated meanwhile.
    func moved(_ path: String, byteCount: Int64, rotated: [Int64]) {
        let (byteCount, rotated) = (LogFiles.counted(byteCount), rotated.map(LogFiles.counted))
        state.withLock { state in
            guard var log = state.logs[path] else { return }
            for size in rotated {
                let old = log.sizes.filter { $0.key > 0 }
                log.sizes = [1: size]
                // Those with a number above the limit are leftovers, and stay where they are.
                for (number, size) in old {
                    let moved = number <= log.backups ? number + 1 : number
                    if moved <= log.backups || number > log.backups { log.sizes[moved] = size }
                }
            }
            log.sizes[0] = byteCount
            let change = log.sizes.values.reduce(0, +) - (state.logs[path]?.sizes.values.reduce(0, +) ?? 0)
            state.logs[path] = log
            state.byteCount += change
            look(&state)
        }
    }

    private func look(_ state: inout State) {
        guard !state.isTrimming, let budget = state.policy.byteBudget, state.byteCount > budget else { return }
        state.isTrimming = true
        loop.post { [weak self] in self?.trim() }
    }

    // MARK: trimming

    private func trim() {
        // Each step takes at least half of a file: far fewer steps than this are needed.
        for _ in 0..<10_000 {
            let next = state.withLock { state -> (LogBudget.Step, LogFiles)? in
                guard let step = nextStep(state), let log = state.logs[step.path] else {
                    state.isTrimming = false
                    return nil
                }
                return (step, log.files)
            }
            guard let (step, files) = next else { return forgetRemoved() }
            var hasFailed = false
            do throws(LogTrouble) { try perform(step, files) } catch { hasFailed = true }
            let sizes = files.sizes()
            state.withLock { state in
                state.logs[files.path]?.sizes = sizes
                count(&state)
                // A growing log is tried again, but not at each write.
                if hasFailed { state.stuck[files.path] = state.byteCount + (1 << 20) }
            }
        }
        state.withLock { $0.isTrimming = false }
    }

    private func nextStep(_ state: State) -> LogBudget.Step? {
        guard let budget = state.policy.byteBudget, state.byteCount > budget else { return nil }
        let logs = state.logs.values.filter { (state.stuck[$0.files.path] ?? 0) <= state.byteCount }
        let spared = state.logs.values.filter { (state.stuck[$0.files.path] ?? 0) > state.byteCount }
            .reduce(Int64(0)) { $0 + $1.sizes.values.reduce(0, +) }
        return LogBudget.next(
            logs.map { log in
                LogBudget.Log(
                    app: log.app, path: log.files.path, sizes: log.sizes, keepsBackups: log.backups > 0,
                    isRemoved: state.installed.map { !$0.contains(log.app) } ?? false)
            }, budget: max(0, budget - spared))
    }

    private func perform(_ step: LogBudget.Step, _ files: LogFiles) throws(LogTrouble) {
        switch step {
        case .remove(_, let number): try files.remove(number)
        case .cut(_, let number): try files.cut(number)
        case .empty: try files.empty()
        }
    }

    /// An app that is gone and has no logs any more is nobody's business.
    private func forgetRemoved() {
        let gone = state.withLock { state -> Set<AppName> in
            guard let installed = state.installed else { return [] }
            let left = Set(state.logs.values.filter { !$0.sizes.isEmpty }.map(\.app))
            let gone = Set(state.logs.values.map(\.app)).subtracting(left).subtracting(installed)
            state.logs = state.logs.filter { !gone.contains($0.value.app) }
            return gone
        }
        for app in gone { LogIndex(app, stateFolder)?.forget(stateFolder) }
    }
}
