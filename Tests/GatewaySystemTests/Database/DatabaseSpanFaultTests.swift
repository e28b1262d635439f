import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Spans on a disk that fails. What was told to be there is there, once, whatever fails; what failed says why.
@Suite("Spans on a disk that fails") struct DatabaseSpanFaultTests {
    // MARK: the log

    @Test(
        "a sync of the log that fails is told, and the log is not trusted again: the next transaction commits first",
        arguments: [("EIO", "input/output error"), ("ENOSPC", "is full"), ("EDQUOT", "quota")])
    func sync(error: String, words: String) throws {
        for number in 1...4 {
            let bench = try DatabaseBench()
            let lines = ["write \(bench.path)", "begin", "add 1", "soft 2", "add 3", "soft 4", "add 5", "add 6"]
            var options = bench.failing("fdatasync:error=\(error):when=\(number)", of: ["-redo"])
            options += ["-P", bench.path, "-e", "trace=fdatasync,pwrite64"]
            let answers = try bench.answers(lines + ["kill"], strace: options)
            try #require(bench.isHit && answers.count == lines.count, "\(answers)")
            let told = zip(lines, answers).filter { $0.1 == "ok" }.compactMap { value($0.0) }
            #expect(answers.count { $0.contains(words) && $0.contains(bench.folder) } == 1, "\(answers)")
            #expect(told.count == 5, "one has failed, and the span went on: \(answers)")
            #expect(try bench.found() == told)
            // Between the sync that failed and the next record the database was committed.
            let rest = bench.traced.drop { !$0.contains("INJECTED") }.dropFirst()
            let record = rest.firstIndex { $0.hasPrefix("pwrite64") && $0.contains("-redo>") } ?? rest.endIndex
            let isCommitted = rest[..<record].contains { $0.hasPrefix("fdatasync") && $0.contains("a.db>") }
            #expect(isCommitted || number == 4, "\(number): \(rest)")
        }
    }

    @Test("where neither the log nor the database can be synced, each write fails with words, and what was told stays")
    func nothing() throws {
        let bench = try DatabaseBench()
        // One sync of the log is good.
        let answers = try bench.answers(
            ["write \(bench.path)", "begin", "add 1", "add 2", "soft 3", "nothing", "add 4", "values", "end", "kill"],
            strace: bench.failing("fdatasync:error=EIO:when=2+"))
        try #require(answers.count == 9, "\(answers)")
        #expect(answers[2] == "ok" && answers[7] == "ok 1", "\(answers)")
        #expect((answers[3...6] + [answers[8]]).allSatisfy { $0.contains("input/output error") }, "\(answers)")
        #expect(try bench.found() == ["1"])
    }

    @Test("a log that cannot be written is told, leaves nothing of the record, and the span goes on", arguments: 1...3)
    func write(number: Int) throws {
        let bench = try DatabaseBench()
        let lines = ["write \(bench.path)", "begin", "add 1", "add 2", "add 3", "values", "end"]
        let answers = try bench.answers(
            lines, strace: bench.failing("pwrite64:error=ENOSPC:when=\(number)", of: ["-redo"]))
        #expect(bench.isHit)
        let told = zip(lines, answers).filter { $0.1 == "ok" }.compactMap { value($0.0) }
        #expect(told.count == 2, "\(answers)")
        #expect(answers[1 + number].contains("is full"), "\(answers)")
        #expect(answers[5] == "ok " + told.joined(separator: ","), "\(answers)")
        #expect(try bench.found() == told)
    }

    @Test("a log that may not grow any more (ulimit -f) is told, and nothing is lost")
    func limit() throws {
        let bench = try DatabaseBench()
        let lines = ["write \(bench.path)", "begin", "add 1", "limit 65536"] + (2...6).map { "big \($0)" }
        let answers = try bench.answers(lines + ["add 7", "kill"])
        #expect(answers.contains { $0.contains("may not grow") }, "\(answers)")
        #expect(answers.last == "ok", "\(answers)")
        let told = zip(lines + ["add 7"], answers).filter { $0.1 == "ok" }.compactMap { value($0.0) }
        #expect(told.count < 7)
        #expect(try bench.found() == told.map { $0.count > 1 ? String($0.prefix(9)) : $0 })
    }

    @Test("on a full disk a record fails, and with space the span goes on", .enabled(if: getuid() == 0))
    func full() throws {
        let bench = try DatabaseBench(disk: "1m")
        let fill = "sh dd if=/dev/zero of=\(bench.folder)/filler bs=4k 2> /dev/null; true"
        let answers = try bench.answers([
            "write \(bench.path)", "begin", "add 1", fill, "big 2", "values", "sh rm \(bench.folder)/filler", "add 3",
            "values", fill, "end", "values", "sh rm \(bench.folder)/filler", "add 4", "end", "values",
        ])
        #expect(answers[4].contains("is full"), "\(answers)")
        #expect(answers[5] == "ok 1", "\(answers)")
        #expect(answers[8] == "ok 1,3", "\(answers)")
        #expect(answers[10].contains("is full"), "\(answers)")
        #expect(answers[11] == "ok 1,3", "\(answers)")
        #expect(answers[14...] == ["ok", "ok 1,3,4"], "\(answers)")
        #expect(try bench.found() == ["1", "3", "4"])
        #expect(bench.byteCount(bench.redo) == 0)
    }

    // MARK: the commit

    /// A span one of whose calls fails, and what is seen of it, by others too.
    private func ends(_ bench: DatabaseBench, failing what: String) throws -> Bool {
        var reads = 0
        func read() -> String {
            reads += 1
            return
                "sh '\(Repository.products)/database-peer' 'read \(bench.path)' values > \(bench.folder)/read\(reads)"
        }
        let lines = [
            "write \(bench.path)", "begin", "add 1", "soft 2", "end", read(), "values", "begin", "add 3", read(), "end",
            "values", read(), "end", "values", read(),
        ]
        let answers = try bench.answers(lines, strace: bench.failing(what, of: ["", "-journal"]))
        try #require(answers.count == lines.count, "\(answers)")
        var told: [String] = []
        reads = 0
        for (line, answer) in zip(lines, answers) {
            if answer == "ok", let value = value(line) { told.append(value) }
            if line == "values" { #expect(answer == "ok " + told.joined(separator: ","), "\(what): \(answers)") }
            if line.hasPrefix("sh") {
                reads += 1
                let seen = try String(contentsOfFile: bench.folder + "/read\(reads)", encoding: .utf8)
                #expect(seen == "ok\nok \(told.joined(separator: ","))\n", "\(what): \(answers)")
            }
            #expect(!answer.contains("COMMIT") && !answer.contains("INSERT"), "\(what): \(answers)")
        }
        #expect(
            answers.count { $0.hasPrefix("failed") } <= 1 && answers[13...] == ["ok", answers[14], "ok"], "\(answers)")
        #expect(try bench.found() == told, "\(what)")
        #expect(bench.byteCount(bench.redo) == 0, "\(what)")
        return bench.isHit
    }

    @Test(
        "a commit at the end of a span that fails, in any of its calls, is made later, once, and readers see all of it",
        arguments: ["fdatasync:error=EIO", "pwrite64:error=ENOSPC", "pwrite64:error=EIO", "ftruncate:error=EIO"])
    func commit(what: String) throws {
        var hits = 0
        for number in 1...80 {
            guard try ends(try DatabaseBench(), failing: "\(what):when=\(number)") else { break }
            hits += 1
        }
        #expect(hits > (what.hasPrefix("ftruncate") ? 0 : 4), "\(what)")
        #expect(hits < 80)
    }

    @Test("a commit that others keep from taking place, by reading, is made when they have ended")
    func busy() throws {
        let bench = try DatabaseBench()
        let hold = """
            sh '\(Repository.products)/database-peer' 'read \(bench.path)' 'sql BEGIN' values 'sh touch \(bench.folder)/held' \
            'wait \(bench.folder)/go' values > \(bench.folder)/reader & true
            """
        let answers = try bench.answers([
            "write \(bench.path)", hold, "wait \(bench.folder)/held", "begin", "add 1", "end", "values", "add 2", "end",
            "sh '\(Repository.products)/database-peer' 'read \(bench.path)' values > \(bench.folder)/second",
            "sh touch \(bench.folder)/go", "values", "add 3",
        ])
        try #require(answers.count == 13, "\(answers)")
        #expect(answers[5].contains("locked") && answers[8].contains("locked"), "\(answers)")
        #expect(answers[6] == "ok 1" && answers[11] == "ok 1,2" && answers[12] == "ok", "\(answers)")
        let second = try String(contentsOfFile: bench.folder + "/second", encoding: .utf8)
        #expect(second == "ok\nok 1,2\n", "nobody is kept from reading by a commit that could not be made")
        #expect(try bench.found() == ["1", "2", "3"])
        let isOver = TestSupport.eventually {
            (try? String(contentsOfFile: bench.folder + "/reader", encoding: .utf8))?.count { $0 == "\n" } == 6
        }
        #expect(isOver)
        let seen = try String(contentsOfFile: bench.folder + "/reader", encoding: .utf8)
        #expect(seen == "ok\nok\nok \nok\nok\nok \n", "one state for as long as it reads")
    }

    @Test(
        "a commit that was told to have failed and took effect keeps the log until another one says that it is durable")
    func doubtful() throws {
        // The last sync of a commit is that of the rollback journal, which is empty by then.
        let probe = try DatabaseBench()
        _ = try probe.answers(
            ["write \(probe.path)", "begin", "add 1", "end"],
            strace: probe.failing("fdatasync:error=EIO:when=99", of: ["", "-journal"]))
        let count = probe.traced.count
        try #require(count > 2, "\(probe.traced)")
        let bench = try DatabaseBench()
        let answers = try bench.answers(
            ["write \(bench.path)", "begin", "add 1", "end", "values", "add 2", "end", "kill"],
            strace: bench.failing("fdatasync:error=EIO:when=\(count)+", of: ["", "-journal"]))
        #expect(answers.count == 7 && answers[3].contains("input/output error"), "\(answers)")
        // A power cut may bring the journal back: without the log nothing would be known of 1.
        #expect(bench.byteCount(bench.redo) > 0, "\(answers)")
        #expect(try bench.found() == ["1"])
        // With a disk that is well again.
        #expect(try bench.answers(["write \(bench.path)", "add 3", "values"]).last == "ok 1,3")
    }

    // MARK: the span goes on

    @Test("what SQLite has given up within a span is made again from the log, for reads and for writes")
    func restored() throws {
        var failures = 0
        for number in 1...30 {
            let bench = try DatabaseBench()
            let lines =
                ["write \(bench.path)"] + (1...8).map { "big \($0)" } + [
                    "sql PRAGMA cache_size = 1", "begin", "add 9", "soft 10",
                    "query SELECT count(v), sum(length(v)) FROM t",
                    "add 11", "values", "add 12", "values", "end",
                ]
            let answers = try bench.answers(lines, strace: bench.failing("pread64:error=EIO:when=\(number)", of: [""]))
            guard bench.isHit else { break }
            // Before the span a failed line is told and that is that.
            guard answers.prefix(11).allSatisfy({ $0 == "ok" }), answers.count == lines.count else { continue }
            if answers.contains(where: { $0.hasPrefix("failed") }) { failures += 1 }
            let told = zip(lines, answers).filter { $0.1 == "ok" }.compactMap { value($0.0) }
            let all = told.map { String($0.prefix(9)) }
            #expect(answers[17] == "ok " + all.joined(separator: ","), "\(number): \(answers)")
            #expect(try bench.found() == all, "\(number): \(answers)")
        }
        #expect(failures > 0, "no call of the span was reached")
    }

    @Test(
        "a log that somebody has cut meanwhile is not taken for all of the span: that is told, and nothing is committed"
    )
    func shrunk() throws {
        let bench = try DatabaseBench()
        let answers = try bench.answers(
            [
                "write \(bench.path)", "begin", "add 1", "add 2", "end", "sh truncate -s -1 \(bench.redo)", "values",
                "add 3",
                "end",
            ], strace: bench.failing("fdatasync:error=EIO:when=1", of: ["", "-journal"]))
        try #require(answers.count == 9 && answers[4].hasPrefix("failed"), "\(answers)")
        #expect(answers[6...].allSatisfy { $0.contains(bench.redo) && $0.hasPrefix("failed") }, "\(answers)")
        #expect(try bench.found() == ["1"])
    }

    /// What a line adds.
    private func value(_ line: String) -> String? {
        let words = line.split(separator: " ").map(String.init)
        switch words.first {
        case "add", "soft": return words[1]
        case "big": return String(repeating: words[1], count: 9)
        default: return nil
        }
    }
}
