import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A log that cannot be written: the app goes on, the status says why, and the log goes on when it can.
@Suite struct SupervisionLogTroubleTests {
    struct Trouble: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What the status says, after "cannot … log PATH: ".
        var words: String
        var path = "log/web.log"
        var make: @Sendable (String) throws -> Void
        var heal: @Sendable (String) throws -> Void
    }

    private static func run(_ script: String, _ folder: String) throws {
        try TestProcess.shell(script, folder)
    }

    static let troubles: [Trouble] = [
        Trouble(
            testDescription: "the log is a directory", words: "is a directory (21)",
            make: { try run("mkdir -p $1/log/web.log", $0) }, heal: { try run("rmdir $1/log/web.log", $0) }),
        Trouble(
            testDescription: "the file system is read-only", words: "read-only file system (30)",
            make: { try run("mkdir $1/log; mount -t tmpfs -o ro none $1/log", $0) },
            heal: { try run("mount -o remount,rw $1/log", $0) }),
        Trouble(
            testDescription: "the disk is full", words: "no space left on device (28)",
            make: {
                try run(
                    "mkdir $1/log; mount -t tmpfs -o size=128k none $1/log; head -c 99999 /dev/zero >$1/log/big", $0)
            }, heal: { try run("rm $1/log/big", $0) }),
        Trouble(
            testDescription: "a device is full", words: "no space left on device (28)", path: "log/full",
            make: { try run("mkdir $1/log; mknod $1/log/full c 1 7", $0) },
            heal: { try run("rm $1/log/full", $0) }),
        Trouble(
            testDescription: "the log is a pipe that nobody reads", words: "nobody reads this pipe", path: "log/pipe",
            make: { try run("mkdir $1/log; mkfifo $1/log/pipe", $0) },
            heal: { try run("rm $1/log/pipe", $0) }),
        Trouble(
            testDescription: "the folder is a file", words: "not a directory (20)",
            make: { try run("touch $1/log", $0) }, heal: { try run("rm $1/log", $0) }),
        Trouble(
            testDescription: "the folder is immutable", words: "operation not permitted (1)",
            make: { try run("mkdir $1/log; mount -t tmpfs none $1/log 2>/dev/null; chattr +i $1/log", $0) },
            heal: { try run("chattr -i $1/log", $0) }),
        Trouble(
            testDescription: "the log is a link in a circle", words: "too many levels of symbolic links (40)",
            make: { try run("mkdir $1/log; ln -s web.log $1/log/web.log", $0) },
            heal: { try run("rm $1/log/web.log", $0) }),
    ]

    @Test("a log that cannot be written", arguments: troubles.indices)
    func trouble(_ index: Int) throws {
        let trouble = SupervisionLogTroubleTests.troubles[index]
        let bench = try SupervisionBench()
        defer {
            // First: a folder with a mount in it cannot be removed.
            umount2("\(bench.folder)/log", Int32(MNT_DETACH))
            bench.end()
        }
        try trouble.make(bench.folder)
        try bench.supervisor.apply([
            bench.definition(
                "web",
                """
                head -c 3000000 /dev/zero | tr '\\0' '\\n'; touch done; until [ -e go ]; do sleep 0.02; done
                while :; do echo back || touch failed; sleep 0.02; done
                """
            ) { $0.output.path = bench.folder + "/" + trouble.path }
        ])
        #expect(
            eventually { FileManager.default.fileExists(atPath: bench.folder + "/done") }, "the app was blocked")
        #expect(
            eventually {
                let problem = bench.status("web")?.logProblem ?? ""
                return problem.contains("log \(bench.folder)/\(trouble.path): \(trouble.words)")
                    && problem.contains("; dropped ") && problem.contains(" bytes)")
            }, "\(bench.status("web")?.logProblem ?? "no problem")")
        #expect(bench.status("web")?.state == .running)
        // All of it is out of the pipe.
        #expect(
            eventually {
                var info = stat()
                let isFile = stat("\(bench.folder)/\(trouble.path)", &info) == 0 && info.st_mode & S_IFMT == S_IFREG
                return Int(bench.status("web")?.logCounters.droppedBytes ?? 0) + (isFile ? Int(info.st_size) : 0)
                    >= 3_000_000
            })
        try trouble.heal(bench.folder)
        try bench.write("", to: "go")
        let path = "\(bench.folder)/\(trouble.path)"
        func text() -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        #expect(eventually { text().hasSuffix("back\nback\n") })
        #expect(eventually { bench.status("web")?.logProblem == nil })
        // The log says what is missing, and every line of it is whole.
        let lines = text().split(separator: "\n").filter { $0 != "back" }
        #expect(lines.count == 1 && lines[0].hasPrefix("gwe: dropped ") && lines[0].contains(trouble.words), "\(lines)")
        let dropped = bench.status("web")?.logCounters.droppedBytes ?? 0
        #expect(dropped > 0 && lines.first?.contains("(\(dropped) bytes)") == true)
        #expect(!FileManager.default.fileExists(atPath: bench.folder + "/failed"), "the app saw an error")
    }

    @Test("/dev/null takes everything and is no trouble")
    func devNull() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try bench.supervisor.apply([
            bench.definition("web", "head -c 3000000 /dev/zero; echo; exit 0") { $0.output.path = "/dev/null" }
        ])
        #expect(eventually { bench.status("web")?.state == .exited })
        #expect(bench.status("web")?.logProblem == nil)
        #expect(bench.status("web")?.logCounters.droppedBytes == 0)
    }

    @Test("a pipe with a slow reader gets every line; the app waits for no one")
    func slowReader() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        mkfifo(bench.folder + "/out", 0o600)
        let reader = open(bench.folder + "/out", O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        try bench.supervisor.apply([
            bench.definition("web", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo \"line $i\"; done; exit 0") {
                $0.output.path = bench.folder + "/out"
            }
        ])
        #expect(eventually { bench.status("web")?.state == .exited })
        // The pipe holds 64 KiB of 210 KB: the rest waits for us.
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        #expect(
            eventually {
                while case let count = read(reader, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
                return bytes.suffix(11).elementsEqual("line 20000\n".utf8)
            })
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        #expect(lines == (1...20_000).map { "line \($0)"[...] })
        #expect(bench.status("web")?.logCounters.droppedLines == 0 && bench.status("web")?.logProblem == nil)
    }

    @Test("a dangling link of root's leads to a new file")
    func danglingLink() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        try SupervisionLogTroubleTests.run("mkdir $1/log; ln -s ../flash/logs/web.log $1/log/web.log", bench.folder)
        try bench.supervisor.apply([
            bench.definition("web", "echo one; echo two; echo three; exit 0") {
                $0.output.maxByteCount = 8
                $0.output.backups = 5
            }
        ])
        #expect(eventually { bench.status("web")?.state == .exited })
        // Rotation happens where the file is.
        let names = try FileManager.default.contentsOfDirectory(atPath: bench.folder + "/flash/logs").sorted()
        #expect(names == ["web.log", "web.log.1"])
        #expect(
            try FileManager.default.destinationOfSymbolicLink(atPath: bench.folder + "/log/web.log")
                == "../flash/logs/web.log")
    }
}
