internal import GatewayModel

/// In which order services stop.
enum ServiceOrder {
    /// Waves: those first that no other service requires, and among those the highest priority number. A wave is stopped
    /// together, the next one when all of it is down. Services that require each other in a circle stop in one wave.
    static func stopping(_ definitions: [ServiceDefinition]) -> [[ServiceKey]] {
        let byName = Dictionary(definitions.map { ($0.app, $0) }, uniquingKeysWith: { first, _ in first })
        var depths: [AppName: Int] = [:]
        func depth(_ app: AppName, _ above: Set<AppName>) -> Int {
            if let known = depths[app] { return known }
            guard !above.contains(app), let definition = byName[app] else { return 0 }
            let needed = definition.requires.filter { byName[$0] != nil }
            let result = needed.map { depth($0, above.union([app])) + 1 }.max() ?? 0
            depths[app] = result
            return result
        }
        struct Rank: Hashable, Comparable {
            var depth: Int
            var priority: Int
            static func < (a: Rank, b: Rank) -> Bool { (a.depth, a.priority) < (b.depth, b.priority) }
        }
        let waves = Dictionary(grouping: definitions) { Rank(depth: depth($0.app, []), priority: $0.priority) }
        return waves.sorted { $0.key > $1.key }.map { $0.value.map(\.key).sorted() }
    }
}
