import GatewayModel
import Testing

@Suite struct LogBudgetTests {
    private func log(
        _ app: String, _ sizes: [Int: Int64], path: String? = nil, backups: Bool = true, removed: Bool = false
    ) throws -> LogBudget.Log {
        LogBudget.Log(
            app: try #require(AppName(app)), path: path ?? "/\(app).log", sizes: sizes, keepsBackups: backups,
            isRemoved: removed)
    }

    @Test("which file goes next")
    func table() throws {
        let table: [(name: String, logs: [LogBudget.Log], budget: Int64, step: LogBudget.Step?)] = [
            ("nothing there", [], 0, nil),
            ("exactly the budget", [try log("a", [0: 60, 1: 40])], 100, nil),
            (
                "the oldest of the only app", [try log("a", [0: 60, 1: 40, 2: 40])], 100,
                .remove(path: "/a.log", number: 2)
            ),
            (
                "the oldest of the greediest", [try log("a", [0: 10, 1: 10]), try log("b", [0: 50, 3: 40, 7: 1])], 100,
                .remove(path: "/b.log", number: 7)
            ),
            (
                "greed counts all streams of an app",
                [
                    try log("a", [0: 50, 1: 10]), try log("b", [0: 20, 1: 20]),
                    try log("b", [0: 15, 1: 20], path: "/b.err"),
                ], 100, .remove(path: "/b.log", number: 1)
            ),
            (
                "only the file is left: half of it", [try log("a", [0: 90]), try log("b", [0: 20, 1: 10])], 100,
                .cut(path: "/a.log")
            ),
            (
                "an app without rotated files begins anew", [try log("a", [0: 101], backups: false)], 100,
                .empty(path: "/a.log")
            ),
            (
                "a removed app goes first, however small",
                [try log("a", [0: 99, 1: 99]), try log("z", [0: 1, 1: 1], removed: true)],
                100, .remove(path: "/z.log", number: 1)
            ),
            (
                "and wholly", [try log("a", [0: 100]), try log("z", [0: 1], removed: true)], 100,
                .remove(path: "/z.log", number: 0)
            ),
            ("equals: always the same one", [try log("b", [0: 60]), try log("a", [0: 60])], 100, .cut(path: "/b.log")),
            (
                "empty files are nobody's fault", [try log("a", [0: 0, 1: 0]), try log("b", [0: 101])], 100,
                .cut(path: "/b.log")
            ),
        ]
        for row in table { #expect(LogBudget.next(row.logs, budget: row.budget) == row.step, "\(row.name)") }
    }

    @Test("carrying the steps out always ends within the budget")
    func ends() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var logs: [String: LogBudget.Log] = [:]
            for app in 0..<Int.random(in: 1...6, using: &random) {
                let sizes = (0..<Int.random(in: 1...5, using: &random)).map {
                    ($0, Int64.random(in: 0...99, using: &random))
                }
                let one = try log(
                    "app\(app)", Dictionary(uniqueKeysWithValues: sizes), backups: .random(using: &random),
                    removed: .random(using: &random))
                logs[one.path] = one
            }
            let budget = Int64.random(in: 0...300, using: &random)
            var steps = 0
            while let step = LogBudget.next(Array(logs.values), budget: budget), steps < 1_000 {
                steps += 1
                switch step {
                case .remove(let path, let number): logs[path]?.sizes[number] = nil
                case .cut(let path):
                    let half = (logs[path]?.sizes[0] ?? 0) / 2
                    logs[path]?.sizes = [1: half]
                case .empty(let path): logs[path]?.sizes = [0: 0]
                }
            }
            #expect(logs.values.reduce(0) { $0 + $1.byteCount } <= budget)
        }
    }
}
