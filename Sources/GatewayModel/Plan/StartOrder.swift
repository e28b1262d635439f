/// Apps ordered so that each comes after those it requires; equal choices by name, so that the order is stable.
///
/// Kahn's topological sort (A. B. Kahn, CACM 5 (11), 1962). Apps on a cycle come last and are named in `cycles`.
public struct StartOrder: Sendable, Hashable {
    /// All apps, each after those it requires; those that stand on a cycle, or behind one, last and by name.
    public var names: [AppName]
    /// Each cycle once, beginning at its smallest name.
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

    private static func cycles(in graph: [AppName: Set<AppName>]) -> [[AppName]] {
        var found: [[AppName]] = []
        var seen: Set<AppName> = []
        for start in graph.keys.sorted() where !seen.contains(start) {
            var path: [AppName] = []
            var next: AppName? = start
            while let name = next, !path.contains(name), !seen.contains(name) {
                path.append(name)
                next = graph[name]?.min()
            }
            seen.formUnion(path)
            guard let name = next, let first = path.firstIndex(of: name) else { continue }
            let cycle = Array(path[first...])
            if let smallest = cycle.indices.min(by: { cycle[$0] < cycle[$1] }) {
                found.append(Array(cycle[smallest...] + cycle[..<smallest]))
            }
        }
        return found
    }
}
