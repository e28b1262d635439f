import Foundation
import GatewaySystem
import Glibc

/// A child process with its output in files: nothing blocks when nobody reads, and no end of file is missed because a
/// program of another test has inherited a pipe.
public final class TestProcess: @unchecked Sendable {
    /// Its number, also after its end.
    public let pid: Int32
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
        let output = "\(scratch ?? "/tmp")/gwe-output-\(UUID().uuidString)"
        self.arguments = [program] + arguments
        self.output = output
        if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: output + ".in")) }
        defer { unlink(output + ".in") }
        let flags = O_CLOEXEC | O_WRONLY | O_CREAT | O_APPEND
        let streams = [
            open(input == nil ? "/dev/null" : output + ".in", O_RDONLY | O_CLOEXEC),
            open(output + ".out", flags, 0o600),
            open(output + ".err", flags, 0o600),
        ]
        defer { for stream in streams { close(stream) } }
        let product = "\(Repository.products)/\(program)"
        var request = SpawnRequest(
            executable: !program.contains("/") && access(product, X_OK) == 0 ? product : program, arguments: arguments,
            environment: environment ?? ProcessInfo.processInfo.environment, directory: directory)
        (request.standardInput, request.standardOutput, request.standardError) = (streams[0], streams[1], streams[2])
        // As the agent starts its own: a supervisor in this process knows the children that are not its apps'.
        pid = try ChildProcess.spawn(request)
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
        do { return try ChildProcess.poll(pid, reap: false) == nil } catch { return false }
    }

    /// What it wrote so far.
    public var out: String { read(output + ".out") }
    /// What it wrote to stderr so far.
    public var err: String { read(output + ".err") }

    /// Sends it a signal, unless it has ended.
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
        var ran = Ran(arguments: arguments, code: nil, signal: nil, out: "", err: "")
        switch try? ChildProcess.wait(pid) {
        case .code(let code): ran.code = code
        case .signal(let signal): ran.signal = signal
        case nil: break
        }
        (ran.out, ran.err) = (out, err)
        ended = ran
        return ran
    }

    private func read(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
