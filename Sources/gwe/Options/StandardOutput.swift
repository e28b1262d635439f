internal import GatewayModel
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// Standard output, and whether it took all that was written to it. A reader that went away (`gwe status | head`) is no
/// error; a disk that is full, or any other failure, is one of the command: what reads the output must not take a part of
/// it for the whole.
enum StandardOutput {
    /// errno(3) of the first write that failed, and whether there was any write.
    private struct State: Sendable {
        var code: Int32 = 0
        var isUsed = false
    }

    private static let state = Lock(State())

    /// Whether a write failed because of more than a reader that went away.
    static var hasFailed: Bool { state.withLock { $0.code != 0 } }

    /// Writes all of it; false when not all could be written.
    @discardableResult
    static func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        state.withLock { $0.isUsed = true }
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = Glibc.write(STDOUT_FILENO, base, rest.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // A pipe that somebody has made non-blocking: wait until it takes more.
                var descriptor = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                if poll(&descriptor, 1, -1) >= 0 || errno == EINTR { continue }
            }
            guard count > 0 else {
                note(count < 0 ? errno : ENOSPC)
                return false
            }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
        return true
    }

    private static func note(_ code: Int32) {
        guard code != EPIPE else { return }
        state.withLock { if $0.code == 0 { $0.code = code } }
    }

    /// What the program ends with: `code`, unless it is an answer of which a part was lost. Says so then.
    static func end(_ code: Int32, of program: String) -> Int32 {
        // Some file systems tell only now that there was no space (close(2)).
        if state.withLock({ $0.isUsed }), close(STDOUT_FILENO) != 0 { note(errno) }
        let failure = state.withLock { $0.code }
        guard failure != 0 else { return code }
        tell("\(program): \(SystemError("write standard output", code: failure))")
        return code < ExitStatus.usage.rawValue ? ExitStatus.inputOutputError.rawValue : code
    }
}
