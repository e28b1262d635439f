import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What a span costs, in syncs, and several threads in one.
@Suite("What a span costs") struct DatabaseSpanCostTests {
    /// The syncs that were made for each line.
    private func syncs(_ bench: DatabaseBench, _ lines: [String]) throws -> [Int] {
        let answers = try bench.answers(
            ["write \(bench.path)"] + lines,
            strace: ["-e", "trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync,write"])
        #expect(answers.allSatisfy { $0.hasPrefix("ok") } && answers.count == lines.count + 1, "\(answers)")
        var counts = [0]
        for line in bench.traced {
            if line.hasPrefix("write(1<") {
                counts.append(0)
            } else if !line.hasPrefix("write") {
                counts[counts.count - 1] += 1
            }
        }
        return Array(counts.dropFirst().prefix(lines.count))
    }

    @Test("a record that is durable costs one sync, another one none, and the end of the span those of one commit")
    func syncs() throws {
        let bench = try DatabaseBench()
        let commit = try syncs(bench, ["add 1"])[0]
        #expect(commit > 1)
        let lines = [
            "begin", "nothing", "soft 2", "nothing", "nothing", "add 3", "add 4", "soft 5", "soft 6", "add 7", "values",
            "end", "end", "begin", "soft 8", "soft 9", "end", "begin", "add 10", "end", "begin", "values", "end",
        ]
        // The file is made by the first record of all, which costs a sync of its folder.
        let expected = [
            0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, commit, 0, 0, 0, 0, commit, 0, 1, commit, 0, 0, 0,
        ]
        #expect(try syncs(bench, lines) == expected)
    }

    @Test("several threads write in one span, read, and end it, and nothing is lost or twice")
    func threads() throws {
        let bench = try DatabaseBench()
        let database = try Database(path: bench.path)
        let failures = Failures()
        DispatchQueue.concurrentPerform(iterations: 6) { thread in
            for number in 0..<40 {
                do {
                    if number % 10 == 0 { try database.beginSpan() }
                    try database.transaction(isDurable: number % 3 == 0) { c throws(DatabaseError) in
                        try c.execute("INSERT INTO t (v) VALUES (?)", [.text("\(thread)-\(number)")])
                        // What others have written meanwhile is never half there.
                        let rows = try c.query("SELECT count(*), max(id) - min(id) + 1 FROM t")
                        if rows[0][0] != rows[0][1] { failures.note("a gap: \(rows)") }
                    }
                    let own = try database.query("SELECT count(*) FROM t WHERE v LIKE ?", [.text("\(thread)-%")])
                    if own[0][0] != .integer(Int64(number + 1)) { failures.note("\(thread) finds \(own)") }
                    if number % 10 == 9 { try database.endSpan() }
                } catch {
                    failures.note("\(error)")
                }
            }
        }
        #expect(failures.all == [])
        try database.endSpan()
        let expected = Set((0..<6).flatMap { thread in (0..<40).map { "\(thread)-\($0)" } })
        let found = try bench.found()
        #expect(Set(found) == expected && found.count == 240)
    }

    private final class Failures: @unchecked Sendable {
        private let lock = NSLock()
        private var texts: [String] = []
        var all: [String] { lock.withLock { texts } }
        func note(_ text: String) { lock.withLock { texts.append(text) } }
    }
}
