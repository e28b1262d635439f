import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@testable import GatewayAgent

/// The log beside the journal: what operators have asked for outlives the end of a pass at any moment, and what is lost of it
/// is told.
@Suite("The log of a pass") final class JournalRedoTests {
    /// Folders that must outlive the journals in them.
    private var scratches: [ScratchGateway] = []
    private let now = WallTime(milliseconds: 1_793_500_000_000)

    private func app(_ text: String = "web") throws -> AppName { try #require(AppName(text)) }

    private func made() throws -> LockedState {
        let scratch = try ScratchGateway()
        scratches.append(scratch)
        return try LockedState(context: try context(scratch), purpose: "a test")
    }

    private func context(_ scratch: ScratchGateway) throws -> GatewayContext {
        GatewayContext(folders: scratch.folders, configuration: try scratch.load(), clock: { [now] in now })
    }

    private var folders: Folders { scratches[0].folders }
    private var redo: String { folders.journalFile + "-redo" }

    private func commands(_ state: LockedState) throws -> OperatorCommands {
        OperatorCommands(context: try context(scratches[0]), journal: state.journal)
    }

    /// The journal as the end of the process leaves it now; the log with these bytes instead, or without one.
    private func crashed(_ change: (inout [UInt8]?) -> Void = { _ in }) throws -> ScratchGateway {
        let copy = try ScratchGateway()
        scratches.append(copy)
        try FileManager.default.createDirectory(atPath: copy.folders.stateFolder, withIntermediateDirectories: true)
        for suffix in ["", "-journal"] where FileManager.default.fileExists(atPath: folders.journalFile + suffix) {
            try FileManager.default.copyItem(
                atPath: folders.journalFile + suffix, toPath: copy.folders.journalFile + suffix)
        }
        var log = FileManager.default.contents(atPath: redo).map { Array($0) }
        change(&log)
        if let log { try Data(log).write(to: URL(fileURLWithPath: copy.folders.journalFile + "-redo")) }
        return copy
    }

    private func open(_ scratch: ScratchGateway) throws -> Journal {
        try Journal.open(folders: scratch.folders) { [now] in now }
    }

    private func look(_ scratch: ScratchGateway) throws -> Journal {
        let now = now
        let journal = try Journal.openReadOnly(folders: scratch.folders) { now }
        return try #require(journal)
    }

    private func holds(_ journal: Journal) throws -> [String] {
        guard let record = try journal.layer(.operatorCommand) else { return [] }
        return try OperatorLayer.stored(record.text).apps.filter(\.value.hold).map(\.key.text).sorted()
    }

    private func names(_ scratch: ScratchGateway) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: scratch.folders.stateFolder)) ?? []).sorted()
    }

    // MARK: what operators have asked for

    @Test("what an operator says while a pass runs is in the journal itself when it is told, with the log and without")
    func word() throws {
        let state = try made()
        let commands = try commands(state)
        let (app, package) = (try app(), try package())
        let words: [(String, @Sendable () throws -> Void, (OperatorEntry?) -> Bool)] = [
            ("hold", { try commands.hold(app) }, { $0?.hold == true }),
            ("unhold", { try commands.unhold(app) }, { $0 == nil }),
            ("stop", { try commands.stop(app) }, { $0?.state == .stopped }),
            ("start", { try commands.start(app) }, { $0 == nil }),
            ("install", { _ = try commands.install(tarballs: [package]) }, { $0?.release != nil }),
            ("remove", { try commands.takeBack(app, isPurge: false) }, { $0 == nil }),
        ]
        let journal = state.journal
        for (name, say, holds) in words {
            try journal.database.beginSpan()
            try journal.setValue("before", name)
            // In a daemon a request comes on a thread of its own.
            let failure = Lone()
            Thread {
                do { try say() } catch { failure.error = error }; failure.end()
            }.start()
            failure.wait()
            #expect(failure.error == nil)
            for copy in [try crashed(), try crashed { $0 = nil }] {
                for found in [try look(copy), try open(copy)] {
                    let text = try found.layer(.operatorCommand)?.text
                    let entry = try text.map { try OperatorLayer.stored($0) }?.apps[app]
                    #expect(holds(entry), "\(name): \(text ?? "")")
                    #expect(try found.value("before") == name, "what came before it in the pass is there, too")
                }
            }
            // The pass goes on, in a span.
            try journal.setValue("after", name)
            #expect(try open(try crashed { $0 = nil }).value("after") != name)
            #expect(try open(try crashed()).value("after") == name)
            try journal.database.endSpan()
            #expect(try open(try crashed { $0 = nil }).value("after") == name)
        }
    }

    private func package() throws -> String {
        let script = scratches[0].root.path + "/install"
        try scratches[0].write("#!/bin/sh\nexit 0\n", to: script)
        let file = scratches[0].root.path + "/web.v1.tar.gz"
        try TarWriter.write(
            [.init(path: "install.sh", content: .file(script), mode: 0o755)], to: file, compression: .gzip)
        return file
    }

    @Test("a word is told as accepted though the journal cannot be committed: it is durable in the log")
    func wordInLog() throws {
        let state = try made()
        let database = state.journal.database
        _ = try database.query("PRAGMA busy_timeout = 20")
        try database.beginSpan()
        // Somebody reads and does not end.
        let reader = try Reader(folders.journalFile)
        try commands(state).hold(try app())
        let copy = try crashed()
        #expect(try holds(try look(copy)) == ["web"])
        #expect(try holds(try open(copy)) == ["web"])
        #expect(try holds(try open(try crashed { $0 = nil })) == [])
        reader.end()
        try database.endSpan()
        #expect(try holds(try open(try crashed { $0 = nil })) == ["web"])
    }

    /// A process that reads the journal and does not end.
    private final class Reader {
        private let process: TestProcess
        init(_ path: String) throws {
            let script = """
                import sqlite3, sys, time
                c = sqlite3.connect(sys.argv[1], isolation_level=None)
                c.execute('BEGIN')
                c.execute('SELECT * FROM meta').fetchall()
                print('held', flush=True)
                time.sleep(1000)
                """
            let process = try TestProcess("/usr/bin/env", ["python3", "-c", script, path])
            self.process = process
            guard TestSupport.eventually({ process.out.contains("held") }) else { throw TestFailure("\(process.err)") }
        }
        func end() { process.kill() }
    }

    // MARK: a log that is damaged

    /// A journal with a hold that was committed, and another in the log.
    private func withLog(_ keys: String...) throws -> LockedState {
        let state = try made()
        try commands(state).hold(try app("committed"))
        try state.journal.database.beginSpan()
        let logged = try app("logged")
        try state.journal.changeOperatorLayer { $0.apps[logged] = OperatorEntry(hold: true) }
        for key in keys { try state.journal.setValue(key, "yes") }
        return state
    }

    /// The same, of a process that has ended, with a log that is damaged at a place.
    private func damaged(_ place: Int) throws -> ScratchGateway {
        let state = try withLog("later")
        return try withExtendedLifetime(state) { try crashed { $0?[place] ^= 0x41 } }
    }

    @Test(
        "a damaged record is told, once, and the file is kept: by a look at it, and by the next pass",
        arguments: [3, 18, 60])
    func damage(place: Int) throws {
        let copy = try damaged(place)
        let log = FileManager.default.contents(atPath: copy.folders.journalFile + "-redo")
        let seen = try look(copy)
        let told = try seen.notice() ?? ""
        #expect(told.contains("journal.db-redo is damaged"), "\(told)")
        #expect(try holds(seen) == ["committed"])
        let journal = try open(copy)
        let notice = try #require(try journal.notice())
        let aside = copy.folders.journalFile + "-redo.broken-1"
        #expect(notice.contains("is damaged") && notice.contains(aside), "\(notice)")
        #expect(FileManager.default.contents(atPath: aside) == log)
        #expect(try holds(journal) == ["committed"])
        // Kept until a pass has told it.
        #expect(try look(copy).notice() == notice)
        #expect(try open(copy).notice() == notice)
        try journal.noticeWasTold()
        #expect(try open(copy).notice() == nil)
        #expect(names(copy).filter { $0.contains(".broken-") } == ["journal.db-redo.broken-1"])
    }

    @Test("what a damaged log has lost is told beside what no pass has told yet")
    func both() throws {
        let state = try made()
        try state.journal.setValue(Journal.noticeKey, "it was rebuilt")
        try state.journal.database.beginSpan()
        try state.journal.setValue("later", "yes")
        let copy = try crashed { $0?[60] ^= 0x41 }
        for journal in [try look(copy), try open(copy)] {
            let notice = try journal.notice() ?? ""
            #expect(notice.hasPrefix("it was rebuilt; ") && notice.contains("is damaged"), "\(notice)")
        }
    }

    // MARK: a journal that is damaged

    /// A crash, and a page of a table that is overwritten.
    private func damaged(pageOf table: String) throws -> ScratchGateway {
        let scratch = try crashed()
        let path = scratch.folders.journalFile
        let page = try Database(path: path, mode: .readOnly)
            .query("SELECT rootpage FROM sqlite_schema WHERE name = ?", [.text(table)]).first?[0].int
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let start = (Int(try #require(page)) - 1) * 4_096
        bytes.replaceSubrange(start..<start + 4_096, with: [UInt8](repeating: 0x5A, count: 4_096))
        try bytes.write(to: URL(fileURLWithPath: path))
        return scratch
    }

    @Test("a damaged page of the journal that the log has to change: the log is kept beside it, and both are told")
    func page() throws {
        let state = try withLog("later")
        let scratch = try withExtendedLifetime(state) { try damaged(pageOf: "meta") }
        let path = scratch.folders.journalFile
        let log = FileManager.default.contents(atPath: path + "-redo")
        let journal = try open(scratch)
        let notice = try #require(try journal.notice())
        #expect(notice.contains("moved to \(path).broken-1"), "\(notice)")
        #expect(FileManager.default.contents(atPath: path + ".broken-1-redo") == log)
        #expect(try holds(journal) == ["committed"])
        #expect(notice.contains("\(path).broken-1-redo cannot be carried out"), "\(notice)")
    }

    @Test(
        "a damaged page of the journal that the log leaves alone: the log is carried out first, and its words are kept")
    func otherPage() throws {
        let state = try withLog()
        let scratch = try withExtendedLifetime(state) { try damaged(pageOf: "sent_report") }
        let journal = try open(scratch)
        #expect(try holds(journal) == ["committed", "logged"])
        let notice = try journal.notice() ?? ""
        #expect(notice.contains("stays in force") && !notice.contains("-redo"), "\(notice)")
    }

    // MARK: whose log it is

    @Test("two gateways that were set up alike have different journals: the log of one is void beside the other's")
    func otherGateway() throws {
        let first = try made()
        try first.journal.database.beginSpan()
        try first.journal.setValue("of", "the first")
        let log = try #require(FileManager.default.contents(atPath: redo))
        try #require(!log.isEmpty)
        let other = try ScratchGateway()
        scratches.append(other)
        _ = try LockedState(context: try context(other), purpose: "a test")
        try log.write(to: URL(fileURLWithPath: other.folders.journalFile + "-redo"))
        #expect(try look(other).value("of") == nil)
        let journal = try open(other)
        #expect(try journal.value("of") == nil && journal.notice() == nil)
        #expect(!names(other).contains { $0.contains(".broken-") })
        let ids = try scratches.prefix(2).map { scratch in
            try Database(path: scratch.folders.journalFile, mode: .readOnly).query("PRAGMA application_id")[0][0].int
                ?? 0
        }
        #expect(Set(ids).count == 2 && !ids.contains(0))
    }
}

/// What became of the work of another thread.
private final class Lone: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    var error: (any Error)?
    func end() { done.signal() }
    func wait() { done.wait() }
}
