internal import CLinux
internal import Documents
internal import Glibc
internal import Synchronization

extension ChildProcess {
    /// A program that ran to its end, or was ended.
    public struct Completed: Sendable, Hashable {
        /// How the program itself ended; signal 0 where somebody else has reaped it, so that nobody knows.
        public var exit: Exit
        /// The last bytes of standard output and standard error together, in the order in which they were written.
        public var output: [UInt8]
        /// Whether bytes before these were dropped.
        public var outputTruncated: Bool
        /// Whether the timeout passed and the whole group was ended.
        public var timedOut: Bool

        /// Whether it ended by itself, with exit code 0.
        public var succeeded: Bool { exit == .code(0) && !timedOut }

        /// The output as text that every reader takes (``ForeignText/inJSON(_:)``). Where its beginning was dropped, it
        /// begins with a whole character.
        public var outputText: String {
            let rest = outputTruncated ? output.drop { $0 & 0xC0 == 0x80 } : output[...]
            // What begins with more than the three bytes that a character can lack was no UTF-8 before it was cut.
            return ForeignText.inJSON(output.count - rest.count > 3 ? output[...] : rest)
        }

        /// The last line with something in it, at most 200 characters, without control characters: what an installer or
        /// a check says of why it failed. nil where there is none.
        public var lastLine: String? {
            let lines = outputText.split(whereSeparator: \.isNewline).lazy.map { line in
                line.unicodeScalars.map { ForeignText.isUnsafe($0) ? " " : Character($0) }
            }
            guard let last = lines.last(where: { $0.contains { $0 != " " } }) else { return nil }
            return String(last.prefix(200))
        }

        /// "exit code 3", "signal 9", "no end within 15 minutes" is left to the caller, who knows the timeout.
        public var exitInWords: String {
            switch exit {
            case .code(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    fileprivate struct Running: Sendable {
        /// The groups of the programs that `run` waits for.
        var groups: Set<Int32> = []
        var isEnding = false
    }
    fileprivate static let running = Lock(Running())

    /// Sends SIGKILL to every group that `run` waits for, on whatever thread. For the end of this process: what it
    /// leaves behind would go on beside its successor. From then on `run` does not return, so that nobody takes a program
    /// that was ended for one that failed, unless `goOn` says that the process lives on after all.
    public static func killRunning() {
        running.withLock { running in
            running.isEnding = true
            for group in running.groups { try? signal(group, SIGKILL, wholeGroup: true) }
        }
    }

    /// Takes `killRunning` back. Threads that were in `run` meanwhile stay there.
    public static func goOn() { running.withLock { $0.isEnding = false } }

    /// From now on SIGTERM, SIGINT and SIGHUP each end all programs that `run` waits for, each with its whole group, and then this
    /// process, by the same signal. A signal that is ignored, as by nohup(1), stays ignored. Call it before other threads
    /// exist; the calling thread and those that it starts have the signals blocked.
    public static func endWithThisProcess() throws(SystemError) {
        let heeded = [SIGTERM, SIGINT, SIGHUP].filter { number in
            var action = sigaction()
            guard sigaction(number, nil, &action) == 0 else { return false }
            return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
                != unsafeBitCast(SIG_IGN, to: Int.self)
        }
        let loop = try EventLoop()
        try loop.onSignals(heeded) { number in
            killRunning()
            Glibc.signal(number, SIG_DFL)
            unblock(number)
            kill(getpid(), number)
        }
        try BackgroundThread("gwe-signals") { loop.run() }.detach()
    }

    private static func unblock(_ number: Int32) {
        let mask = UnsafeMutablePointer<sigset_t>.allocate(capacity: 1)
        defer { mask.deallocate() }
        sigemptyset(mask)
        sigaddset(mask, number)
        pthread_sigmask(SIG_UNBLOCK, mask, nil)
    }

    /// Runs a program in a session and process group of its own, waits for its end and keeps the last `outputLimit`
    /// bytes of what it and its children write. Standard input is empty.
    ///
    /// After `timeout` the whole group gets SIGTERM and SIGCONT, and SIGKILL `killDelay` later; so does everything that the
    /// program left in its group when it timed out. A grandchild that keeps the output open does not delay the return:
    /// reading stops 200 ms after the program has ended. When this process dies, the program itself gets SIGKILL.
    ///
    /// - Parameters:
    ///   - executable: a path, relative to `directory` if not absolute, or a name that is looked up in PATH.
    ///   - environment: the whole environment; nothing is inherited.
    ///   - onOutput: gets every piece of output as it comes, on the calling thread.
    /// - Throws: `ProcessError` when the program could not be started; a file that is open for writing is tried again for
    ///   5 s. Its own failure is in the result.
    public static func run(
        _ executable: String, _ arguments: [String] = [], environment: [String: String], directory: String? = nil,
        timeout: Duration, killDelay: Duration = .seconds(10), outputLimit: Int = 65_536, user: UserIdentity? = nil,
        onOutput: ((UnsafeRawBufferPointer) -> Void)? = nil
    ) throws(ProcessError) -> Completed {
        var ends: [Int32] = [-1, -1]
        guard gwe_pipe(&ends) == 0 else {
            throw ProcessError(.resources, executable, "cannot make a pipe: \(ProcessError.words(errno))")
        }
        defer { close(ends[0]) }
        var request = SpawnRequest(
            executable: executable, arguments: arguments, environment: environment, directory: directory)
        request.standardOutput = ends[1]
        request.standardError = ends[1]
        request.user = user
        request.diesWithParent = true
        let pid: Int32
        do throws(ProcessError) { pid = try start(request) } catch {
            close(ends[1])
            throw error
        }
        close(ends[1])
        Strangers.began(pid)
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        var watch = RunningProgram(pid: pid, output: ends[0], limit: outputLimit)
        return watch.finish(timeout: timeout, killDelay: killDelay, onOutput: onOutput)
    }

    /// Spawns a program that `killRunning` ends, and waits a little for a file that is still open for writing: whoever has
    /// just made the file may have left it to a child of another thread, which closes it at its exec.
    private static func start(_ request: SpawnRequest) throws(ProcessError) -> Int32 {
        let end = MonotonicTime.now + busyPatience
        while true {
            do throws(ProcessError) {
                // Together, so that `killRunning` never comes between a start and its note.
                return try running.withLock { (running) throws(ProcessError) -> Int32 in
                    let pid = try spawn(request)
                    running.groups.insert(pid)
                    if running.isEnding { try? signal(pid, SIGKILL, wholeGroup: true) }
                    return pid
                }
            } catch {
                guard error.reason == .busy, MonotonicTime.now < end else { throw error }
            }
            usleep(5_000)
        }
    }

    /// How long `run` waits for a program's file that is open for writing.
    private static let busyPatience = Duration.seconds(5)
}

/// The wait of `ChildProcess.run`: reads output and watches for the end and the deadline.
private struct RunningProgram {
    let pid: Int32
    let output: Int32
    var tail: TailBuffer
    var outputOpen = true

    init(pid: Int32, output: Int32, limit: Int) {
        self.pid = pid
        self.output = output
        tail = TailBuffer(limit: limit)
    }

    mutating func finish(
        timeout: Duration, killDelay: Duration, onOutput: ((UnsafeRawBufferPointer) -> Void)?
    ) -> ChildProcess.Completed {
        // Before Linux 5.3 there is no pidfd: look every 50 ms.
        let handle = gwe_pidfd_open(pid, 0)
        defer { if handle >= 0 { close(handle) } }
        let clock = ContinuousClock()
        var deadline = clock.now + timeout
        var timedOut = false
        var killed = false
        while true {
            let left = clock.now.duration(to: deadline)
            if left <= .zero {
                if !timedOut {
                    timedOut = true
                    deadline = clock.now + killDelay
                    try? ChildProcess.signal(pid, SIGTERM, wholeGroup: true)
                    // One that is stopped acts on no other signal.
                    try? ChildProcess.signal(pid, SIGCONT, wholeGroup: true)
                } else if !killed {
                    killed = true
                    deadline = clock.now + .seconds(60)
                    try? ChildProcess.signal(pid, SIGKILL, wholeGroup: true)
                } else {
                    // In the kernel and not to be killed (dead storage): wait on, but do not spin.
                    deadline = clock.now + .seconds(60)
                }
                continue
            }
            wait(handle: handle, milliseconds: handle >= 0 ? left.milliseconds : min(50, left.milliseconds))
            drain(onOutput)
            guard let exit = ended() else { continue }
            // The zombie still holds the group's number: nothing else can be hit.
            if timedOut { try? ChildProcess.signal(pid, SIGKILL, wholeGroup: true) }
            readRest(until: clock.now + .milliseconds(200), clock, onOutput)
            Strangers.ended(pid)
            let isEnding = ChildProcess.running.withLock { running in
                if !running.isEnding { running.groups.remove(pid) }
                return running.isEnding
            }
            while isEnding { pause() }
            _ = try? ChildProcess.poll(pid)
            return .init(exit: exit, output: tail.bytes, outputTruncated: tail.dropped, timedOut: timedOut)
        }
    }

    /// nil while it runs. A child that somebody else reaped counts as ended by an unknown signal.
    private func ended() -> ChildProcess.Exit? {
        do { return try ChildProcess.poll(pid, reap: false) } catch { return .signal(0) }
    }

    private func wait(handle: Int32, milliseconds: Int32) {
        var waiting: [pollfd] = []
        if outputOpen { waiting.append(pollfd(fd: output, events: Int16(POLLIN), revents: 0)) }
        if handle >= 0 { waiting.append(pollfd(fd: handle, events: Int16(POLLIN), revents: 0)) }
        _ = Glibc.poll(&waiting, nfds_t(waiting.count), milliseconds)
    }

    private mutating func readRest(
        until end: ContinuousClock.Instant, _ clock: ContinuousClock, _ onOutput: ((UnsafeRawBufferPointer) -> Void)?
    ) {
        drain(onOutput)
        while outputOpen {
            let left = clock.now.duration(to: end)
            guard left > .zero else { return }
            wait(handle: -1, milliseconds: left.milliseconds)
            drain(onOutput)
        }
    }

    /// Reads what is there, at most 1 MiB, so that a program that never stops writing does not outrun its deadline.
    private mutating func drain(_ onOutput: ((UnsafeRawBufferPointer) -> Void)?) {
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { buffer in
            for _ in 0..<64 where outputOpen {
                let count = read(output, buffer.baseAddress, buffer.count)
                if count > 0 {
                    let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                    tail.append(piece)
                    onOutput?(piece)
                } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                    outputOpen = false
                } else if errno == EAGAIN {
                    return
                }
            }
        }
    }
}

/// The last bytes of a stream. Never holds more than twice its limit.
struct TailBuffer {
    private let limit: Int
    private var kept: [UInt8] = []
    private(set) var dropped = false

    init(limit: Int) { self.limit = max(0, limit) }

    var bytes: [UInt8] { Array(kept.suffix(limit)) }

    mutating func append(_ piece: UnsafeRawBufferPointer) {
        kept.append(contentsOf: piece.suffix(limit))
        if kept.count > limit || piece.count > limit { dropped = true }
        if kept.count > limit * 2 { kept.removeFirst(kept.count - limit) }
    }
}
