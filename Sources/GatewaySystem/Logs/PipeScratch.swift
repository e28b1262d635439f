internal import CLinux
internal import Glibc
internal import Synchronization

/// What all log pipes share for a look at what waits in them: one pipe that tee(2) fills, one buffer, and /dev/null.
public final class PipeScratch: Sendable {
    private struct State {
        var input: Int32
        var output: Int32
        var null: Int32
        var buffer = [UInt8](repeating: 0, count: 65_536)
    }
    private let state: Lock<State>
    /// Bytes that one look can see.
    let capacity: Int
    /// The end of a look that is enough to find the last newline, as a rule.
    private static let tail = 4_096

    /// Takes three descriptors, and 1 MiB for the pipe where the system allows it.
    /// - Throws: when there is no descriptor left, or no /dev/null.
    public init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        guard gwe_pipe(&ends) == 0 else { throw .last("make a pipe") }
        let null = gwe_open("/dev/null", O_WRONLY | O_CLOEXEC, 0)
        guard null >= 0 else {
            let error = SystemError.last("open /dev/null")
            close(ends[0])
            close(ends[1])
            throw error
        }
        _ = gwe_set_pipe_size(ends[1], 1 << 20)
        capacity = max(65_536, Int(gwe_pipe_size(ends[1])))
        state = Lock(State(input: ends[1], output: ends[0], null: null))
    }

    deinit {
        state.withLock { state in
            close(state.input)
            close(state.output)
            close(state.null)
        }
    }

    /// What a look found.
    struct Look {
        var byteCount = 0
        /// Bytes up to and with the last newline; 0 without one.
        var whole = 0
        /// Newlines in `whole`, where they were counted.
        var lines = 0
        /// Whether there were more lines than the limit.
        var hasMore = false
    }

    /// Finds the last newline in the first `limit` bytes that wait in a pipe, and takes nothing. Only the end is read: what
    /// comes before goes to /dev/null without being copied.
    func look(_ pipe: Int32, limit: Int) -> Look {
        state.withLock { state in
            guard let copied = copy(pipe, limit, &state) else { return Look() }
            var rest = copied
            if copied > PipeScratch.tail * 2 {
                rest -= discard(state.output, copied - PipeScratch.tail, state.null)
            }
            let seen = read(state.output, rest, offset: copied - rest, limit: .max, isCounting: false, &state)
            guard seen.whole == 0, rest < copied else { return Look(byteCount: copied, whole: seen.whole) }
            // One very long line at the end, or nothing but it.
            guard let again = copy(pipe, limit, &state) else { return Look() }
            return read(state.output, again, offset: 0, limit: .max, isCounting: false, &state)
        }
    }

    /// As `look`, and counts the lines, up to `lineLimit` of them.
    func count(_ pipe: Int32, limit: Int, lineLimit: Int) -> Look {
        state.withLock { state in
            guard let copied = copy(pipe, limit, &state) else { return Look() }
            return read(state.output, copied, offset: 0, limit: lineLimit, isCounting: true, &state)
        }
    }

    private func copy(_ pipe: Int32, _ limit: Int, _ state: inout State) -> Int? {
        let copied = gwe_tee(pipe, state.input, min(limit, capacity))
        return copied > 0 ? copied : nil
    }

    private func read(
        _ pipe: Int32, _ byteCount: Int, offset: Int, limit: Int, isCounting: Bool, _ state: inout State
    ) -> Look {
        var look = Look(byteCount: offset)
        while look.byteCount < offset + byteCount {
            let wanted = min(state.buffer.count, offset + byteCount - look.byteCount)
            let count = Glibc.read(pipe, &state.buffer, wanted)
            guard count > 0 else { break }
            if isCounting {
                var end = 0
                var more: Int32 = 0
                let lines = gwe_count_lines(state.buffer, count, limit - look.lines, &end, &more)
                if !look.hasMore {
                    look.lines += lines
                    if end > 0 { look.whole = look.byteCount + end }
                    look.hasMore = more != 0
                }
            } else if case let last = gwe_last_index(state.buffer, count, UInt8(ascii: "\n")), last >= 0 {
                look.whole = look.byteCount + Int(last) + 1
            }
            look.byteCount += count
        }
        return look
    }

    /// Takes bytes out of a pipe and gives them to nobody; the number taken.
    func drop(_ pipe: Int32, _ byteCount: Int) -> Int {
        state.withLock { discard(pipe, byteCount, $0.null) }
    }

    private func discard(_ pipe: Int32, _ byteCount: Int, _ null: Int32) -> Int {
        var taken = 0
        while taken < byteCount {
            let count = gwe_splice(pipe, null, nil, byteCount - taken)
            guard count > 0 else { break }
            taken += count
        }
        return taken
    }

    /// Gives away the first bytes that wait in a pipe, at most 64 KiB, and takes as many of them out as were used.
    func give(_ pipe: Int32, _ byteCount: Int, use: (UnsafeRawBufferPointer) -> Int) -> Int {
        state.withLock { state in
            guard let copied = copy(pipe, min(byteCount, state.buffer.count), &state) else { return 0 }
            var count = 0
            while count < copied {
                let wanted = copied - count
                let got = state.buffer.withUnsafeMutableBytes { buffer in
                    Glibc.read(state.output, buffer.baseAddress.map { $0 + count }, wanted)
                }
                guard got > 0 else { break }
                count += got
            }
            let used = state.buffer.withUnsafeBytes { use(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            return used > 0 ? discard(pipe, used, state.null) : 0
        }
    }
}
