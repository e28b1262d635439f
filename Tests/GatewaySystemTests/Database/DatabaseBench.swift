import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A database in a folder of its own, and processes that use it (`database-peer`).
final class DatabaseBench {
    private let scratch = TemporaryFolder()
    let folder: String
    private let disk: SmallDisk?
    private var copies = 0

    var path: String { folder + "/a.db" }
    var redo: String { path + "-redo" }
    var trace: String { scratch.path + "/trace" }

    /// - Parameter size: of a disk of its own, as tmpfs has it; nil: none.
    init(disk size: String? = nil) throws {
        folder = scratch.path + "/state"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        disk = try size.map { [folder] in try SmallDisk(folder, size: $0) }
        let database = try Database(path: path)
        try database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v)")
    }

    deinit { disk?.unmount() }

    // MARK: processes

    /// What a process answers to these lines. One that was killed has answered fewer.
    /// - Parameter options: of strace(1), under which it then runs.
    func answers(_ lines: [String], strace options: [String]? = nil) throws -> [String] {
        let ran = try start(lines, strace: options).wait()
        return ran.out.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    func start(_ lines: [String], strace options: [String]? = nil, user: Int? = nil) throws -> TestProcess {
        var words = [Repository.products + "/database-peer"] + lines
        if let options { words = ["/usr/bin/strace", "-qq", "-y", "-o", trace] + options + words }
        if let user {
            // Where the build is may be closed to others.
            let copy = scratch.path + "/database-peer"
            if !FileManager.default.fileExists(atPath: copy) {
                try FileManager.default.copyItem(atPath: words[0], toPath: copy)
            }
            words[0] = copy
            words = ["setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"] + words
        }
        return try TestProcess(words[0], Array(words.dropFirst()), scratch: scratch.path)
    }

    /// Options that let system calls on the database, its rollback journal and its log fail.
    func failing(_ what: String, of suffixes: [String] = ["", "-journal", "-redo"]) -> [String] {
        let calls = String(what.prefix { $0 != ":" })
        return suffixes.flatMap { ["-P", path + $0] } + ["-e", "trace=\(calls)", "-e", "inject=\(what)"]
    }

    /// Whether a system call was made to fail in the last process under strace.
    var isHit: Bool { traced.contains { $0.contains("(INJECTED)") || $0.contains("+++ killed") } }

    /// What strace has noted of the last process.
    var traced: [String] {
        String(decoding: FileManager.default.contents(atPath: trace) ?? Data(), as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }

    /// A process that has ended in the midst of a span with these values in its log.
    func interrupted(_ lines: String...) throws {
        let answers = try answers(["write \(path)", "begin"] + lines + ["kill"])
        try #require(answers.allSatisfy { $0 == "ok" } && answers.count == lines.count + 2, "\(answers)")
        try #require(byteCount(redo) > 0)
    }

    // MARK: files

    func byteCount(_ path: String) -> Int {
        var status = stat()
        return lstat(path, &status) == 0 ? Int(status.st_size) : -1
    }

    func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    func fill() throws { try disk?.fill() }
    func unfill() { unlink(folder + "/filler") }

    func setReadOnly(_ isReadOnly: Bool) throws {
        let flags = UInt(MS_REMOUNT) | (isReadOnly ? UInt(MS_RDONLY) : 0)
        guard mount("tmpfs", folder, "tmpfs", flags, nil) == 0 else { throw TestFailure("remount: \(errno)") }
    }

    /// The files of the database as they are, in a folder of their own: what the end of a process leaves.
    func copy() throws -> String {
        copies += 1
        let folder = scratch.path + "/copy\(copies)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for suffix in ["", "-journal", "-redo"] where FileManager.default.fileExists(atPath: path + suffix) {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: folder + "/a.db" + suffix)
        }
        return folder + "/a.db"
    }

    /// All files of the folder of a database, by name.
    func files(beside path: String) throws -> [String: [UInt8]] {
        let folder = (path as NSString).deletingLastPathComponent
        var all: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            all[name] = try bytes("\(folder)/\(name)")
        }
        return all
    }

    /// What a reader finds in a copy of the files, and then whoever opens it to write, with the log and without.
    func found() throws -> [String] {
        let copy = try copy()
        let before = try files(beside: copy)
        let read = try values(Database(path: copy, mode: .readOnly))
        #expect(try files(beside: copy) == before, "a reader changes nothing")
        #expect(try values(Database(path: copy)) == read)
        unlink(copy + "-redo")
        let again = try Database(path: copy)
        #expect(try values(again) == read, "it stays so without the log")
        #expect(try again.query("PRAGMA integrity_check").first?[0].string == "ok")
        return read
    }

    func values(_ database: Database) throws -> [String] {
        try database.query("SELECT substr(v, 1, 9) FROM t ORDER BY id").map { $0[0].string ?? "\($0[0])" }
    }
}
