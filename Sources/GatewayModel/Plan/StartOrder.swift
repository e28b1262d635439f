/// Apps ordered so that each comes after those it requires; equal choices by name, so that the order is stable.
///
/// Kahn's topological sort (A. B. Kahn, CACM 5 (11), 1962). Apps on a cycle come last and are named in `cycles`; those that
/// only require such apps come last too.
public struct StartOrder: Sendable, Hashable {
    /// All apps, each after those it requires; those that stand on a cycle, or behind one, last and by name.
    public var names: [AppName]
    /// Cycles, each beginning at its smallest name: enough of them that every app that is on any is named in one.
    public var cycles: [[AppName]]

    /// Orders the apps. What they require beyond themselves is left out.
    /// - Parameter requires: the apps that one requires.
    public init(of apps: some Sequence<AppName>, requires: (AppName) -> [AppName]) {
        let all = Set(apps)
        var pending: [AppName: Set<AppName>] = [:]
        for name in all { pending[name] = Set(requires(name)).intersection(all) }
        names = []
        while true {
            let ready = pending.filter { $0.value.isEmpty }.keys.sorted()
            if ready.isEmpty { break }
            names += ready
            for name in ready { pending[name] = nil }
            for (name, needs) in pending { pending[name] = needs.subtracting(ready) }
        }
        cycles = StartOrder.cycles(in: pending)
        names += pending.keys.sorted()
    }

    /// For each app that stands on a cycle, the shortest one that it is on; those that several share once.
    private static func cycles(in graph: [AppName: Set<AppName>]) -> [[AppName]] {
        var found: [[AppName]] = []
        var covered: Set<AppName> = []
        for start in graph.keys.sorted() where !covered.contains(start) {
            guard let cycle = shortestCycle(through: start, in: graph) else { continue }
            covered.formUnion(cycle)
            if let smallest = cycle.indices.min(by: { cycle[$0] < cycle[$1] }) {
                found.append(Array(cycle[smallest...] + cycle[..<smallest]))
            }
        }
        return found
    }

    /// By breadth-first search, which takes smaller names first; nil when the app is on none.
    private static func shortestCycle(through start: AppName, in graph: [AppName: Set<AppName>]) -> [AppName]? {
        var reachedFrom: [AppName: AppName] = [:]
        var edge = [start]
        while !edge.isEmpty {
            var next: [AppName] = []
            for name in edge {
                for required in (graph[name] ?? []).sorted() {
                    if required == start {
                        var cycle = [name]
                        while let before = reachedFrom[cycle[0]] { cycle.insert(before, at: 0) }
                        return cycle
                    }
                    guard reachedFrom[required] == nil else { continue }
                    reachedFrom[required] = name
                    next.append(required)
                }
            }
            edge = next
        }
        return nil
    }
}
