import Documents
import Foundation
@testable import GatewayAgent
import GatewayModel
import GatewaySystem
import Testing

@Suite("The journal") final class JournalTests {
    static let goldens = ArchitectureTests.root.appendingPathComponent("Tests/Goldens/journal")

    /// Folders that must outlive the journals in them.
    private var scratches: [ScratchGateway] = []

    private let now = WallTime(milliseconds: 1_793_500_000_000)

    private func app(_ text: String) throws -> AppName { try #require(AppName(text)) }

    /// A state folder with a journal of an older version.
    private func golden(_ version: Int) throws -> ScratchGateway {
        let scratch = try ScratchGateway()
        try FileManager.default.createDirectory(
            atPath: scratch.folders.stateFolder, withIntermediateDirectories: true)
        let url = JournalTests.goldens.appendingPathComponent("version-\(version).sql")
        let database = try Database(path: scratch.folders.journalFile)
        try database.executeScript(try String(contentsOf: url, encoding: .utf8))
        return scratch
    }

    private func open(_ scratch: ScratchGateway) throws -> Journal {
        scratches.append(scratch)
        try FileManager.default.createDirectory(
            atPath: scratch.folders.stateFolder, withIntermediateDirectories: true)
        return try Journal.open(folders: scratch.folders) { [now] in now }
    }

    private func look(_ scratch: ScratchGateway) throws -> Journal? {
        try Journal.openReadOnly(folders: scratch.folders) { [now] in now }
    }

    // MARK: schema

    @Test("there is a golden file of every version")
    func goldenFiles() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: JournalTests.goldens.path)
        #expect(names.sorted() == (1...JournalSchema.version).map { "version-\($0).sql" }.sorted())
    }

    @Test("a published schema never changes: a new journal has the tables of the newest golden file")
    func schemaIsFrozen() throws {
        let schema = { (scratch: ScratchGateway) in
            try Database(path: scratch.folders.journalFile, mode: .readOnly)
                .query("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name")
                .map { row in
                    let sql = row[2].string ?? ""
                    let words = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                    return "\(row[0].string ?? "") \(row[1].string ?? ""): \(words)"
                }
        }
        let fresh = try ScratchGateway()
        _ = try open(fresh)
        let expected = try schema(try golden(JournalSchema.version))
        #expect(expected.count >= 12)
        #expect(try schema(fresh) == expected)
    }

    @Test(
        "a journal of each older version is opened, and everything in it is read", arguments: 1...JournalSchema.version)
    func older(version: Int) throws {
        let scratch = try golden(version)
        for journal in [
            try #require(try look(scratch)), try open(scratch),
        ] {
            #expect(try journal.layer(.local)?.source == "manifest.yaml")
            #expect(try journal.layer(.cloud) == nil)
            let operatorText = try #require(try journal.layer(.operatorCommand)).text
            #expect(try OperatorLayer.stored(operatorText, source: "operator").apps.count == 1)
            let named = try journal.namedApps()
            #expect(named.local == [try app("web")])
            #expect(named.cloud == [try app("tool")])
            #expect(named.operatorCommand == [try app("tool")])
            let apps = try journal.apps()
            #expect(apps[try app("web")]?.current?.installed.version.text == "2")
            #expect(apps[try app("web")]?.others.map(\.installed.version.text) == ["1"])
            #expect(apps[try app("tool")]?.current == nil)
            #expect(apps[try app("tool")]?.others.first?.state == .installing)
            #expect(try journal.unclearedCommands(resource: .engineFetch).map(\.id) == [1])
            #expect(try journal.problems().map(\.source) == ["engine_fetch"])
            #expect(try journal.fetchStatus().map(\.artifact) == ["tool.v1.tar.gz"])
            #expect(try journal.operations(limit: 9).map(\.id) == [2, 1])
            #expect(try journal.operation(1)?.1.map(\.outcome) == ["done"])
            #expect(try journal.value("update_interval") == "600")
            #expect(try OtauProgress(journal: journal)?.record.version == "9")
        }
        #expect(try Database(path: scratch.folders.journalFile, mode: .readOnly).userVersion() == JournalSchema.version)
    }

    @Test("a journal of a newer gwe is refused and left as it is")
    func newer() throws {
        let scratch = try golden(JournalSchema.version)
        try Database(path: scratch.folders.journalFile).setUserVersion(JournalSchema.version + 1)
        let before = FileManager.default.contents(atPath: scratch.folders.journalFile)
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.folders.stateFolder).sorted()
        let error = #expect(throws: JournalError.self) { _ = try open(scratch) }
        #expect(error?.description.contains("written by a newer gwe") == true)
        #expect(throws: JournalError.self) { _ = try look(scratch) }
        #expect(FileManager.default.contents(atPath: scratch.folders.journalFile) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folders.stateFolder).sorted() == names)
    }

    // MARK: damage

    @Test(
        "a journal that is no database is moved aside, with a loud notice, as often as it happens",
        arguments: [
            "", "garbage that is long enough to be a header of something else entirely, but is none at all",
        ])
    func damaged(text: String) throws {
        let scratch = try ScratchGateway()
        for number in 1...2 {
            try scratch.write(text, to: scratch.folders.journalFile)
            // What a crash of the broken one left must not be played into the new one.
            try scratch.write("left by the broken one", to: scratch.folders.journalFile + "-journal")
            let journal = try open(scratch)
            let notice = try #require(try journal.notice())
            #expect(notice.contains("moved to \(scratch.folders.journalFile).broken-\(number)"))
            #expect(try scratch.read("\(scratch.folders.journalFile).broken-\(number)") == text)
            #expect(try journal.apps().isEmpty)
        }
    }

    @Test("a journal whose pages are overwritten is rebuilt too")
    func overwritten() throws {
        let scratch = try golden(1)
        let handle = try #require(FileHandle(forUpdatingAtPath: scratch.folders.journalFile))
        let size = try handle.seekToEnd()
        try handle.seek(toOffset: 4_096)
        try handle.write(contentsOf: Data(repeating: 0x5A, count: Int(size) - 4_096))
        try handle.close()
        let notice = try open(scratch).notice()
        #expect(notice?.contains("rebuilt from the release folders") == true)
    }

    @Test("a journal that cannot be opened is no reason to rebuild")
    func unopenable() throws {
        let scratch = try ScratchGateway()
        try FileManager.default.createDirectory(
            atPath: scratch.folders.journalFile + "/x", withIntermediateDirectories: true)
        let error = #expect(throws: JournalError.self) { _ = try open(scratch) }
        #expect(error?.isUnwritable == true)
    }

    @Test("looking makes no file, and no journal is nil")
    func readOnly() throws {
        let scratch = try ScratchGateway()
        #expect(try look(scratch) == nil)
        #expect(try scratch.everything().isEmpty)
        let written = try golden(1)
        let before = try FileManager.default.contentsOfDirectory(atPath: written.folders.stateFolder)
        let journal = try #require(try look(written))
        #expect(try journal.apps().count == 2)
        #expect(try FileManager.default.contentsOfDirectory(atPath: written.folders.stateFolder) == before)
    }

    // MARK: what is kept

    @Test("a command is one until its clear is acknowledged; then the same text is another")
    func commands() throws {
        let journal = try open(try ScratchGateway())
        let insert = { [now] in
            try journal.write { [now] (c: inout DatabaseConnection) throws(DatabaseError) in
                try c.insertCommand(resource: "engine_fetch", text: "x", isCleared: false, at: now)
            }
        }
        let first = try insert()
        #expect(try journal.unclearedCommands(resource: .engineFetch).map(\.text) == ["x"])
        #expect(try journal.unclearedCommands(resource: .configOtau).isEmpty)
        try journal.markCleared(resource: .engineFetch)
        #expect(try journal.unclearedCommands(resource: .engineFetch).isEmpty)
        #expect(try insert() > first)
    }

    @Test("the same rejected input is news once, another one again, and good input ends it")
    func problems() throws {
        let journal = try open(try ScratchGateway())
        #expect(try journal.reportProblem(source: "a", digest: "1", message: "m"))
        #expect(try !journal.reportProblem(source: "a", digest: "1", message: "m"))
        #expect(try journal.reportProblem(source: "b", digest: "1", message: "m"))
        #expect(try journal.reportProblem(source: "a", digest: "2", message: "n"))
        #expect(try journal.problems().map(\.message) == ["n", "m"])
        #expect(try journal.clearProblem(source: "a"))
        #expect(try !journal.clearProblem(source: "a"))
        #expect(try journal.reportProblem(source: "a", digest: "2", message: "n"))
    }

    @Test("a failed transaction leaves nothing")
    func rollback() throws {
        let journal = try open(try ScratchGateway())
        #expect(throws: JournalError.self) {
            try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
                try c.setValue("half", "done")
                try c.execute("INSERT INTO no_such_table VALUES (1)")
            }
        }
        #expect(try journal.value("half") == nil)
    }

    @Test("a pass closes what a crash left open, and the oldest passes are forgotten")
    func operations() throws {
        let journal = try open(try golden(1))
        let first = try journal.beginOperation(reason: "test", bootID: "b")
        #expect(try journal.operation(2)?.0.outcome == "interrupted")
        #expect(try journal.operation(2)?.1.map(\.outcome) == ["interrupted"])
        try journal.finishOperation(first, outcome: "converged", summary: "s")
        #expect(try journal.operation(first)?.0.outcome == "converged")
        for _ in 0..<Journal.keptOperations { _ = try journal.beginOperation(reason: "more", bootID: "b") }
        #expect(try journal.operations(limit: 1_000).count == Journal.keptOperations)
        #expect(try journal.operation(1) == nil)
    }

    @Test("old passes are forgotten before all together have too many steps; the latest one stays whole")
    func steps() throws {
        let journal = try open(try ScratchGateway())
        let tool = try app("tool")
        func pass(_ stepCount: Int64) throws -> Int64 {
            let id = try journal.beginOperation(reason: "test", bootID: "b")
            try journal.write { [now] (c: inout DatabaseConnection) throws(DatabaseError) in
                for _ in 0..<stepCount { try c.startStep(.download, of: tool, operation: id, at: now) }
            }
            return id
        }
        let small = try pass(10)
        let large = try pass(Journal.keptSteps + 1)
        #expect(try journal.operation(small)?.1.count == 10)
        _ = try pass(1)
        #expect(try journal.operation(small) == nil)
        #expect(try journal.operation(large)?.1.count == Int(Journal.keptSteps) + 1)
        _ = try pass(Journal.keptSteps)
        _ = try pass(0)
        #expect(try journal.operation(large) == nil)
    }

    @Test(
        "attempts are counted per wish; failures wait longer and longer, and a clock that is set back does not wait more"
    )
    func attempts() throws {
        let journal = try open(try ScratchGateway())
        let tool = try app("tool")
        let wish = ReleaseWish(version: try #require(Version("1")), location: .content("tool.v1.tar.gz"))
        var waits: [Duration] = []
        for failures in 1...4 {
            try journal.write { [now] (c: inout DatabaseConnection) throws(DatabaseError) in
                try c.countAttempt(tool, wish, at: now)
                try c.recordFailure(tool, error: "e\(failures)") { now.advanced(by: RetryDelay.after(failures: $0)) }
            }
            let found = try #require(try journal.quarantines(wishes: [tool: wish])[tool])
            #expect(found.attempts == failures)
            #expect(found.lastError == "e\(failures)")
            waits.append(found.remaining)
        }
        #expect(waits == [.zero, .zero, .seconds(8 * 3_600), .seconds(12 * 3_600)])
        // Another wish starts anew, and is not what failed.
        let other = ReleaseWish(version: try #require(Version("2")), location: .content("tool.v2.tar.gz"))
        #expect(try journal.quarantines(wishes: [tool: other]).isEmpty)
        try journal.write { [now] (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.countAttempt(tool, other, at: now)
        }
        #expect(try journal.quarantines(wishes: [tool: other]).isEmpty)
    }
}
