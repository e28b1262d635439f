internal import CLinux
internal import Glibc
internal import Synchronization

/// What all log pipes share for a look at what waits in them: one pipe that tee(2) fills, and one buffer.
public final class PipeScratch: Sendable {
    private struct State {
        var input: Int32
        var output: Int32
        var buffer = [UInt8](repeating: 0, count: 65_536)
    }
    private let state: Mutex<State>
    /// Bytes that one look can see.
    let capacity: Int

    public init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        guard gwe_pipe(&ends) == 0 else { throw .last("make a pipe") }
        _ = gwe_set_pipe_size(ends[1], 1 << 20)
        capacity = max(65_536, Int(gwe_pipe_size(ends[1])))
        state = Mutex(State(input: ends[1], output: ends[0]))
    }

    deinit {
        state.withLock { state in
            close(state.input)
            close(state.output)
        }
    }

    /// What a look found.
    struct Look {
        var byteCount = 0
        /// Bytes up to and with the first newline; 0 without one. The others likewise.
        var first = 0
        /// With the last newline that ends at or before the room.
        var lastInRoom = 0
        var last = 0
    }

    /// Sees what waits in a pipe without taking it, `limit` bytes at most.
    func look(_ pipe: Int32, limit: Int, room: Int) -> Look {
        state.withLock { state in
            var look = Look()
            let copied = gwe_tee(pipe, state.input, min(limit, capacity))
            guard copied > 0 else { return look }
            while look.byteCount < copied {
                let count = read(state.output, &state.buffer, min(state.buffer.count, copied - look.byteCount))
                guard count > 0 else { break }
                state.buffer.withUnsafeBytes { note($0.prefix(count), room: room, &look) }
                look.byteCount += count
            }
            return look
        }
    }

    private func note(_ bytes: Slice<UnsafeRawBufferPointer>, room: Int, _ look: inout Look) {
        guard let base = bytes.base.baseAddress else { return }
        let newline = UInt8(ascii: "\n")
        if look.first == 0, let found = memchr(base, Int32(newline), bytes.count) {
            look.first = look.byteCount + base.distance(to: UnsafeRawPointer(found)) + 1
        }
        if case let last = gwe_last_index(base, bytes.count, newline), last >= 0 {
            look.last = look.byteCount + Int(last) + 1
        }
        let inRoom = min(bytes.count, room - look.byteCount)
        if inRoom > 0, case let last = gwe_last_index(base, inRoom, newline), last >= 0 {
            look.lastInRoom = look.byteCount + Int(last) + 1
        }
    }

    /// Takes bytes out of a pipe and gives them to nobody, or to `use`; the number taken.
    func take(_ pipe: Int32, _ byteCount: Int, use: (UnsafeRawBufferPointer) -> Void = { _ in }) -> Int {
        state.withLock { state in
            var taken = 0
            while taken < byteCount {
                let count = read(pipe, &state.buffer, min(state.buffer.count, byteCount - taken))
                guard count > 0 else { break }
                state.buffer.withUnsafeBytes { use(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                taken += count
            }
            return taken
        }
    }
}
