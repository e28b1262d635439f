import Documents
import Foundation
import Glibc

/// A program that ran to its end.
struct Ran: Sendable, CustomStringConvertible {
    var arguments: [String]
    /// The exit code; nil when a signal ended it.
    var code: Int32?
    /// The signal that ended it.
    var signal: Int32?
    var out: String
    var err: String

    /// Standard output as a JSON document, or as one object a line.
    var json: JSONValue? { try? JSON.parse(Array(out.utf8), source: "stdout").json }
    var jsonLines: [JSONValue] {
        out.split(separator: "\n").compactMap { try? JSON.parse(Array($0.utf8), source: "stdout").json }
    }

    /// Everything that a person needs who reads a failed test.
    var description: String {
        let end = code.map { "exit code \($0)" } ?? "signal \(signal ?? 0)"
        return "\(arguments.joined(separator: " ")): \(end)\nstdout: \(out)\nstderr: \(err)"
    }
}

/// A child process with its output in files: nothing blocks when nobody reads.
final class GatewayProcess: @unchecked Sendable {
    struct Failure: Error, CustomStringConvertible { var description: String }

    let pid: pid_t
    private let arguments: [String]
    private let output: String
    private var ended: Ran?

    /// The folder in which the build put the test bundle and the executables.
    static let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path

    /// - Parameters:
    ///   - program: a path, or the name of a product of this package.
    ///   - environment: the whole of it; nothing is inherited.
    ///   - scratch: an existing folder for what the program writes.
    init(_ program: String, _ arguments: [String], environment: [String: String], scratch: String) throws {
        let path = program.contains("/") ? program : "\(GatewayProcess.products)/\(program)"
        self.arguments = [program] + arguments
        output = "\(scratch)/output-\(UUID().uuidString)"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output + ".out", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, output + ".err", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var environ: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in argv + environ { free(text) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, path, &actions, &attributes, &argv, &environ)
        guard code == 0 else { throw Failure(description: "cannot start \(path): \(String(cString: strerror(code)))") }
        pid = child
    }

    deinit {
        if ended == nil {
            // A daemon stops its apps; whoever does not listen is killed.
            Glibc.kill(pid, SIGTERM)
            let hasEnded = GatewayProcess.until(.seconds(10)) {
                var info = siginfo_t()
                return waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT | WNOHANG) != 0 || info.si_signo == SIGCHLD
            }
            if !hasEnded { Glibc.kill(pid, SIGKILL) }
            _ = wait()
        }
        unlink(output + ".out")
        unlink(output + ".err")
    }

    /// What it wrote so far.
    var out: String { read(output + ".out") }
    var err: String { read(output + ".err") }

    func send(_ signal: Int32) { if ended == nil { Glibc.kill(pid, signal) } }

    /// Waits for its end, however long it takes.
    func wait() -> Ran {
        if let ended { return ended }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        let ran = Ran(
            arguments: arguments, code: signal == 0 ? (status >> 8) & 0xFF : nil, signal: signal == 0 ? nil : signal,
            out: out, err: err)
        ended = ran
        return ran
    }

    /// Looks again and again until something holds; false when it never did within the time.
    static func until(_ limit: Duration = .seconds(30), _ condition: () throws -> Bool) rethrows -> Bool {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        while try !condition() {
            if clock.now > deadline { return false }
            usleep(5_000)
        }
        return true
    }

    private func read(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
