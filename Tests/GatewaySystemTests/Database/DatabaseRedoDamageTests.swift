import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What is told of a log that does not end as it should. A power cut leaves an end that is missing or blank, and alarms nobody;
/// anything else may be a loss of what was durable.
@Suite("A damaged log") struct DatabaseRedoDamageTests {
    private let bench: DatabaseBench
    /// The log of four records, the third of which covers several sectors, and where each ends; a header first.
    private let log: [UInt8]
    private let ends: [Int]
    private let database: [UInt8]

    init() throws {
        let bench = try DatabaseBench()
        let answers = try bench.answers([
            "write \(bench.path)", "begin", "add 1", "sh cp \(bench.redo) \(bench.folder)/1", "soft 2",
            "sh cp \(bench.redo) \(bench.folder)/2", "long 3", "sh cp \(bench.redo) \(bench.folder)/3", "add 4", "kill",
        ])
        try #require(answers.allSatisfy { $0 == "ok" }, "\(answers)")
        self.bench = bench
        log = try bench.bytes(bench.redo)
        ends = try (1...3).map { bench.byteCount("\(bench.folder)/\($0)") } + [bench.bytes(bench.redo).count]
        database = try bench.bytes(bench.path)
        try #require(ends[2] - ends[1] > 1_800 && ends.sorted() == ends, "\(ends)")
    }

    /// What a database with this log gives, to a reader and then to a writer; whether each tells of damage.
    private func opened(_ log: some Collection<UInt8>) throws -> (values: [String], isTold: Bool) {
        let scratch = TemporaryFolder()
        let path = scratch.path + "/a.db"
        try bench.write(database, to: path)
        try bench.write(log, to: path + "-redo")
        let reader = try Database(path: path, mode: .readOnly)
        let read = try bench.values(reader)
        #expect(scratch.names == ["a.db", "a.db-redo"], "a reader changes nothing")
        let writer = try Database(path: path)
        #expect(try bench.values(writer) == read)
        #expect((reader.redoNotice == nil) == (writer.redoNotice == nil))
        if let notice = writer.redoNotice {
            #expect(notice.hasPrefix("\(path)-redo is damaged; moved to \(path)-redo.broken-1. "), "\(notice)")
            #expect(scratch.bytes("a.db-redo.broken-1") == Array(log))
            #expect(scratch.bytes("a.db-redo") == nil)
        } else {
            #expect(!scratch.names.contains { $0.contains("broken") })
        }
        // Told once, and a new span works.
        let next = try Database(path: path)
        #expect(next.redoNotice == nil)
        try next.beginSpan()
        try next.execute("INSERT INTO t (v) VALUES ('next')")
        try next.endSpan()
        #expect(try bench.values(Database(path: path, mode: .readOnly)) == read + ["next"])
        return (read, writer.redoNotice != nil)
    }

    /// The values of the records that end up to here.
    private func values(_ place: Int) -> [String] {
        zip(ends, ["1", "2", "333333333", "4"]).filter { $0.0 <= place }.map(\.1)
    }

    @Test("a wrong byte, wherever it is, is told, and the file is kept; the records before it count")
    func wrong() throws {
        // The version (13 to 15) is another matter: the log may be of a newer gwe.
        for place in log.indices where !(13...15).contains(place) && (place < ends[1] + 60 || place % 97 == 0) {
            for change in [0x41, 0x01, 0xFF] as [UInt8] {
                var log = log
                log[place] ^= change
                let found = try opened(log)
                #expect(found.isTold && found.values == values(place), "\(place) \(change): \(found)")
            }
        }
    }

    @Test(
        "a log that is cut short anywhere, as by the end of a process in a write or by a power cut, is told to nobody")
    func cut() throws {
        for count in 0...log.count where count < ends[1] + 60 || count % 97 == 0 || ends.contains(count) {
            let found = try opened(log.prefix(count))
            #expect(!found.isTold && found.values == values(count), "\(count): \(found)")
        }
    }

    @Test(
        "a log whose end is blank, from a record on or from a sector on, is what a power cut leaves, and told to nobody"
    )
    func blank() throws {
        let sectors = stride(from: 512, to: log.count, by: 512)
        for place in [0] + ends + sectors {
            for extra in [0, 1, 7, 511, 8_192] {
                let found = try opened(
                    log.prefix(place) + [UInt8](repeating: 0, count: log.count - place + extra))
                #expect(!found.isTold && found.values == values(place), "\(place) \(extra): \(found)")
            }
        }
    }

    @Test("what is blank and has records behind it, and what follows the last record, is told")
    func within() throws {
        // A sector within the third record, and the header.
        for range in [1_024..<1_536, 0..<28, 0..<512, ends[0]..<ends[1]] {
            var log = log
            log.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
            let found = try opened(log)
            #expect(found.isTold && found.values == values(range.lowerBound), "\(range): \(found)")
        }
        for rest in [[1, 2, 3, 4, 5, 6, 7, 8, 9], Array("what somebody has written here".utf8), log] as [[UInt8]] {
            let found = try opened(log + rest)
            #expect(found.isTold && found.values == values(log.count), "\(rest.count): \(found)")
        }
        let found = try opened(Array("a file of somebody else, of any length".utf8))
        #expect(found.isTold && found.values == [])
    }

    @Test("a damaged log of a commit that is past is void, and told to nobody")
    func past() throws {
        let old = try bench.copy()
        #expect(try bench.values(Database(path: old)) == values(log.count))
        for place in [20, ends[0], ends[0] + 30, ends[2] - 1] {
            var log = log
            log[place] ^= 0x41
            try bench.write(log, to: old + "-redo")
            let database = try Database(path: old)
            // Of a header that is damaged nobody knows.
            #expect((database.redoNotice == nil) == (place != 20), "\(place)")
            #expect(try bench.values(database) == values(log.count))
        }
    }
}
