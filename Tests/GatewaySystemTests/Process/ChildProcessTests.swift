import Foundation
import GatewaySystem
import TestSupport
import Testing

@Suite struct ChildProcessTests {
    private let environment = ["PATH": "/usr/bin:/bin", "COLOUR": "green"]

    private func shell(_ script: String, timeout: Duration = .seconds(60), killDelay: Duration = .seconds(30))
        throws -> ChildProcess.Completed
    {
        try ChildProcess.run(
            "/bin/sh", ["-c", script], environment: environment, timeout: timeout, killDelay: killDelay)
    }

    @Test("output and errors of a program come back together, with its exit code")
    func output() throws {
        let result = try shell("echo one; echo two >&2; exit 3")
        #expect(result.outputText == "one\ntwo\n")
        #expect(result.exit == .code(3))
        #expect(!result.timedOut && !result.succeeded)
    }

    @Test("a program that a signal ended is told from one that ended itself")
    func endedBySignal() throws {
        #expect(try shell("kill -SEGV $$").exit == .signal(11))
    }

    @Test("a child gets the given folder and environment, no more, and no descriptor but 0 to 2")
    func surroundings() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let held = open("/dev/null", O_RDONLY)  // without CLOEXEC, as a careless library would
        defer { close(held) }
        let result = try ChildProcess.run(
            "sh", ["-c", "pwd; env | cut -d= -f1 | sort | tr '\\n' ' '; ls /proc/self/fd | wc -l; cat"],
            environment: environment, directory: folder, timeout: .seconds(60))
        let lines = result.outputText.split(separator: "\n")
        #expect(lines.first.map(String.init) == folder)
        #expect(lines.last?.hasPrefix("COLOUR PATH PWD") == true, "\(lines)")
        // ls has 0, 1, 2 and the folder it reads.
        #expect(lines.last?.split(separator: " ").last == "4", "\(lines)")
    }

    @Test("signals that gwe ignores or blocks are at their defaults in a child")
    func signals() throws {
        let before = Foundation.signal(SIGPIPE, SIG_IGN)
        defer { Foundation.signal(SIGPIPE, before) }
        let result = try shell("grep -E '^Sig(Ign|Blk)' /proc/self/status")
        let masks = result.outputText.split(separator: "\n").compactMap { UInt64($0.suffix(16), radix: 16) }
        // Signals 32 and 33 are libc's own and cannot be changed through it.
        #expect(masks.count == 2 && masks.allSatisfy { $0 & ~(3 << 31) == 0 }, "\(result.outputText)")
    }

    @Test("only the last bytes of a talkative program are kept")
    func tail() throws {
        let result = try ChildProcess.run(
            "/bin/sh", ["-c", "yes filler | head -c 5000000; echo; echo the end"], environment: environment,
            timeout: .seconds(60), outputLimit: 100)
        #expect(result.output.count == 100)
        #expect(result.outputTruncated)
        #expect(result.outputText.hasSuffix("\nthe end\n"))
    }

    @Test("a program that takes too long is ended together with its children")
    func timeout() throws {
        let result = try shell("sleep 1000 & echo $!; sleep 1000", timeout: .milliseconds(300))
        #expect(result.timedOut)
        #expect(result.exit == .signal(SIGTERM))
        let grandchild = try #require(Int32(result.outputText.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(eventually { !isAlive(grandchild) })
    }

    @Test("a program that ignores SIGTERM gets SIGKILL")
    func stubborn() throws {
        let result = try shell(
            "trap '' TERM; while :; do sleep 1000; done", timeout: .milliseconds(300), killDelay: .milliseconds(300))
        #expect(result.timedOut)
        #expect(result.exit == .signal(SIGKILL))
    }

    @Test("a grandchild that keeps the output open does not delay the return")
    func grandchildHoldsPipe() throws {
        let result = try shell("sleep 1000 & echo $!")
        #expect(result.exit == .code(0) && !result.timedOut)
        let grandchild = try #require(Int32(result.outputText.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(isAlive(grandchild))
        kill(grandchild, SIGKILL)
    }

    @Test("why a program cannot start is said in words")
    func failures() throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        func file(_ name: String, _ bytes: [UInt8], mode: Int = 0o755) throws {
            let path = folder + "/" + name
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        func failure(_ command: String, directory: String? = nil) -> String {
            do {
                _ = try ChildProcess.run(
                    command, environment: environment, directory: directory ?? folder, timeout: .seconds(60))
                return "no error"
            } catch { return "\(error)" }
        }
        try file("noshebang", Array("echo hello\n".utf8))
        try file("nomode", Array("#!/bin/sh\n".utf8), mode: 0o644)
        try file("lost", Array("#!/no/such/python -u\n".utf8))
        try file("empty", [])
        var elf: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 1, 1, 1] + Array(repeating: 0, count: 45)
        elf[16] = 2
        elf[18] = 40
        try file("arm", elf)
        #expect(failure("./noshebang").hasPrefix("cannot run ./noshebang: exec format error: it is no program"))
        #expect(failure("./nomode") == "cannot run ./nomode: permission denied: the x bit is not set")
        #expect(failure("./lost") == "cannot run ./lost: its interpreter /no/such/python does not exist")
        #expect(failure("./empty") == "cannot run ./empty: exec format error: the file is empty")
        #expect(failure("./arm").hasPrefix("cannot run ./arm: exec format error: it is built for ARM, this machine is"))
        #expect(failure("./absent") == "cannot run ./absent: no such file")
        #expect(
            failure("noshebang") == "cannot run noshebang: it is not in PATH (the release has one: write ./noshebang)")
        #expect(failure("/bin/sh", directory: folder + "/x").contains("cannot enter folder \(folder)/x: no such file"))
        #expect(
            failure(folder) == "cannot run \(folder): it is a folder: " || failure(folder).contains("it is a folder"))
    }

    @Test("an unknown user is refused by name")
    func unknownUser() {
        #expect(throws: ProcessError(.user, "as user nobody-here", "there is no such user")) {
            try UserIdentity("nobody-here")
        }
    }

    @Test("a child becomes the user it shall be, with that user's groups only", .enabled(if: geteuid() == 0))
    func becomesUser() throws {
        let user = try UserIdentity("nobody")
        let result = try ChildProcess.run(
            "/bin/sh", ["-c", "id -u; id -G"], environment: environment, directory: "/", timeout: .seconds(60),
            user: user)
        #expect(result.outputText == "\(user.uid)\n\(user.gid)\n")
    }

    @Test("many children at once on many threads are each reaped by the one that started them")
    func manyThreads() async throws {
        let codes = await withTaskGroup(of: Int32.self) { group in
            for code in 0..<24 {
                group.addTask {
                    let result = try? ChildProcess.run(
                        "/bin/sh", ["-c", "exit \(code)"], environment: [:], timeout: .seconds(60))
                    guard case .code(let got)? = result?.exit else { return -1 }
                    return got
                }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted()
        }
        #expect(codes == Array(0..<24))
    }
}

/// Whether a process exists and is no zombie.
private func isAlive(_ pid: Int32) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        let bracket = stat.lastIndex(of: ")")
    else { return false }
    return !stat[bracket...].hasPrefix(") Z")
}
