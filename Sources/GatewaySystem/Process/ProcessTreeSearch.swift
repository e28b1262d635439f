internal import Glibc

/// Finding the descendants of a process in /proc, where no cgroup holds them together.
///
/// A process is one of the tree when it started after the leader and
/// - is in the leader's session or process group (both numbers are nobody else's while a member lives), or
/// - has the tree's mark in its environment, or an output pipe of the tree open, or
/// - descends from the leader or from one of these, or
/// - is an orphan that the kernel gave to us (`OwnChildren.becomeReaper`), that nobody else claims, and whose program file
///   is in the tree's folder, or which no other tree and no program of `ChildProcess.run` can have made.
///
/// The last catches what left its session and cleared its environment. It is careful, because strangers come the same way:
/// an installer may have started a system service. Where two apps could be the parents, such a process lives on.
public enum ProcessTreeSearch {
    /// What marks a tree.
    public struct Marks: Sendable, Hashable {
        /// A variable of the environment, and its value.
        public var variable: String
        /// What the variable is set to in every process of this tree, and in no other.
        public var value: String
        /// Paths of the pipes that its processes write to.
        public var pipes: [String]
        /// Where its programs are; nil when that is not known.
        public var folder: String?
        /// Whether nobody has watched the leader's number since it ended, so that it may have been given anew: then a
        /// member of its session must show a mark too, or hold a pipe.
        public var isSessionUnsure = false

        /// Marks of a tree whose leader's number is surely its own.
        public init(variable: String, value: String, pipes: [String] = [], folder: String? = nil) {
            self.variable = variable
            self.value = value
            self.pipes = pipes
            self.folder = folder
        }
    }

    /// What a process shows of whose it is.
    enum Evidence: Sendable, Hashable {
        case ours
        case others
        case none
    }

    /// The part of the world that the decision needs.
    struct World {
        var processes: [ProcessFacts]
        var own: Int32
        /// Children that somebody waits for.
        var known: Set<Int32>
        /// Whether orphans come to us.
        var getsOrphans: Bool
        var strangers: Set<Int32>
        /// Looks at a process more closely.
        var evidence: (ProcessFacts) -> Evidence
        /// Whether an orphan without evidence runs a program of the tree's folder.
        var isProgramOfTree: (ProcessFacts) -> Bool
    }

    static func descendants(of tree: ProcessTree, besides others: [ProcessTree]) -> [Int32] {
        let folder = tree.search.folder.flatMap { path -> String? in
            let real = realpath(path, nil)
            defer { free(real) }
            return real.map { String(cString: $0) + "/" }
        }
        let (processes, known) = OwnChildren.listed()
        let world = World(
            processes: processes, own: getpid(), known: known, getsOrphans: OwnChildren.getsOrphans,
            strangers: Strangers.pids,
            evidence: { process in
                let mark = process.environment(tree.search.variable)
                if mark == tree.search.value { return .ours }
                if mark != nil { return .others }
                if process.holds(tree.search.pipes) { return .ours }
                return others.contains { process.holds($0.search.pipes) } ? .others : .none
            },
            isProgramOfTree: { process in folder.map { process.program?.hasPrefix($0) == true } ?? false })
        return descendants(of: tree, besides: others, in: world)
    }

    static func descendants(of tree: ProcessTree, besides others: [ProcessTree], in world: World) -> [Int32] {
        let byPid = Dictionary(world.processes.map { ($0.pid, $0) }, uniquingKeysWith: { first, _ in first })
        // We ourselves and those above us, should we descend from the app.
        var untouchable: Set<Int32> = [1, world.own]
        var above = byPid[world.own]?.parent ?? 0
        while above > 1, untouchable.insert(above).inserted { above = byPid[above]?.parent ?? 0 }

        // A process that has the leader's number and not its start time is a stranger, and so are its session and group.
        let isNumberOurs =
            byPid[tree.leader].map { $0.startTicks == tree.startTicks } ?? !tree.search.isSessionUnsure
        let candidates = world.processes.filter {
            $0.startTicks >= tree.startTicks && !untouchable.contains($0.pid) && $0.pid != tree.leader
        }
        let otherLeaders = Set(others.map(\.leader))
        var members: Set<Int32> = []
        var claimed: Set<Int32> = []
        for process in candidates where !world.known.contains(process.pid) {
            if isNumberOurs, process.session == tree.leader || process.group == tree.leader {
                members.insert(process.pid)
            } else if otherLeaders.contains(process.session) || otherLeaders.contains(process.pid) {
                claimed.insert(process.pid)
            } else {
                switch world.evidence(process) {
                case .ours: members.insert(process.pid)
                case .others: claimed.insert(process.pid)
                case .none: break
                }
            }
        }
        func addChildren() {
            var hasGrown = true
            while hasGrown {
                hasGrown = false
                for process in candidates where !members.contains(process.pid) && !world.known.contains(process.pid) {
                    let isChild = members.contains(process.parent) || (isNumberOurs && process.parent == tree.leader)
                    if isChild, members.insert(process.pid).inserted { hasGrown = true }
                }
            }
        }
        addChildren()
        guard world.getsOrphans else { return members.sorted() }
        for orphan in candidates where orphan.parent == world.own {
            let isFree = !members.contains(orphan.pid) && !claimed.contains(orphan.pid)
            guard isFree, !world.known.contains(orphan.pid), !world.strangers.contains(orphan.pid) else { continue }
            let isOnlyParent =
                world.strangers.isEmpty
                && others.allSatisfy { $0.controlGroup != nil || $0.startTicks > orphan.startTicks }
            if isOnlyParent || world.isProgramOfTree(orphan) { members.insert(orphan.pid) }
        }
        addChildren()
        return members.sorted()
    }
}
