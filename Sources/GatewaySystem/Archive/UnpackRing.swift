/// Blocks of bytes on their way from one thread to another. A fixed number of blocks goes round, so memory is flat and
/// the quicker side waits.
final class BlockRing: Sendable {
    private struct State {
        var filled: [(index: Int, byteCount: Int)] = []
        var free: [Int]
        var end: Result<Void, UnpackError>?
        var isCancelled = false
    }

    private nonisolated(unsafe) let blocks: [UnsafeMutableRawBufferPointer]
    private let state: Monitor<State>

    init(blockCount: Int, blockByteCount: Int) {
        blocks = (0..<blockCount).map { _ in .allocate(byteCount: blockByteCount, alignment: 4096) }
        state = Monitor(State(free: Array((0..<blockCount).reversed())))
    }

    deinit { for block in blocks { block.deallocate() } }

    // MARK: The writing side

    /// A free block; nil when the reading side has given up.
    func acquire() -> (index: Int, bytes: UnsafeMutableRawBufferPointer)? {
        let index = state.wait { state -> Int?? in
            if state.isCancelled { return .some(nil) }
            return state.free.popLast().map { .some($0) }
        }
        return index.map { ($0, blocks[$0]) }
    }

    func publish(_ index: Int, byteCount: Int) { state.update { $0.filled.append((index, byteCount)) } }

    /// Ends the stream, with an error or without.
    func end(_ result: Result<Void, UnpackError>) { state.update { $0.end = $0.end ?? result } }

    var isCancelled: Bool { state.update { $0.isCancelled } }

    // MARK: The reading side

    /// The next block, giving the last one back; nil at the end.
    func next(after last: Int?) throws(UnpackError) -> (index: Int, bytes: UnsafeRawBufferPointer)? {
        if let last { state.update { $0.free.append(last) } }
        let outcome = state.wait { state -> Result<(index: Int, byteCount: Int)?, UnpackError>? in
            if !state.filled.isEmpty { return .success(state.filled.removeFirst()) }
            return state.end.map { end in end.map { nil } }
        }
        guard let (index, byteCount) = try outcome.get() else { return nil }
        return (index, UnsafeRawBufferPointer(rebasing: blocks[index][..<byteCount]))
    }

    /// The reading side wants no more.
    func cancel() { state.update { $0.isCancelled = true } }
}
