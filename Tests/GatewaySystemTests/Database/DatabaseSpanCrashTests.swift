import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// The end of the process at each system call of a span and of the recovery: rollback journal and log beside each other.
@Suite("Spans that are killed") struct DatabaseSpanCrashTests {
    private static let calls = ["pwrite64", "fdatasync", "ftruncate"]

    /// Kills a process at each of its calls in turn.
    /// - Parameter check: what must be so then; it is given the answers.
    private func kill(
        _ make: () throws -> DatabaseBench, _ lines: (DatabaseBench) -> [String],
        _ check: (DatabaseBench, [String]) throws -> Void
    ) throws {
        for call in Self.calls {
            for number in 1...40 {
                let bench = try make()
                let answers = try bench.answers(
                    lines(bench), strace: bench.failing("\(call):signal=KILL:when=\(number)"))
                guard bench.isHit else {
                    #expect(answers.count == lines(bench).count && number > 1, "\(call): \(answers)")
                    break
                }
                try check(bench, answers)
            }
        }
    }

    @Test("kill -9 at any call of a span and of its commit leaves what was told, once, for readers and writers")
    func commit() throws {
        var hot = 0
        try kill({ () throws in try DatabaseBench() }) { bench in
            ["write \(bench.path)", "begin", "add 1", "soft 2", "add 3", "end", "add 4"]
        } _: { bench, answers in
            #expect(answers.allSatisfy { $0 == "ok" }, "\(answers)")
            let told = min(max(answers.count - 2, 0), 3) + (answers.count == 7 ? 1 : 0)
            let found = try bench.found()
            let all = ["1", "2", "3", "4"]
            // One more than was told may have come so far.
            #expect(found == Array(all.prefix(found.count)), "\(answers) \(found)")
            #expect(found.count == told || found.count == told + 1, "\(answers) \(found)")
            if answers.count == 5 {
                #expect(found == ["1", "2", "3"])
                if bench.byteCount(bench.path + "-journal") > 0, bench.byteCount(bench.redo) > 0 { hot += 1 }
            }
        }
        #expect(hot > 3, "a rollback journal and a log beside each other")
    }

    @Test("kill -9 at any call of the recovery leaves all of it to the next one")
    func recovery() throws {
        var hot = 0
        func make() throws -> DatabaseBench {
            let bench = try DatabaseBench()
            try bench.interrupted("add 1", "soft 2", "big 3")
            return bench
        }
        try kill(make) { bench in
            ["write \(bench.path)", "values"]
        } _: { bench, answers in
            if bench.byteCount(bench.path + "-journal") > 0, bench.byteCount(bench.redo) > 0 { hot += 1 }
            let found = try bench.found()
            #expect(found == ["1", "2", "333333333"])
        }
        #expect(hot > 3)
    }

    @Test("kill -9 at any call of a recovery with a rollback journal of a commit leaves both to the next one")
    func both() throws {
        var states = 0
        func make() throws -> DatabaseBench {
            let bench = try DatabaseBench()
            let answers = try bench.answers(
                ["write \(bench.path)", "begin", "add 1", "big 2", "end"],
                strace: bench.failing("fdatasync:signal=KILL:when=1", of: [""]))
            // The database was changed, and not yet synced.
            try #require(answers.count == 4 && bench.byteCount(bench.path + "-journal") > 0, "\(answers)")
            return bench
        }
        try kill(make) { bench in
            ["write \(bench.path)", "values"]
        } _: { bench, _ in
            states += 1
            let found = try bench.found()
            #expect(found == ["1", "222222222"])
        }
        #expect(states > 5)
    }

    @Test("a rollback journal and a log that a crash has left are both seen by readers, and change by none")
    func readers() throws {
        let bench = try DatabaseBench()
        let answers = try bench.answers(
            ["write \(bench.path)", "begin", "add 1", "big 2", "end"],
            strace: bench.failing("fdatasync:signal=KILL:when=1", of: [""]))
        try #require(answers.count == 4 && bench.byteCount(bench.path + "-journal") > 0, "\(answers)")
        let before = try bench.files(beside: bench.path)
        for _ in 0..<2 {
            #expect(try bench.answers(["read \(bench.path)", "values"]) == ["ok", "ok 1,222222222"])
            let refused = try bench.answers(["read \(bench.path)", "add 3"]).last
            #expect(refused?.hasPrefix("failed: ") == true)
        }
        #expect(try bench.files(beside: bench.path) == before)
        #expect(try bench.answers(["write \(bench.path)", "values"]) == ["ok", "ok 1,222222222"])
    }
}
