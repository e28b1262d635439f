internal import Glibc

/// A file that one thread writes while another unpacks it.
///
/// The writer says how far the file is good; the reader waits for more. When the content turns out to be void, the
/// reader gets an error, and after `started` the next reader begins with the new file.
public final class GrowingFile: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        var retired: [Int32] = []
        var byteCount: Int64 = 0
        var isFinished = false
        var failure: UnpackError?
        /// Counts contents: a reader keeps to the one it began with.
        var generation = 0
    }

    private let state = Monitor(State())

    /// Nothing is there yet: a reader waits until `started` and `appended` tell of bytes.
    public init() {}

    deinit {
        state.update { state in
            for descriptor in state.retired + [state.descriptor] where descriptor >= 0 { close(descriptor) }
        }
    }

    /// The file is there and its first `byteCount` bytes are good. May be called again for the same file.
    public func started(path: String, byteCount: Int64) throws(SystemError) {
        let opened = retrying { open(path, O_RDONLY | O_CLOEXEC) }
        guard opened >= 0 else { throw .last("open \(path)") }
        state.update { state in
            if state.descriptor >= 0 {
                var old = stat()
                var new = stat()
                if fstat(state.descriptor, &old) == 0, fstat(opened, &new) == 0, old.st_ino != new.st_ino {
                    state.generation += 1
                }
                // A reader may be using it.
                state.retired.append(state.descriptor)
            }
            state.descriptor = opened
            state.byteCount = byteCount
            state.failure = nil
            state.isFinished = false
        }
    }

    /// The file's first `byteCount` bytes are good.
    public func appended(byteCount: Int64) { state.update { $0.byteCount = max($0.byteCount, byteCount) } }

    /// Everything read so far is void.
    public func restarted() {
        state.update {
            $0.generation += 1
            $0.byteCount = 0
        }
    }

    /// The file is whole.
    public func finish() { state.update { $0.isFinished = true } }

    /// No more will come.
    public func fail(_ reason: String) { state.update { $0.failure = .sourceEnded(reason: reason) } }

    /// Wakes a waiting reader so that it sees that it was cancelled.
    func wake() { state.update { _ in } }

    var generation: Int { state.update { $0.generation } }

    /// Reads at `offset`, waiting for at least one byte; 0 at the end of the finished file.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, generation: Int, isCancelled: () -> Bool
    ) throws(UnpackError) -> Int {
        let outcome = state.wait { state -> Result<(Int32, Int64), UnpackError>? in
            if isCancelled() { return .failure(.sourceEnded(reason: "stopped on request")) }
            if state.generation != generation {
                return .failure(.sourceEnded(reason: "its content changed while it was fetched"))
            }
            if state.byteCount > offset, state.descriptor >= 0 { return .success((state.descriptor, state.byteCount)) }
            if let failure = state.failure { return .failure(failure) }
            return state.isFinished ? .success((state.descriptor, offset)) : nil
        }
        let (descriptor, end) = try outcome.get()
        let wanted = min(Int(clamping: end - offset), buffer.count)
        guard wanted > 0 else { return 0 }
        let count = retrying { pread(descriptor, buffer.baseAddress, wanted, off_t(offset)) }
        guard count > 0 else {
            throw .system(count < 0 ? .last("read package") : SystemError("read package", code: EIO))
        }
        return count
    }
}

/// Where a package's bytes come from.
public enum ArchiveSource: Sendable {
    /// The file at this path, which is whole.
    case file(String)
    /// A file that another thread is still writing.
    case growing(GrowingFile)
}
