internal import CLinux
internal import Glibc

/// What a child shall be. It starts in a session of its own, with signals at their defaults and only descriptors 0 to 2.
public struct SpawnRequest: Sendable {
    /// A path, or a name that is looked up in the PATH of `environment`. A relative path counts from `directory`.
    public var executable: String
    /// Without the program's own name, which is `executable`.
    public var arguments: [String]
    /// The whole environment; nothing is inherited.
    public var environment: [String: String]
    /// Working folder, entered with the rights of `user`; nil is ours.
    public var directory: String?
    /// Whom the child becomes before exec; nil is who we are. Another user needs root.
    public var user: UserIdentity?
    /// File mode creation mask (umask(2)); nil is ours. 022 unless it is set, whatever the agent was started with.
    public var umask: UInt16? = 0o022
    /// Descriptors of this process for 0, 1 and 2 of the child; nil is /dev/null.
    public var standardInput: Int32?
    /// nil is /dev/null.
    public var standardOutput: Int32?
    /// nil is /dev/null.
    public var standardError: Int32?
    /// A descriptor to which the child appends "pid <pid> <start>\n" before exec; see `ProcessRecord`.
    public var record: Int32?
    /// The cgroup that the child is in from its beginning; nil is ours.
    public var controlGroup: ControlGroup?
    /// SIGKILL to the child (not to its children) when the thread that spawned it ends.
    public var diesWithParent = false

    /// A program with everything else at its default: our user, umask 022, /dev/null for 0, 1 and 2.
    public init(executable: String, arguments: [String] = [], environment: [String: String], directory: String? = nil) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
    }
}

/// Children of this process: start, wait, signal.
public enum ChildProcess {
    /// How a process ended.
    public enum Exit: Sendable, Hashable {
        /// It ended by itself with this status, 0 to 255.
        case code(Int32)
        /// This signal ended it.
        case signal(Int32)
    }

    /// Starts a program and returns its pid once exec has succeeded. The caller owns the child and must reap it with
    /// `poll` or `wait`; nobody else in the program waits for children it did not start.
    public static func spawn(_ request: SpawnRequest) throws(ProcessError) -> Int32 {
        let path = try resolve(request)
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else {
            throw ProcessError(.resources, path, "cannot open /dev/null: \(ProcessError.words(errno))")
        }
        defer { close(null) }
        let user = request.user.flatMap { $0.isCurrent ? nil : $0 }
        var group: Int32 = -1
        if let wanted = request.controlGroup {
            group = wanted.open()
            guard group >= 0 else {
                throw ProcessError(.controlGroup, path, "cannot open \(wanted.path): \(ProcessError.words(errno))")
            }
        }
        defer { if group >= 0 { close(group) } }

        var step = GWE_SPAWN_OK
        let (pid, code) = withCStrings([request.executable] + request.arguments) { argv in
            withCStrings(request.environment.map { "\($0.key)=\($0.value)" }.sorted()) { envp in
                path.withCString { pathText in
                    withOptionalCString(request.directory) { directory in
                        (user?.groups ?? []).withUnsafeBufferPointer { groups in
                            var spec = gwe_spawn()
                            spec.path = pathText
                            spec.argv = argv
                            spec.envp = envp
                            spec.directory = directory
                            spec.standard_input = request.standardInput ?? null
                            spec.standard_output = request.standardOutput ?? null
                            spec.standard_error = request.standardError ?? null
                            spec.uid = user.map { Int64($0.uid) } ?? -1
                            spec.gid = user.map { Int64($0.gid) } ?? -1
                            spec.groups = groups.baseAddress
                            spec.group_count = groups.count
                            spec.umask = request.umask.map(Int32.init) ?? -1
                            spec.record = request.record ?? -1
                            spec.die_with_parent = request.diesWithParent ? 1 : 0
                            spec.control_group = group
                            spec.descriptor_limit = DescriptorLimit.ofChildren
                            return OwnChildren.add {
                                let pid = gwe_spawn(&spec, &step)
                                return (pid, errno)
                            }
                        }
                    }
                }
            }
        }
        guard pid > 0 else { throw ProcessError.spawn(request, path: path, step: step, code: code) }
        return pid
    }

    /// Whether a child has ended, and how; nil while it runs. With `reap` false it stays a zombie, so that its pid
    /// cannot be given to another process yet. Fails with ECHILD for a process that is not a child of ours.
    public static func poll(_ pid: Int32, reap: Bool = true) throws(SystemError) -> Exit? {
        try wait(pid, reap: reap, block: false)
    }

    /// Waits for the end of a child and reaps it.
    public static func wait(_ pid: Int32) throws(SystemError) -> Exit {
        guard let exit = try wait(pid, reap: true, block: true) else {
            throw SystemError("wait for \(pid)", code: ECHILD)
        }
        return exit
    }

    private static func wait(_ pid: Int32, reap: Bool, block: Bool) throws(SystemError) -> Exit? {
        var killed: Int32 = 0
        var status: Int32 = 0
        switch gwe_wait(pid, reap ? 1 : 0, block ? 1 : 0, &killed, &status) {
        case 1:
            if reap { OwnChildren.remove(pid) }
            return killed == 0 ? .code(status) : .signal(status)
        case 0: return nil
        default: throw .last("wait for process \(pid)")
        }
    }

    /// Sends a signal to a process, or to its whole group (which has the pid of the session leader that we spawned).
    /// Nobody there is no error.
    public static func signal(_ pid: Int32, _ number: Int32, wholeGroup: Bool) throws(SystemError) {
        guard pid > 1 else { return }
        guard kill(wholeGroup ? -pid : pid, number) == 0 || errno == ESRCH else {
            throw .last("send signal \(number) to process \(pid)")
        }
    }

    /// The file that execve gets: a path stays as it is, a name is looked up in PATH.
    private static func resolve(_ request: SpawnRequest) throws(ProcessError) -> String {
        let name = request.executable
        guard !name.isEmpty else { throw ProcessError(.missing, "the command", "it is empty") }
        if name.utf8.contains(UInt8(ascii: "/")) { return name }
        let path = request.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        var notExecutable: String?
        for folder in path.split(separator: ":") where folder.hasPrefix("/") {
            let candidate = "\(folder)/\(name)"
            var info = stat()
            guard stat(candidate, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { continue }
            if info.st_mode & 0o111 != 0 { return candidate }
            notExecutable = candidate
        }
        if let notExecutable {
            throw ProcessError(.notExecutable, notExecutable, "permission denied: the x bit is not set")
        }
        if let directory = request.directory, access("\(directory)/\(name)", F_OK) == 0 {
            throw ProcessError(.missing, name, "it is not in PATH (the release has one: write ./\(name))")
        }
        throw ProcessError(.missing, name, "it is not in PATH (\(path))")
    }
}

/// A NULL-terminated array of C strings for the time of a call. A text ends at its first NUL byte, as exec sees it.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var bytes: [CChar] = []
    var starts: [Int] = []
    for text in texts {
        starts.append(bytes.count)
        bytes.append(contentsOf: text.utf8.map { CChar(bitPattern: $0) })
        bytes.append(0)
    }
    bytes.append(0)
    return bytes.withUnsafeMutableBufferPointer { buffer in
        let pointers: [UnsafeMutablePointer<CChar>?] = starts.map { buffer.baseAddress?.advanced(by: $0) } + [nil]
        return body(pointers)
    }
}

private func withOptionalCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let text else { return body(nil) }
    return text.withCString(body)
}

extension ChildProcess {
    /// Closes a descriptor that a `SpawnRequest` needed.
    public static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}
