import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

@Suite struct PipeLogTests {
    /// A log and the app's end of its pipe.
    private final class Bench {
        let scratch = TemporaryFolder()
        let pipes: PipeScratch
        var log: PipeLog
        let end: Int32

        init() throws {
            pipes = try PipeScratch()
            log = try PipeLog(pipePath: scratch.path + "/pipe", owner: nil)
            end = try log.appEnd()
        }

        deinit { close(end) }

        func write(_ bytes: [UInt8]) { _ = Glibc.write(end, bytes, bytes.count) }
        func write(_ text: String) { write(Array(text.utf8)) }

        @discardableResult
        func move(all: Bool = false, lineLimit: Int = .max) -> PipeLog.Moved {
            log.move(all: all, lineLimit: lineLimit, scratch: pipes)
        }

        func read(_ name: String) -> [UInt8] {
            Array(FileManager.default.contents(atPath: scratch.path + "/" + name) ?? Data())
        }
        func text(_ name: String) -> String { String(decoding: read(name), as: UTF8.self) }
    }

    @Test("bytes of every kind arrive as they are")
    func binary() throws {
        let bench = try Bench()
        bench.log.setFile(path: bench.scratch.path + "/log", maxByteCount: 0, backups: 0)
        let bytes = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) } + [10]
        bench.write(bytes)
        bench.move()
        #expect(bench.read("log") == bytes)
    }

    @Test("a line that never ends is moved in pieces, and cut when it is a megabyte over what its file may be")
    func endless() throws {
        let bench = try Bench()
        bench.log.setFile(path: bench.scratch.path + "/log", maxByteCount: 10_000, backups: 3)
        bench.write("short\n")
        bench.move()
        let piece = [UInt8](repeating: 120, count: 100_000)
        for _ in 0..<15 {
            bench.write(piece)
            bench.move()
        }
        bench.write("\ndone\n")
        bench.move()
        #expect(bench.text("log.3") == "" && bench.text("log.2").hasSuffix("x\n") || bench.text("log.3") == "short\n")
        let all = ["log.3", "log.2", "log.1", "log"].map { bench.text($0) }
        #expect(all.joined().filter { $0 == "x" }.count == 1_500_000)
        #expect(all.allSatisfy { $0.isEmpty || $0.hasSuffix("\n") })
        #expect(all.allSatisfy { $0.utf8.count <= 10_000 + (1 << 20) + 100_001 })
        #expect(bench.text("log") == "done\n")
    }

    @Test("what comes after an unfinished last line begins on a line of its own")
    func unfinished() throws {
        let bench = try Bench()
        bench.log.setFile(path: bench.scratch.path + "/log", maxByteCount: 0, backups: 0)
        bench.write("killed in the mid")
        #expect(bench.move().left == 17)
        bench.move(all: true)
        bench.write("started again\n")
        bench.move()
        #expect(bench.text("log") == "killed in the mid\nstarted again\n")
    }

    @Test("no more lines than the limit are moved, and it is said that there are more")
    func lineLimit() throws {
        let bench = try Bench()
        bench.log.setFile(path: bench.scratch.path + "/log", maxByteCount: 0, backups: 0)
        bench.write((1...100).map { "\($0)\n" }.joined())
        var moved = bench.move(lineLimit: 40)
        #expect(moved.lineCount == 40 && moved.isLimited)
        #expect(bench.text("log").hasSuffix("\n40\n"))
        var dropped = PipeLog.Moved()
        #expect(bench.log.drop(all: false, bench.pipes, &dropped).lineCount == 60)
        bench.write("101\n102\n")
        moved = bench.move(lineLimit: 2)
        #expect(moved.lineCount == 2 && !moved.isLimited)
        #expect(bench.text("log").hasSuffix("\n40\n101\n102\n"))
    }

    @Test("a megabyte costs few writes, and a full file one more")
    func fewWrites() throws {
        let bench = try Bench()
        bench.log.setFile(path: bench.scratch.path + "/log", maxByteCount: 500_000, backups: 9)
        let lines = [UInt8]("\(String(repeating: "x", count: 99))\n".utf8)
        for _ in 0..<10 {
            for _ in 0..<1_000 { bench.write(lines) }
            bench.move()
        }
        #expect(bench.log.counts.rotations == 1)
        #expect(bench.log.counts.appends <= 12, "\(bench.log.counts)")
        #expect(bench.read("log").count + bench.read("log.1").count == 1_000_000)
    }

    // MARK: what the app's user may plant

    private func asRoot(_ mode: mode_t, owner: String?, _ body: (Bench, String, UserIdentity) throws -> Void) throws {
        try #require(geteuid() == 0, "this test needs root")
        let bench = try Bench()
        let nobody = try UserIdentity("nobody")
        chmod(bench.scratch.path, 0o755)
        let home = bench.scratch.path + "/home"
        mkdir(home, 0o755)
        chmod(home, mode)
        if let owner { chown(home, try UserIdentity(owner).uid, try UserIdentity(owner).gid) }
        try Data("secret\n".utf8).write(to: URL(fileURLWithPath: bench.scratch.path + "/secret"))
        chmod(bench.scratch.path + "/secret", 0o600)
        bench.log.setFile(path: home + "/app.log", maxByteCount: 20, backups: 2, owner: nobody)
        try body(bench, home, nobody)
        #expect(bench.text("secret") == "secret\n")
        var info = stat()
        #expect(stat(bench.scratch.path + "/secret", &info) == 0 && info.st_size == 7 && info.st_uid == 0)
    }

    @Test("in a folder of the app's user the log is made, written and rotated with that user's rights")
    func ownFolder() throws {
        try asRoot(0o755, owner: "nobody") { bench, home, nobody in
            bench.write("first line here\nsecond line here\n")
            bench.move()
            var info = stat()
            #expect(stat(home + "/app.log", &info) == 0 && info.st_uid == nobody.uid && info.st_gid == nobody.gid)
            #expect(
                bench.text("home/app.log.1") == "first line here\n"
                    && bench.text("home/app.log") == "second line here\n")
            #expect(bench.log.problem == nil)
        }
    }

    @Test(
        "a link that the app's user planted leads nowhere where he could not write himself",
        arguments: ["symbolic", "hard"])
    func plantedLink(_ kind: String) throws {
        try asRoot(0o755, owner: "nobody") { bench, home, _ in
            let secret = bench.scratch.path + "/secret"
            bench.log.setFile(path: home + "/app.log", maxByteCount: 0, backups: 2, owner: try UserIdentity("nobody"))
            if kind == "hard" { link(secret, home + "/app.log") } else { symlink(secret, home + "/app.log") }
            bench.write("owned\n")
            bench.move()
            #expect(bench.log.problem?.hasPrefix("cannot open log \(home)/app.log: permission denied (13)") == true)
            #expect(bench.log.lost == .init(lineCount: 1, byteCount: 6))
            unlink(home + "/app.log")
            bench.write("mine\n")
            bench.move()
            #expect(bench.text("home/app.log").hasSuffix(": permission denied (13)\nmine\n"))
        }
    }

    @Test("a folder that is swapped for a link to root's leads nowhere either")
    func plantedFolder() throws {
        try asRoot(0o755, owner: "nobody") { bench, home, nobody in
            bench.log.setFile(path: home + "/logs/app.log", maxByteCount: 20, backups: 2, owner: nobody)
            mkdir(bench.scratch.path + "/roots", 0o755)
            symlink("../roots", home + "/logs")
            bench.write("owned\n")
            bench.move()
            #expect(bench.log.problem?.contains("permission denied (13)") == true)
            #expect(!FileManager.default.fileExists(atPath: bench.scratch.path + "/roots/app.log"))
        }
    }

    @Test("rotation replaces a planted link and does not follow it")
    func plantedBackup() throws {
        try asRoot(0o755, owner: "nobody") { bench, home, _ in
            symlink(bench.scratch.path + "/secret", home + "/app.log.1")
            link(bench.scratch.path + "/secret", home + "/app.log.2")
            bench.write("first line here\nsecond line here\n")
            bench.move()
            #expect(bench.text("home/app.log.1") == "first line here\n")
            #expect(bench.log.problem == nil)
        }
    }

    @Test(
        "in a folder that everybody may write, no link and no stranger's file is used",
        arguments: [0o1777, 0o777, 0o775])
    func sharedFolder(_ mode: Int) throws {
        try asRoot(mode_t(mode), owner: nil) { bench, home, nobody in
            bench.log.setFile(path: home + "/app.log", maxByteCount: 0, backups: 2, owner: nobody)
            if mode == 0o775 { chown(home, 0, nobody.gid) }
            let path = home + "/app.log"
            let secret = bench.scratch.path + "/secret"
            func refusal(_ plant: () -> Void) -> String {
                plant()
                defer { unlink(path) }
                bench.write("owned\n")
                bench.move()
                return String(
                    bench.log.problem?.dropFirst("cannot open log \(path): ".count).split(separator: ";")[0] ?? "")
            }
            #expect(
                refusal {
                    symlink(secret, path)
                    lchown(path, nobody.uid, nobody.gid)
                } == "'app.log' is a symbolic link that others than root may have made")
            #expect(refusal { link(secret, path) } == "it has 2 links, and others than root may write the folder")
            #expect(refusal { mkfifo(path, 0o666) } == "nobody reads this pipe")
            #expect(
                refusal {
                    close(open(path, O_WRONLY | O_CREAT, 0o666))
                    chown(path, 12_345, 12_345)
                } == "it belongs to user 12345, and others than root may write the folder")
            bench.write("mine\n")
            bench.move()
            #expect(bench.text("home/app.log").hasSuffix("\nmine\n") && bench.log.problem == nil)
        }
    }

    @Test("links of root's in folders of root's work, for the file and on the way")
    func rootsLinks() throws {
        try asRoot(0o755, owner: nil) { bench, home, _ in
            mkdir(bench.scratch.path + "/flash", 0o755)
            rmdir(home)
            symlink("flash/log", home)
            bench.write("first line here\nsecond line here\n")
            bench.move()
            #expect(
                bench.text("flash/log/app.log.1") == "first line here\n"
                    && bench.text("flash/log/app.log") == "second line here\n")
        }
    }

    @Test("cutting and removing are no way round either")
    func trimming() throws {
        try asRoot(0o755, owner: "nobody") { bench, home, nobody in
            mkdir(bench.scratch.path + "/roots", 0o755)
            try Data("a\nb\nc\nd\n".utf8).write(to: URL(fileURLWithPath: bench.scratch.path + "/roots/app.log"))
            symlink("../roots", home + "/logs")
            let planted = LogFiles(path: home + "/logs/app.log", owner: nobody)
            #expect(throws: LogTrouble.self) { try planted.cut(0) }
            #expect(throws: LogTrouble.self) { try planted.remove(0) }
            #expect(throws: LogTrouble.self) { try planted.empty() }
            #expect(bench.text("roots/app.log") == "a\nb\nc\nd\n")
            // Root's own is cut at a line.
            let own = LogFiles(path: bench.scratch.path + "/roots/app.log", owner: nil)
            try own.cut(0)
            #expect(bench.text("roots/app.log.1") == "d\n" && own.sizes() == [1: 2])
        }
    }
}
