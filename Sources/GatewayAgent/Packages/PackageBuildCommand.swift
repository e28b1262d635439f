internal import GatewaySystem
internal import Glibc

/// Runs the shell commands of a buildfile.
///
/// In the foreground, in this process's session and with its standard input: such commands ask questions, and Ctrl-C
/// must reach them. What they print goes to standard error, because standard output is the package's path.
enum PackageBuildCommand {
    static func run(_ command: String, key: String, index: Int, folder: String, environment: [String: String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)

        // What gwe ignores, a command does not (main.swift).
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var usual = sigset_t()
        sigemptyset(&usual)
        sigaddset(&usual, SIGPIPE)
        sigaddset(&usual, SIGXFSZ)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

        // posix_spawn(3) has no portable way to change the folder, so the shell does it first.
        let script = "cd \"$1\" || exit 127; shift\n" + command
        var pid: pid_t = 0
        let variables = inherited(besides: environment) + environment.map { "\($0.key)=\($0.value)" }
        let code = withCStrings(["/bin/sh", "-c", script, "sh", folder]) { arguments in
            withCStrings(variables) { posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments, $0) }
        }
        guard code == 0 else { throw SystemError("run '\(command)'", code: code) }
        switch try ChildProcess.wait(pid) {
        case .code(0): return
        case .code(let code): throw PackageBuildError.command("\(key)[\(index)]", command, "exit code \(code)")
        case .signal(let number): throw PackageBuildError.command("\(key)[\(index)]", command, "signal \(number)")
        }
    }

    private static func inherited(besides own: [String: String]) -> [String] {
        var variables: [String] = []
        var entry = environ
        while let text = entry.pointee {
            let variable = String(cString: text)
            if own[String(variable.prefix { $0 != "=" })] == nil { variables.append(variable) }
            entry += 1
        }
        return variables
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
