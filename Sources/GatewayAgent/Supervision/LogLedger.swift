internal import GatewayModel
internal import GatewaySystem

/// Where the logs of all apps are, what they have grown to, and the policy they are under. Where they are is published for
/// other processes (`LogIndex`). Sizes are kept in memory: the folders are read when the agent starts, when an app's log is
/// first written to, and after something was trimmed. Trimming is done by the loop, soon after a write that went over the
/// budget.
///
/// It belongs to the loop's thread; every method is called there.
final class LogLedger: Sendable {
    private struct Log: Sendable {
        var app: AppName
        var files: LogFiles
        var backups: Int
        var sizes: [Int: Int64]

        var byteCount: Int64 { sizes.values.reduce(0, +) }
    }

    private struct State: Sendable {
        /// As they are published.
        var indexes: [AppName: LogIndex] = [:]
        /// Those of `indexes` that could not be published yet.
        var unpublished: Set<AppName> = []
        /// By path.
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
    private let own: LoopOwned<State>

    /// Takes up the logs of all apps that were ever supervised here. On any thread.
    init(loop: EventLoop, stateFolder: String) {
        self.loop = loop
        self.stateFolder = stateFolder
        own = LoopOwned(State(), loop: loop)
        let indexes = LogIndex.all(stateFolder)
        loop.perform { [self] in
            for index in indexes { enter(index) }
        }
    }

    var linesPerSecond: Int? { own.value.policy.linesPerSecond }

    /// - Parameter installed: apps whose logs are no leftovers.
    func set(_ policy: LogPolicy, installed: Set<AppName>) {
        own.value.policy = policy
        own.value.installed = installed
        own.value.stuck = [:]
        trimIfNeeded()
    }

    /// The app is no longer installed; its logs stay for as long as there is room.
    func removed(_ app: AppName) { own.value.installed?.remove(app) }

    /// The logs of an app are these from now on; what it had elsewhere is still counted as its own.
    func register(_ definition: ServiceDefinition) {
        let before = own.value.indexes[definition.app]
        var index = before ?? LogIndex(definition.app)
        index.update(definition)
        if index != before || own.value.unpublished.contains(index.app) {
            let isPublished = index.publish(stateFolder)
            if isPublished { own.value.unpublished.remove(index.app) } else { own.value.unpublished.insert(index.app) }
        }
        enter(index)
        own.value.installed?.insert(definition.app)
    }

    private func enter(_ index: LogIndex) {
        own.value.indexes[index.app] = index
        let user = index.user.flatMap { try? UserIdentity($0) }
        for entry in index.entries {
            let files = LogFiles(path: entry.path, owner: user)
            if own.value.logs[entry.path]?.app == index.app {
                own.value.logs[entry.path]?.backups = entry.backups
                own.value.logs[entry.path]?.files = files
            } else {
                own.value.logs[entry.path] = Log(
                    app: index.app, files: files, backups: entry.backups, sizes: files.sizes())
                count()
                trimIfNeeded()
            }
        }
    }

    private func count() { own.value.byteCount = own.value.logs.values.reduce(0) { $0 + $1.byteCount } }

    /// A log was written: its size now, and the files that were rotated meanwhile.
    func moved(_ path: String, byteCount: Int64, rotated: [Int64]) {
        guard var log = own.value.logs[path] else { return }
        let before = log.byteCount
        for size in rotated.map(LogFiles.counted) {
            let old = log.sizes.filter { $0.key > 0 }
            log.sizes = [1: size]
            // Those with a number above the limit are leftovers, and stay where they are.
            for (number, size) in old {
                let moved = number <= log.backups ? number + 1 : number
                if moved <= log.backups || number > log.backups { log.sizes[moved] = size }
            }
        }
        log.sizes[0] = LogFiles.counted(byteCount)
        own.value.logs[path] = log
        own.value.byteCount += log.byteCount - before
        trimIfNeeded()
    }

    // MARK: trimming

    private func trimIfNeeded() {
        let state = own.value
        guard !state.isTrimming, let budget = state.policy.byteBudget, state.byteCount > budget else { return }
        own.value.isTrimming = true
        loop.post { [weak self] in self?.trim() }
    }

    private func trim() {
        defer { own.value.isTrimming = false }
        // Each step takes at least half of a file: far fewer steps than this are needed.
        for _ in 0..<10_000 {
            guard let step = nextStep, let files = own.value.logs[step.path]?.files else { return forgetRemoved() }
            var hasFailed = false
            do throws(LogTrouble) { try perform(step, files) } catch { hasFailed = true }
            own.value.logs[step.path]?.sizes = files.sizes()
            count()
            // A growing log is tried again, but not at each write.
            if hasFailed { own.value.stuck[step.path] = own.value.byteCount + (1 << 20) }
        }
    }

    private var nextStep: LogBudget.Step? {
        let state = own.value
        guard let budget = state.policy.byteBudget, state.byteCount > budget else { return nil }
        let logs = state.logs.values.filter { (state.stuck[$0.files.path] ?? 0) <= state.byteCount }
        let spared = state.logs.values.filter { (state.stuck[$0.files.path] ?? 0) > state.byteCount }
            .reduce(Int64(0)) { $0 + $1.byteCount }
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
        let state = own.value
        guard let installed = state.installed else { return }
        let left = Set(state.logs.values.filter { !$0.sizes.isEmpty }.map(\.app))
        let gone = Set(state.logs.values.map(\.app)).subtracting(left).subtracting(installed)
        own.value.logs = state.logs.filter { !gone.contains($0.value.app) }
        for app in gone {
            own.value.indexes[app]?.forget(stateFolder)
            own.value.indexes[app] = nil
        }
    }
}
