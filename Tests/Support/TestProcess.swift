import Foundation
import GatewaySystem
import Glibc

/// A child process with its output in files: nothing blocks when nobody reads, and no end of file is missed because a
/// program of another test has inherited a pipe.
public final class TestProcess: @unchecked Sendable {
    public let pid: pid_t
    private let arguments: [String]
    private let output: String
    private var ended: Ran?

    /// - Parameters:
    ///   - program: a path, the name of a product of this package, or of a program of the system.
    ///   - environment: the whole of it; nil: the test's own.
    ///   - directory: where it starts; nil: where the test is.
    ///   - input: what it reads on standard input; without: nothing.
    ///   - scratch: an existing folder for what the program writes; nil: the system's.
    public init(
        _ program: String, _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil,
        input: String? = nil, scratch: String? = nil
    ) throws {
        self.arguments = [program] + arguments
        output = "\(scratch ?? "/tmp")/gwe-output-\(UUID().uuidString)"
        if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: output + ".in")) }
        defer { unlink(output + ".in") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input == nil ? "/dev/null" : output + ".in", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output + ".out", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, output + ".err", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // What another test has open at this moment is not this program's.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let directory { posix_spawn_file_actions_addchdir_np(&actions, directory) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let product = "\(Repository.products)/\(program)"
        let path = !program.contains("/") && access(product, X_OK) == 0 ? product : program
        let variables = environment ?? ProcessInfo.processInfo.environment
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var environ: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in argv + environ { free(text) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, path, &actions, &attributes, &argv, &environ)
        guard code == 0 else { throw TestFailure("cannot start \(path): \(String(cString: strerror(code)))") }
        pid = child
    }

    /// Runs a program to its end.
    @discardableResult
    public static func run(
        _ program: String, _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil,
        input: String? = nil
    ) throws -> Ran {
        try TestProcess(program, arguments, environment: environment, directory: directory, input: input).wait()
    }

    /// Runs lines of sh(1), whose `$1` and on are the arguments.
    ///
    /// - Throws: when it ends with another code than 0; a command that fails ends it.
    @discardableResult
    public static func shell(_ script: String, _ arguments: String..., directory: String? = nil) throws -> Ran {
        let ran = try run("/bin/sh", ["-ec", script, "sh"] + arguments, directory: directory)
        guard ran.code == 0 else { throw TestFailure("\(ran)") }
        return ran
    }

    deinit {
        if ended == nil {
            // A daemon stops its apps; whoever does not listen is killed.
            Glibc.kill(pid, SIGTERM)
            let hasEnded = eventually(within: .seconds(10)) { !isRunning }
            if !hasEnded { Glibc.kill(pid, SIGKILL) }
            _ = wait()
        }
        unlink(output + ".out")
        unlink(output + ".err")
    }

    /// Whether it has not ended yet.
    public var isRunning: Bool {
        if ended != nil { return false }
        var info = siginfo_t()
        return waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_signo != SIGCHLD
    }

    /// What it wrote so far.
    public var out: String { read(output + ".out") }
    public var err: String { read(output + ".err") }

    public func send(_ signal: Int32) { if ended == nil { Glibc.kill(pid, signal) } }

    /// Ends it as a power cut would, and waits for that.
    public func kill() {
        send(SIGKILL)
        _ = wait()
    }

    /// Waits for its end, however long it takes.
    @discardableResult
    public func wait() -> Ran {
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

    private func read(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
