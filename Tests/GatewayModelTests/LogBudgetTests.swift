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
                .cut(path: "/a.log", number: 0)
            ),
            (
                "a rotated file that is most of its log: half of it", [try log("a", [0: 30, 1: 90])], 100,
                .cut(path: "/a.log", number: 1)
            ),
            ("and where it is all of it", [try log("a", [0: 0, 1: 200])], 100, .cut(path: "/a.log", number: 1)),
            (
                "half of its log is not most of it", [try log("a", [0: 60, 1: 60])], 100,
                .remove(path: "/a.log", number: 1)
            ),
            (
                "a leftover of an app without rotated files goes whole",
                [try log("a", [0: 30, 1: 90], backups: false)],
                100, .remove(path: "/a.log", number: 1)
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
            (
                "equals: always the same one", [try log("b", [0: 60]), try log("a", [0: 60])], 100,
                .cut(path: "/b.log", number: 0)
            ),
            (
                "empty files are nobody's fault", [try log("a", [0: 0, 1: 0]), try log("b", [0: 101])], 100,
                .cut(path: "/b.log", number: 0)
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
                case .cut(let path, let number):
                    let half = (logs[path]?.sizes[number] ?? 0) / 2
                    logs[path]?.sizes[number] = nil
                    logs[path]?.sizes[max(1, number)] = half
                case .empty(let path): logs[path]?.sizes = [0: 0]
                }
            }
            #expect(logs.values.reduce(0) { $0 + $1.byteCount } <= budget)
        }
    }

    @Test("an app that wrote far more than the budget at once keeps its end, about half of the budget at least")
    func burst() throws {
        for size in [Int64(1_000_001), 2_500_000, 64_000_000, 1 << 36] {
            for written in [Int64(0), 1, 400_000] {
                var one = try log("a", [0: size])
                var steps = 0
                while let step = LogBudget.next([one], budget: 1_000_000), steps < 1_000 {
                    // What comes meanwhile goes into a new file.
                    if steps == 0 { one.sizes[0] = written }
                    steps += 1
                    guard case .cut(_, let number) = step else {
                        Issue.record("\(step) of \(one.sizes)")
                        break
                    }
                    let half = (number == 0 ? size : one.sizes[number] ?? 0) / 2
                    one.sizes[max(1, number)] = half
                }
                #expect(one.byteCount <= 1_000_000 && one.byteCount > 480_000, "\(size) \(written): \(one.sizes)")
            }
        }
    }
}
