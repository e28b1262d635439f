internal import Glibc

/// The program file that this process was started from, and its arguments: what an exec in place needs.
public struct ProgramImage: Sendable {
    /// Why a file does not become this process.
    public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        /// A sentence for people, mostly with the path of the file.
        public var description: String

        /// A refusal in these words.
        public init(description: String) { self.description = description }
    }

    /// Absolute, with its symbolic links: a new program may be put there, or the link moved.
    public let path: String
    private let arguments: [[UInt8]]

    /// Of this process, as it was started. Call it at the start, while the file is still the one that runs.
    /// - Throws: without /proc.
    public static func current() throws(SystemError) -> ProgramImage {
        let arguments = try ProgramArguments.bytes()
        let name = String(decoding: arguments[0], as: UTF8.self)
        for candidate in candidates(name) where isRunning(candidate) {
            return ProgramImage(path: candidate, arguments: arguments)
        }
        // The name says nothing of the file: exec -a, or the file was replaced already.
        guard var target = FileTree.linkTarget("/proc/self/exe") else { throw .last("read /proc/self/exe") }
        let mark = " (deleted)"
        if target.hasSuffix(mark) { target.removeLast(mark.count) }
        return ProgramImage(path: target, arguments: arguments)
    }

    /// Where a program of that name may have been found.
    private static func candidates(_ name: String) -> [String] {
        if name.hasPrefix("/") { return [name] }
        if name.contains("/") {
            guard let folder = getcwd(nil, 0) else { return [] }
            defer { free(folder) }
            return ["\(String(cString: folder))/\(name)"]
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").filter { $0.hasPrefix("/") }.map { "\($0)/\(name)" }
    }

    private static func isRunning(_ path: String) -> Bool {
        var (file, running) = (stat(), stat())
        guard stat(path, &file) == 0, stat("/proc/self/exe", &running) == 0 else { return false }
        return file.st_dev == running.st_dev && file.st_ino == running.st_ino
    }

    /// Whether the file that is at `path` now can become this process: it is executable, and answers `--version` with a
    /// version within 30 s. So a file that is cut short, or made for another machine, does not end the agent.
    /// Returns that version.
    public func check() throws(Refusal) -> String {
        let ran: ChildProcess.Completed
        do throws(ProcessError) {
            ran = try ChildProcess.run(
                path, ["--version"], environment: ProcessFacts.environment, timeout: .seconds(30),
                killDelay: .seconds(1), outputLimit: 1_024)
        } catch {
            throw Refusal(description: "\(error)")
        }
        guard !ran.timedOut else { throw Refusal(description: "\(path) --version did not end within 30 s") }
        let lines = ran.outputText.split(whereSeparator: \.isNewline)
        guard ran.succeeded else {
            let why = lines.first.map { ": \($0)" } ?? ""
            throw Refusal(description: "\(path) --version ended with \(ran.exitInWords)\(why)")
        }
        guard lines.count == 1, let version = lines.first, version.first?.isNumber == true, version.contains(".") else {
            throw Refusal(description: "\(path) --version did not print a version")
        }
        return String(version)
    }

    /// Makes the file at `path` this process: same pid, arguments, environment, working folder and signal mask; all other
    /// threads end, and so do all descriptors but 0, 1, 2 and those named. Returns only when that failed, with everything
    /// as it was.
    /// - Parameters:
    ///   - descriptors: stay open in the new image.
    ///   - variables: added to the environment.
    public func replaceProcess(keeping descriptors: [Int32], adding variables: [String: String]) -> SystemError {
        let before = ProgramImage.setCloseOnExec(keeping: descriptors)
        let environment = ProcessFacts.environment.merging(variables) { $1 }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0.map { CChar(bitPattern: $0) } + [0]) }
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for text in argv + envp { free(text) } }
        argv.append(nil)
        envp.append(nil)
        DescriptorLimit.restore()
        execve(path, argv, envp)
        let error = SystemError.last("execute \(path)")
        DescriptorLimit.raise()
        for (fd, flags) in before { _ = fcntl(fd, F_SETFD, flags) }
        return error
    }

    /// Sets who is closed by exec; returns what was set before.
    private static func setCloseOnExec(keeping kept: [Int32]) -> [(Int32, Int32)] {
        let open = ((try? FileTree.list("/proc/self/fd")) ?? []).compactMap { Int32($0) }
        return open.filter { $0 > 2 }.compactMap { fd in
            let flags = fcntl(fd, F_GETFD)
            guard flags >= 0 else { return nil }
            let wanted = kept.contains(fd) ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC
            _ = fcntl(fd, F_SETFD, wanted)
            return (fd, flags)
        }
    }
}
